"""Figures of denoising_as_projection: the way back from little noise, and the ideal denoiser."""

import math

import numpy as np
from matplotlib.lines import Line2D
from scipy import stats

from theorylab.figures import BOUND, CATEGORICAL, MEASURED, REFUTED_COLOUR, THEORY, subplots

MARKERS = "osD^v"
IMAGES = {"digits": "digits", "fashion-mnist": "Fashion-MNIST"}


def draw(result):
    """(a) Where noised points project; (b) relative error of the ideal denoiser along DDIM."""
    figure, (back, along) = subplots(2, 1, aspect=0.62)
    _errors(back, result.data["tubes"])
    _trajectories(along, result.data["trajectories"])
    return figure


def draw_normal_share(result):
    """How much of the noise is normal to the set, against its Beta law."""
    tubes = result.data["tubes"]
    figure, axes = subplots()
    edges = np.linspace(0, 1, 81)
    centres, p = (edges[1:] + edges[:-1]) / 2, np.linspace(0, 1, 801)[1:-1]
    n = int(tubes.dim.values.min())
    for shape, colour, marker in zip(
        ("line", "torus", "20-sphere"), CATEGORICAL, MARKERS, strict=False
    ):
        d = int(tubes.intrinsic.sel(shape=shape, dim=n))
        density, _ = np.histogram(tubes.share.sel(shape=shape, dim=n), edges, density=True)
        shown = density > 0.02
        axes.plot(p, stats.beta((n - d) / 2, d / 2).pdf(p), color=colour)
        axes.plot(centres[shown], density[shown], marker, color=colour, ms=2.5, label=shape)
    axes.axvline(0.5, color=THEORY, lw=0.6, ls=":")
    axes.text(0.51, 6.5, "most of it is normal", va="center", size="small")
    axes.set(xlim=(0, 1), ylim=(0, 12), ylabel="density")
    axes.set_xlabel(r"share of the noise normal to $K$, $|P_N\epsilon|^2/|\epsilon|^2$")
    handles, _ = axes.get_legend_handles_labels()
    law = Line2D([], [], color=THEORY, label=r"Beta$(\frac{n-d}{2},\frac{d}{2})$, " f"$n={n}$")
    axes.legend(handles=[*handles, law], loc="upper left", fontsize="x-small")
    return figure


def draw_high_noise(result):
    """Distance of weighted means from the projection, and the angle between both directions."""
    far = result.data["far_away"]
    figure, (errors, turns) = subplots(1, 2, aspect=1.15, sharex=True)
    scale = far.scale.values
    names = {"ideal": "ideal denoiser", "mean": "mean of the data", "one point": "farthest point"}
    for (mean, name), colour, marker in zip(names.items(), CATEGORICAL, MARKERS, strict=False):
        some = far.sel(mean=mean)
        error = (some.error / some.distance).max(["query", "set"])
        style = (
            {"color": colour, "mfc": "none", "ms": 5.5} if mean == "ideal" else {"color": colour}
        )
        errors.plot(scale, error, marker, label=name, **style)
        turns.plot(scale, some.turn.max(["query", "set"]), marker, **style)
    fixed = far.turn.sel(mean="fixed x").max(["query", "set"])
    turns.plot(scale, fixed, "x", color=REFUTED_COLOUR, label="fixed $x$")
    h = np.geomspace(scale[0], scale[-1], 100)
    errors.plot(h, 1 / (h - 1), color=BOUND, label="bound")
    turns.plot(h, 1 / (2 * (h - 1) ** 2), color=BOUND)
    for axes in (errors, turns):
        axes.set(xscale="log", yscale="log", xlabel=r"$\sigma|\epsilon|/D$")
    errors.set_ylabel(r"$|\hat x-\mathrm{proj}|/\mathrm{dist}$, largest")
    turns.set_ylabel(r"$1-\cos$ of the angle, largest")
    errors.legend(fontsize="x-small", loc="lower left", borderpad=0)
    turns.legend(fontsize="x-small", loc="center right")
    return figure


def _errors(axes, tubes):
    ratio = tubes.ratio.values
    n = int(tubes.dim.values.max())
    u = math.sqrt(2 * math.log(40))
    grid = np.geomspace(1 + u / math.sqrt(n) + 0.02, 4.6, 200)
    for d, colour in ((1, CATEGORICAL[0]), (20, CATEGORICAL[1])):
        outer = (1 + u / math.sqrt(n)) / grid
        bound = (math.sqrt(d) + u) / (1 - outer) / math.sqrt(d)
        axes.plot(grid, bound, color=colour, ls="--", lw=0.9)
        axes.axhline(stats.chi(d).ppf(0.95) / math.sqrt(d), color=colour, lw=0.9)
        for offset, shape in (
            (0.985, "line" if d == 1 else "20-plane"),
            (1.015, "circle" if d == 1 else "20-sphere"),
        ):
            high = tubes.error.sel(shape=shape, dim=n).quantile(0.95, "sample") / math.sqrt(d)
            marker = "s" if shape in ("line", "20-plane") else "o"
            axes.plot(offset * ratio, high, marker, color=colour, ms=3.5, label=shape)
    axes.axhline(1, color=REFUTED_COLOUR, lw=0.8, ls=":")
    axes.text(4.6, 0.94, "as printed, constants 1", color=REFUTED_COLOUR, ha="right", va="top")
    axes.set(xscale="log", yscale="log", xlim=(1.1, 4.7), ylim=(0.5, 60))
    axes.set_xticks([1.2, 2, 3, 4], ["1.2", "2", "3", "4"])
    axes.minorticks_off()
    axes.set_xlabel(r"reach$/(\sigma\sqrt{n})$")
    axes.set_ylabel(r"error$/(\sigma\sqrt{d})$, 95 %")
    handles, _ = axes.get_legend_handles_labels()
    handles += [
        Line2D([], [], color=THEORY, label=r"$\chi_d$"),
        Line2D([], [], color=THEORY, ls="--", label="bound"),
    ]
    axes.legend(handles=handles, ncols=2, loc="upper right", fontsize="x-small")
    axes.set_title(rf"(a) The way back from $x_0+\sigma\epsilon$, $n={n}$", loc="left")


def _trajectories(axes, trajectories):
    sigma = trajectories.sigma.values
    for (name, label), colour in zip(IMAGES.items(), (MEASURED, CATEGORICAL[1]), strict=True):
        if name not in trajectories.set:
            continue
        some = trajectories.sel(set=name)
        low, middle, high = (some.eta.quantile(q, "start") for q in (0.0, 0.5, 1.0))
        axes.fill_between(sigma, low, high, color=colour, alpha=0.2, lw=0)
        axes.plot(sigma, middle, "o-", color=colour, ms=2.5, lw=0.8, label=label)
        above = sigma > 20
        axes.plot(sigma[above], some.bound.mean("start")[above], color=colour, ls="--", lw=0.8)
    axes.axhline(0.1, color=THEORY, lw=0.6, ls=":")
    axes.set(xscale="log", yscale="log", ylim=(5e-4, 1.5), xlim=(0.1, 900))
    axes.set_xlabel(r"noise level $\sigma$")
    axes.set_ylabel(r"$\eta=|D-\mathrm{proj}|/\mathrm{dist}$")
    handles, _ = axes.get_legend_handles_labels()
    handles.append(Line2D([], [], color=THEORY, ls="--", label="diameter bound"))
    axes.legend(handles=handles, loc="lower center", fontsize="x-small")
    axes.set_title("(b) Ideal denoiser along DDIM", loc="left")
