"""How loose the W2 bound is for several laws, and what the jump gains as measurements add up."""

import numpy as np
from matplotlib.ticker import NullFormatter

from theorylab import figures

PHI = (1 + np.sqrt(5)) / 2
LAWS = ("normal", "mixture", "two points", "lattice")
MARKERS = ("o", "s", "^", "D")


def draw(result):
    """W2^2 over its bound against s: the bound 1, the Gaussian constant phi^-5, four laws."""
    distances = result.data["distances"]
    figure, axes = figures.subplots(aspect=0.75)
    axes.axhline(1, color=figures.BOUND, ls="--", label=r"bound $\sigma^2 d/m$")
    axes.axhline(PHI**-5, color=figures.THEORY, ls=":", label=r"Gaussian supremum $\varphi^{-5}$")
    t = np.geomspace(0.01, 5, 200)
    axes.plot(
        t, (1 - (1 + t**2) ** -0.5) ** 2 / t**2, color=figures.THEORY, lw=0.8, label="normal, exact"
    )
    for law, marker, colour in zip(LAWS, MARKERS, figures.CATEGORICAL, strict=False):
        d = distances.sel(law=law)
        noise = (d.sigma / np.sqrt(d.m)).stack(point=("m", "sigma"))
        ratio = (d.w2_squared.stack(point=("m", "sigma")) / noise**2).values
        s, first = np.unique(noise.values, return_index=True)
        ratio = ratio[first]
        seen = ratio > 1e-5
        axes.plot(s[seen], ratio[seen], marker, color=colour, mfc="white", mew=1, label=law)
    axes.set(
        xscale="log",
        yscale="log",
        ylim=(3e-6, 3),
        xlabel=r"noise of the mean, $s=\sigma/\sqrt{m}$",
        ylabel=r"$W_2^2\,/\,(\sigma^2 d/m)$",
    )
    axes.legend(
        fontsize=6,
        ncol=2,
        loc="lower right",
        bbox_to_anchor=(1.02, 0),
        columnspacing=0.8,
        handletextpad=0.4,
    )
    return figure


def draw_jumps(result):
    """W2^2 of the mean after no, half and a full jump: smooth prior and two points."""
    data = result.data["small_noise"]
    fisher = float(result.data["references"].fisher)
    figure, panels = figures.subplots(1, 2, aspect=1.15, sharey=True)
    for axes, prior, title in zip(
        panels, ("mixture", "two points"), ("smooth prior", "two points"), strict=True
    ):
        for step, marker, colour, label in zip(
            (0.0, 0.5, 1.0),
            ("o", "s", "^"),
            figures.CATEGORICAL,
            ("no jump", "half jump", "full jump"),
            strict=False,
        ):
            d = data.sel(prior=prior, step=step)
            seen = d.w2_squared.values > 1e-14
            axes.plot(
                d.s.values[seen],
                d.w2_squared.values[seen],
                marker,
                color=colour,
                mfc="white",
                mew=1,
                label=label,
            )
        s = data.s.values
        axes.plot(s, s**2, color=figures.BOUND, ls="--", label="bound $s^2$")
        if prior == "mixture":
            axes.plot(s, s**4 * fisher / 4, color=figures.THEORY, lw=0.8, label=r"$s^4 J/4$")
            half = data.sel(prior=prior, step=0.5).w2_squared.values[-1]
            axes.plot(s, half * (s / s[-1]) ** 8, color=figures.THEORY, ls=":", label=r"$\sim s^8$")
        axes.set(xscale="log", yscale="log", xlabel=r"$s=\sigma/\sqrt{m}$", title=title)
        axes.set_ylim(1e-13, 1)
        axes.set_xticks([0.03, 0.1, 0.3], ["0.03", "0.1", "0.3"])
        axes.xaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylabel("$W_2^2$ to the law of $X$")
    panels[0].legend(fontsize=5.5, loc="lower right", handletextpad=0.4, labelspacing=0.2)
    return figure
