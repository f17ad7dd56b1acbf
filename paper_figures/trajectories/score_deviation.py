"""Figures of score_deviation: the deviation in two metrics; and steps of a traversal."""

import numpy as np

from theorylab import figures


def draw(result):
    """Deviation from the optimal denoiser against sigma: as denoisers, and as scores."""
    d = result.data["deviations"].deviation.sel(dim=8, at="training points")
    figure, panels = figures.subplots(1, 2, aspect=1.05, sharex=True)
    for axes, metric, label in zip(
        panels,
        ("denoiser", "score"),
        (r"$|D-r^*|\,/\,\sqrt{\mathrm{tr}\,C}$", r"$|D-r^*|\,/\,|x-r^*|$"),
        strict=True,
    ):
        for arm, colour, marker in zip(d.arm.values, figures.CATEGORICAL, "osD", strict=False):
            values = d.sel(arm=arm, metric=metric)
            axes.plot(d.sigma, values, marker=marker, color=colour, ms=2.5, label=arm)
        axes.axhline(0.1, color=figures.BOUND, ls="--", lw=0.7)
        axes.set(xscale="log", yscale="log", xlabel=r"$\sigma$", ylabel=label)
    panels[0].set_title("(a) denoisers", loc="left")
    panels[1].set_title("(b) scores", loc="left")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7)
    return figure


def draw_traversal(result):
    """Distance between neighbouring outputs along a spherical path between two latents."""
    d = result.data["traversals"].sel(path="slerp")
    figure, axes = figures.subplots(aspect=0.65)
    weight = (np.arange(d.sizes["part"]) + 0.5) / d.sizes["part"]
    for name, colour, style in zip(
        d.denoiser.values, figures.CATEGORICAL, ("-", "--", ":"), strict=False
    ):
        steps = d.steps.sel(denoiser=name)
        axes.plot(weight, np.maximum(steps, 1e-4), color=colour, ls=style, label=name)
    axes.axhline(float(d.spacing[0]), color=figures.BOUND, lw=0.7, label="closest two digits")
    axes.set(yscale="log", xlabel=r"interpolation weight $\lambda$", ylim=(5e-5, 20))
    axes.set_ylabel("step between outputs")
    figure.legend(loc="outside lower center", ncols=4, fontsize=6)
    return figure
