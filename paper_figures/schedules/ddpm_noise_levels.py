"""Figures of ddpm_noise_levels: what a DDPM step matches, and how large a predicted noise is."""

import numpy as np
from matplotlib.ticker import NullFormatter, ScalarFormatter

from theorylab.figures import CATEGORICAL, MEASURED, REFUTED_COLOUR, THEORY, subplots

MARKERS = "osD"


def draw(result):
    """Mean squares of a DDPM step over DDIM's: of the update, and of the noise that is left."""
    updates = result.data["updates"]
    figure, axes = subplots()
    r = np.linspace(0.02, 0.993, 400)
    axes.plot(r, (1 + r) / (1 - r), color=THEORY)
    axes.plot(updates.ratio, updates.average.sel(of="moved"), "o", color=MEASURED)
    axes.plot(updates.ratio, updates.average.sel(of="left"), "s", color=CATEGORICAL[1])
    axes.text(0.42, 6, r"the update: $\frac{1+r}{1-r}$", color=MEASURED, ha="right", va="bottom")
    axes.text(0.55, 0.85, "the noise left: 1", color=CATEGORICAL[1], ha="center", va="top")
    axes.plot([], [], color=THEORY, label="theory (points: samplers)")
    axes.axhline(1, color=REFUTED_COLOUR, ls="--", lw=1, label="the update, as printed")
    axes.set(yscale="log", xlabel=r"$r=\sigma_{t-1}/\sigma_t$", ylim=(0.5, 400), xlim=(0, 1))
    axes.set_ylabel("DDPM over DDIM, mean square")
    axes.legend(loc="upper left")
    return figure


def draw_estimates(result):
    """Mean square error of the estimated data point, and of the predicted noise."""
    errors = result.data["errors"]
    figure, (left, right) = subplots(1, 2, aspect=1.0)
    sigma = np.geomspace(0.05, 40, 200)
    for law, colour, marker in zip(errors.law.values, CATEGORICAL, MARKERS, strict=False):
        one = errors.sel(law=law)
        variance = float(one.variance)
        left.plot(sigma, sigma**2 / (variance + sigma**2), color=colour, lw=0.9)
        left.plot(one.sigma, one.mmse / variance, marker, color=colour, label=law)
        right.plot(one.sigma, one.eps_square, marker, color=colour)
        right.plot(one.sigma, 1 - one.mmse / one.sigma**2, color=colour, lw=0.9)
    left.set(yscale="log", ylabel=r"$E(\hat x_0-x_0)^2/\mathrm{Var}$", ylim=(1e-4, 3))
    right.set(ylabel=r"$E\,\epsilon^{*2}$", ylim=(0, 1.15))
    right.axhline(1, color=REFUTED_COLOUR, ls="--", lw=1)
    right.text(0.05, 1.03, "premise as printed", color=REFUTED_COLOUR, size="small")
    for axes in (left, right):
        axes.set(xscale="log", xlabel=r"noise level $\sigma$")
        axes.set_xticks([0.1, 1, 10])
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
    left.set_title("lines: best linear", loc="left", size="small")
    right.set_title(r"lines: $1-\mathrm{mmse}/\sigma^2$", loc="left", size="small")
    figure.legend(loc="outside upper center", ncols=3, handletextpad=0.1, columnspacing=1)
    return figure
