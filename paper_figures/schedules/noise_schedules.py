"""Figures of noise_schedules: the plotted curves, and their W2."""

import numpy as np

from theorylab.figures import THEORY, arm, plain_ticks, subplots

NAMES = {"theirs": "log-linear (theirs)", "offset": "DDIM offset", "EDM": "EDM", "DDIM": "DDIM"}


def draw(result):
    """The four ten-step schedules, and the W2 that ten DDIM steps reach with each."""
    figure, (left, right) = subplots(1, 2, aspect=1.2)
    curves, distances = result.data["curves"], result.data["distances"]
    spectra = [name for name in distances.data.values if str(name).startswith("k^")]
    exponents = [-float(name[2:]) for name in spectra]
    for k, (schedule, name) in enumerate(NAMES.items()):
        left.plot(curves.step, np.exp(curves.log_sigma.sel(schedule=schedule)), **arm(k), ms=3)
        w2 = distances.w2.sel(schedule=schedule, data=spectra)
        right.plot(exponents, w2, **arm(k), ms=3, label=name)
    left.set(xlabel="step $t$", ylabel=r"noise level $\sigma_t$", yscale="log")
    left.set_title("(a) schedules, $N=10$")
    right.set(xlabel=r"$p$; spectrum $k^{-p}$", ylabel="$W_2$ to the data")
    plain_ticks(right.xaxis, exponents)
    right.set_title("(b) ten DDIM steps")
    figure.legend(loc="outside upper center", ncols=4, columnspacing=1)
    return figure


def draw_line(result):
    """W2 of ten DDIM steps on data on the line, over the best of the four."""
    distances = result.data["distances"]
    data = [name for name in distances.data.values if not str(name).startswith("k^")]
    figure, axes = subplots(aspect=0.62)
    least = distances.w2.min("schedule")
    for k, (schedule, name) in enumerate(NAMES.items()):
        ratio = (distances.w2.sel(schedule=schedule) / least).sel(data=data)
        places = np.arange(len(data)) + 0.12 * (k - 1.5)
        axes.plot(places, ratio, **arm(k), ls="", ms=4.5, label=name)
    axes.axhline(1, color=THEORY, lw=0.6, ls=":", zorder=0, label="the best")
    axes.set_xticks(range(len(data)), data)
    axes.set(xlim=(-0.5, len(data) - 0.5), ylabel="$W_2$ over the best of four")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
