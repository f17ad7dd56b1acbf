"""Figures of noise_schedules: the plotted curves, their W2, and how normal noised data are."""

import numpy as np
from matplotlib.ticker import NullFormatter

from theorylab.figures import CATEGORICAL, THEORY, subplots

MARKERS = "osD^"
NAMES = {"theirs": "log-linear (theirs)", "offset": "DDIM offset", "EDM": "EDM", "DDIM": "DDIM"}


def draw(result):
    """The four ten-step schedules, and the W2 that ten DDIM steps reach with each."""
    figure, (left, right) = subplots(1, 2, aspect=1.15)
    curves, distances = result.data["curves"], result.data["distances"]
    spectra = [name for name in distances.data.values if str(name).startswith("k^")]
    exponents = [-float(name[2:]) for name in spectra]
    for schedule, colour, marker in zip(NAMES, CATEGORICAL, MARKERS, strict=False):
        drawn = {"color": colour, "marker": marker, "ms": 3}
        left.plot(curves.step, curves.log_sigma.sel(schedule=schedule), **drawn)
        w2 = distances.w2.sel(schedule=schedule, data=spectra)
        right.plot(exponents, w2, label=NAMES[schedule], **drawn)
    left.set(xlabel="step", ylabel=r"$\log\sigma_t$")
    left.set_title("schedules, $N=10$", loc="left", size="small")
    right.set(xlabel=r"$p$, spectrum $\lambda_k\propto k^{-p}$", ylabel="$W_2$ to the data")
    right.set_title("ten DDIM steps", loc="left", size="small")
    figure.legend(loc="outside upper center", ncols=2, columnspacing=1)
    return figure


def draw_line(result):
    """W2 of ten DDIM steps on data on the line, over the best of the four."""
    distances = result.data["distances"]
    data = [name for name in distances.data.values if not str(name).startswith("k^")]
    figure, axes = subplots()
    least = distances.w2.min("schedule")
    for k, (schedule, colour) in enumerate(zip(NAMES, CATEGORICAL, strict=False)):
        ratio = (distances.w2.sel(schedule=schedule) / least).sel(data=data)
        places = np.arange(len(data)) + 0.2 * (k - 1.5)
        axes.bar(places, ratio, 0.18, color=colour, label=NAMES[schedule])
    axes.axhline(1, color=THEORY, lw=0.8)
    axes.set_xticks(range(len(data)), data)
    axes.set(ylabel="$W_2$ over the best", ylim=(0, 2.4))
    axes.legend(ncols=2, loc="upper left")
    return figure


def draw_divergences(result):
    """KL of noised data from normal laws, and the leading terms."""
    d = result.data["divergences"]
    figure, axes = subplots()
    sigma = np.geomspace(2.3, 45, 100)
    third = float(d.third_cumulant.sel(law="skew"))
    rows = (
        ("off centre", "plain", 0.25 / (2 * sigma**2), r"$\mu\neq 0$: $\sigma^{-2}$"),
        ("two points", "plain", 1 / (4 * sigma**4), r"centred: $\sigma^{-4}$"),
        ("skew", "matched", third**2 / (12 * sigma**6), r"moments matched: $\sigma^{-6}$"),
        ("two points", "matched", 1 / (12 * sigma**8), r"and symmetric: $\sigma^{-8}$"),
    )
    for (law, to, leading, name), colour, marker in zip(rows, CATEGORICAL, MARKERS, strict=False):
        axes.plot(sigma, leading, color=colour)
        axes.plot(d.sigma, d[to].sel(law=law), marker, color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel=r"noise level $\sigma$")
    axes.set_ylabel(r"$KL(p_\sigma\,\|\,\mathrm{normal\ law})$")
    axes.set_xticks([2.5, 5, 10, 20, 40], ["2.5", "5", "10", "20", "40"])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.legend(loc="lower left")
    return figure
