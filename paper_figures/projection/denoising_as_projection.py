"""Figures of denoising_as_projection: the way back from little noise, and its normal share."""

import math

import numpy as np
from scipy import stats

from theorylab.figures import BOUND, REFUTED_COLOUR, THEORY, arm, plain_ticks, subplots

#: Sets by their dimension; two of each, one of them curved.
SHAPES = {1: ("line", "circle"), 20: ("20-plane", "20-sphere")}


def draw(result):
    """Where noised points project: 95 % quantile of the distance from where they came from."""
    tubes = result.data["tubes"]
    figure, axes = subplots()
    ratio = tubes.ratio.values
    n = int(tubes.dim.values.max())
    u = math.sqrt(2 * math.log(40))
    grid = np.geomspace(1 + u / math.sqrt(n) + 0.02, 4.6, 200)
    for group, (d, shapes) in enumerate(SHAPES.items()):
        outer = (1 + u / math.sqrt(n)) / grid
        bound = (math.sqrt(d) + u) / (1 - outer) / math.sqrt(d)
        axes.plot(grid, bound, color=BOUND, ls="--", lw=0.9)
        height = 1.08 * np.interp(2.9, grid, bound)
        axes.text(2.9, height, f"bound, $d={d}$", color=BOUND, va="bottom", size="small")
        label = {} if group else {"label": r"$\chi_d$, flat sets"}
        axes.axhline(stats.chi(d).ppf(0.95) / math.sqrt(d), color=THEORY, lw=0.8, **label)
        for k, shape in enumerate(shapes):
            high = tubes.error.sel(shape=shape, dim=n).quantile(0.95, "sample") / math.sqrt(d)
            drawn = arm(2 * group + k) | {"ls": "", "label": shape}
            axes.plot((0.985, 1.015)[k] * ratio, high, **drawn)
    axes.axhline(1, color=REFUTED_COLOUR, lw=0.9, ls="--", label="as printed: 1")
    axes.set(xscale="log", yscale="log", xlim=(1.1, 4.7), ylim=(0.6, 300))
    plain_ticks(axes.xaxis, (1.2, 2, 3, 4))
    plain_ticks(axes.yaxis)
    axes.set_xlabel(r"reach$\,/\,(\sigma\sqrt{n})$")
    axes.set_ylabel(r"error$\,/\,(\sigma\sqrt{d})$, 95 % quantile")
    axes.legend(ncols=2, loc="upper right", columnspacing=1)
    axes.set_title(rf"The way back from $x_0+\sigma\epsilon$, $n={n}$")
    return figure


def draw_normal_share(result):
    """How much of the noise is normal to the set, against Beta((n - d)/2, d/2)."""
    tubes = result.data["tubes"]
    figure, axes = subplots()
    edges = np.linspace(0, 1, 61)
    centres, p = (edges[1:] + edges[:-1]) / 2, np.linspace(0, 1, 801)[1:-1]
    n = int(tubes.dim.values.min())
    for k, shape in enumerate(("line", "torus", "20-sphere")):
        d = int(tubes.intrinsic.sel(shape=shape, dim=n))
        density, _ = np.histogram(tubes.share.sel(shape=shape, dim=n), edges, density=True)
        shown = density > 0.02
        axes.plot(p, stats.beta((n - d) / 2, d / 2).pdf(p), color=THEORY, lw=0.8, zorder=0)
        label = f"{shape}, $d={d}$"
        axes.plot(centres[shown], density[shown], **arm(k), ls="", ms=2.5, label=label)
    axes.plot([], [], color=THEORY, lw=0.8, label=f"Beta law, $n={n}$")
    axes.axvline(0.5, color=THEORY, lw=0.6, ls=":")
    axes.text(0.51, 6.5, r"most of it normal $\rightarrow$", va="center", size="small")
    axes.set(xlim=(0, 1), ylim=(0, 12), ylabel="density")
    axes.set_xlabel(r"share of the noise normal to $K$, $|P_N\epsilon|^2/|\epsilon|^2$")
    axes.legend(loc="upper left")
    return figure
