"""Figures of few_step_images: distance against evaluations, by weight, and samples to look at."""

import torch
from matplotlib.ticker import LogLocator

from theorylab.figures import CATEGORICAL, REFUTED_COLOUR, subplots
from theorylab.images.pictures import grid

MARKERS = "osD^vPX*<"
SHOWN = ("DDIM", "gradient estimation", "DPM-Solver++ 2M", "A-DDIM", "linear in sigma")


def draw(result):
    """Fréchet distance in features against evaluations, and gradient estimation by its weight."""
    table, gammas = result.data["table"], result.data["gammas"]
    figure, (left, right) = subplots(1, 2, aspect=1.5)
    arms = [a for a in table.arm.values if a != "linear in sigma"]
    for k, arm in enumerate(arms):
        colour = CATEGORICAL[k % len(CATEGORICAL)]
        style = MARKERS[k] + ("-" if k < len(CATEGORICAL) else "--")
        left.plot(table.evaluations, table.frechet.sel(arm=arm), style, color=colour, label=arm)
    left.plot(
        table.evaluations,
        table.frechet.sel(arm="linear in sigma"),
        "x:",
        color=REFUTED_COLOUR,
        label=r"DDIM, linear in $\sigma$",
    )
    ticks = [str(n) for n in table.evaluations.values]
    left.set(xscale="log", yscale="log", xlabel="evaluations", ylabel="Fréchet distance")
    left.set_xticks(table.evaluations.values, ticks)
    left.set_xticks([], minor=True)
    for k, n in enumerate(gammas.evaluations.values):
        right.plot(
            gammas.gamma,
            gammas.frechet.sel(evaluations=n),
            MARKERS[k] + "-",
            color=CATEGORICAL[k],
            label=f"$N={n}$",
        )
    right.axvline(2, color=REFUTED_COLOUR, ls="--", lw=0.8)
    right.set(yscale="log", xlabel=r"weight $\gamma$")
    right.legend(loc="lower left")
    for axes in (left, right):
        # Whole numbers: an axis of less than two decades.
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def draw_samples(result):
    """The same initial noise, by sampler and number of evaluations."""
    shown = result.data["table"].shown
    arms = [a for a in SHOWN if a in shown.arm.values]
    counts = shown.evaluations.values[:3]
    figure, axes = subplots(len(arms), len(counts), aspect=0.32)
    for row, arm in zip(axes, arms, strict=True):
        for ax, n in zip(row, counts, strict=True):
            images = torch.from_numpy(shown.sel(arm=arm, evaluations=n).values[:4].copy())
            ax.imshow(grid(images, columns=4), cmap="gray", vmin=0, vmax=255)
            ax.set(xticks=[], yticks=[])
            for spine in ax.spines.values():
                spine.set_visible(False)
            if arm == arms[0]:
                ax.set_title(f"$N={n}$")
        row[0].set_ylabel(arm.replace(" ", "\n", 1), rotation=0, ha="right", va="center")
    return figure
