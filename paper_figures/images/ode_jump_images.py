"""Figures of ode_jump_images: distance by the level of the jump, and what the outputs look like."""

import torch

from theorylab.figures import (
    arm,
    legend_below,
    name_cells,
    pictures,
    plain_ticks,
    show,
    shows,
    subplots,
)
from theorylab.images.pictures import grid


@shows("ode-jump-images-0.3-9", "ode-jump-images-1-17-reversed")
def draw(result):
    """Kernel distance from the data, by the noise level from which the sampler jumps to the end:
    of its output and, open markers, of the state from which it jumps.
    """
    kernel = result.data["jumps"].kernel.mean("group")
    figure, axes = subplots(aspect=0.75)
    for k, n in enumerate(kernel.evaluations.values):
        at = kernel.sel(evaluations=n)
        axes.plot(at.jump, at.sel(image="output"), label=f"output, {n}", **arm(k))
        style = arm(k) | {"mfc": "white", "lw": 0.7, "label": f"state, {n}"}
        axes.plot(at.jump, at.sel(image="state"), **style)
    axes.set(xscale="log", yscale="log", xlabel="jump from noise level $s$")
    axes.set_ylabel("kernel distance")
    plain_ticks(axes.xaxis, kernel.jump.values)
    legend_below(figure, axes.lines, columns=kernel.sizes["evaluations"], title="evaluations")
    return figure


@shows("ode-jump-images-same-state")
def draw_samples(result):
    """Samples from the same initial noise, by the jump's noise level and number of evaluations."""
    shown = result.data["jumps"].shown
    counts = shown.evaluations.values[:2]
    figure, cells = pictures(shown.sizes["jump"], len(counts), aspect=0.2)
    for row, jump in zip(cells, shown.jump.values, strict=True):
        for cell, n in zip(row, counts, strict=True):
            images = torch.from_numpy(shown.sel(jump=jump, evaluations=n).values[:5].copy())
            show(cell, grid(images, columns=5), low=0, high=255)
    rows = [f"$s={jump:g}$" for jump in shown.jump.values]
    name_cells(cells, rows, [f"{n} evaluations" for n in counts])
    return figure
