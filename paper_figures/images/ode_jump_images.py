"""Figures of ode_jump_images: distance by the level of the jump, and what the outputs look like."""

import torch

from theorylab.figures import CATEGORICAL, subplots
from theorylab.images.pictures import grid


def draw(result):
    """Kernel distance of the output and of the state, mean over groups, by the jump's level."""
    kernel = result.data["jumps"].kernel.mean("group")
    figure, axes = subplots(aspect=0.6)
    for k, n in enumerate(kernel.evaluations.values):
        colour = CATEGORICAL[k]
        at = kernel.sel(evaluations=n)
        axes.plot(at.jump, at.sel(image="output"), "o-", color=colour, label=f"output, {n}")
        axes.plot(at.jump, at.sel(image="state"), "s:", color=colour, label=f"state, {n}")
    axes.set(xscale="log", yscale="log", xlabel="jump from noise level $s$")
    axes.set_ylabel("kernel distance")
    axes.legend(title="evaluations", ncols=2)
    return figure


def draw_samples(result):
    """The same initial noise, by the jump's level and the evaluations spent."""
    shown = result.data["jumps"].shown
    counts = shown.evaluations.values[:2]
    figure, axes = subplots(shown.sizes["jump"], len(counts), aspect=0.3)
    for row, jump in zip(axes, shown.jump.values, strict=True):
        for ax, n in zip(row, counts, strict=True):
            images = torch.from_numpy(shown.sel(jump=jump, evaluations=n).values[:5].copy())
            ax.imshow(grid(images, columns=5), cmap="gray", vmin=0, vmax=255)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if jump == shown.jump.values[0]:
                ax.set_title(f"{n} evaluations")
        row[0].set_ylabel(f"$s={jump:g}$", rotation=0, ha="right", va="center")
    return figure
