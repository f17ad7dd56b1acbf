"""Figures of score_deviation: the deviation in two metrics; and the path of a traversal."""

import numpy as np

from theorylab.figures import BOUND, THEORY, arm, subplots

#: Denoisers by their arms, the same in both figures.
ARMS = {"Wiener": 0, "smooth": 1, "smoothed": 1, "untrained": 2, "optimal": 3}


def draw(result):
    """Deviation from the optimal denoiser against sigma: as denoisers, and as scores."""
    d = result.data["deviations"].deviation.sel(dim=8, at="training points")
    figure, panels = subplots(1, 2, aspect=1.2, sharex=True)
    for axes, metric, title, label in zip(
        panels,
        ("denoiser", "score"),
        ("(a) denoisers", "(b) scores"),
        (r"$|D-r^*|\,/\,\sqrt{\mathrm{tr}\,C}$", r"$|D-r^*|\,/\,|x-r^*|$"),
        strict=True,
    ):
        for name in d.arm.values:
            values = d.sel(arm=name, metric=metric)
            axes.plot(d.sigma, values, **arm(ARMS[str(name)]), ms=2.5, label=name)
        axes.axhline(0.1, color=BOUND, ls="--", lw=0.9, label="margin: 0.1")
        axes.set(xscale="log", yscale="log", xlabel=r"noise level $\sigma$", ylabel=label)
        axes.set_title(title)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def draw_traversal(result):
    """Length of the outputs' path along a spherical path between two latents."""
    d = result.data["traversals"].sel(path="slerp")
    figure, axes = subplots(aspect=0.7)
    weight = np.arange(d.sizes["part"] + 1) / d.sizes["part"]
    for name in d.denoiser.values:
        length = np.concatenate([[0], np.cumsum(d.steps.sel(denoiser=name).values)])
        drawn = arm(ARMS[str(name)]) | {"ms": 3, "markevery": 8}
        axes.plot(weight, length, **drawn, lw=0.9, label=name)
    top, gap = axes.get_ylim()[1], float(d.spacing[0])
    axes.plot([0.04, 0.04], [0.5 * top, 0.5 * top + gap], "_-", color=THEORY, lw=0.9)
    axes.text(0.06, 0.5 * top + gap / 2, "closest two digits", va="center", size="small")
    axes.set(xlabel=r"interpolation weight $\lambda$", ylabel="length of the outputs' path")
    axes.legend(loc="upper left")
    return figure
