"""Cycle consistency: the round trip's error by step count, and what returns."""

import numpy as np

from theorylab.figures import (
    THEORY,
    arm,
    key,
    name_cells,
    pictures,
    plain_ticks,
    show,
    shows,
    subplots,
)

NAMES = {"Euler": "DDIM", "Heun": "Heun", "Euler, DDPM back": "DDIM up, DDPM down"}
ORDERS = {"Euler": 1, "Heun": 3}


@shows("cycle-consistency-images-euler-order", "cycle-consistency-images-heun-order")
def draw(result):
    """How far images return from where they started, after as many steps up as down."""
    found = result.data["cycles"]
    figure, axes = subplots()
    steps = found.steps.values
    for k, (solver, name) in enumerate(NAMES.items()):
        error = np.exp(np.log(found.error.sel(solver=solver)).mean("image")).values
        axes.plot(steps, error, ls="", label=name, **arm(k))
        if solver in ORDERS:
            slope = error[-1] * (steps / steps[-1]) ** -float(ORDERS[solver])
            axes.plot(steps, slope, ":", color=THEORY)
    axes.set(xscale="log", yscale="log", xlabel="steps each way", ylim=(None, 4))
    axes.set_ylabel(r"$\|x'-x\|\,/\,\|x-\bar{x}\|$")
    plain_ticks(axes.xaxis, steps)
    handles, _ = axes.get_legend_handles_labels()
    slopes = key("slopes of orders 1 and 3", ls=":", color=THEORY)
    axes.legend(handles=[*handles, slopes], loc="lower left")
    return figure


@shows("cycle-consistency-images-few-steps")
def draw_returns(result):
    """An image, and what returns after a round trip of so many steps each way."""
    shown = result.data["cycles"].shown
    steps = shown.steps.values
    figure, cells = pictures(len(NAMES), 1 + len(steps))
    for i, solver in enumerate(NAMES):
        row = shown.sel(solver=solver).isel(example=i % shown.sizes["example"])
        show(cells[i, 0], row.sel(kind="start").isel(steps=0))
        for cell, n in zip(cells[i, 1:], steps, strict=True):
            show(cell, row.sel(kind="return", steps=n))
    rows = [name.replace(", ", ",\n") for name in NAMES.values()]
    name_cells(cells, rows, ["start", *(f"{n} steps" for n in steps)])
    return figure
