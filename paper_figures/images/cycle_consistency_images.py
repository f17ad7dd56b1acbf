"""Cycle consistency: the round trip's error by step count, and what returns."""

import numpy as np

from theorylab.figures import CATEGORICAL, THEORY, subplots

MARKERS = {"Euler": "o", "Heun": "s", "Euler, DDPM back": "v"}
NAMES = {"Euler": "DDIM", "Heun": "Heun", "Euler, DDPM back": "DDIM up, DDPM down"}
ORDERS = {"Euler": 1, "Heun": 3}


def draw(result):
    """Error against the number of steps, with the slopes of the theory."""
    found = result.data["cycles"]
    figure, axes = subplots()
    steps = found.steps.values
    for (solver, marker), colour in zip(MARKERS.items(), CATEGORICAL, strict=False):
        error = np.exp(np.log(found.error.sel(solver=solver)).mean("image")).values
        axes.plot(steps, error, marker, color=colour, label=NAMES[solver])
        if solver in ORDERS:
            slope = error[-1] * (steps / steps[-1]) ** -float(ORDERS[solver])
            axes.plot(steps, slope, color=colour, lw=0.8)
    axes.plot([], [], color=THEORY, lw=0.8, label="orders 1 and 3")
    axes.set(xscale="log", yscale="log", xlabel="steps each way", ylim=(None, 4))
    axes.set_ylabel(r"$\|x'-x\|\,/\,\|x-\bar{x}\|$")
    axes.set_xticks(steps, [str(n) for n in steps])
    axes.minorticks_off()
    axes.legend(fontsize="x-small", loc="lower left")
    return figure


def draw_returns(result):
    """The start and what comes back, by number of steps."""
    shown = result.data["cycles"].shown
    steps = shown.steps.values
    figure, axes = subplots(len(MARKERS), 1 + len(steps), aspect=1.0, squeeze=False)
    for i, solver in enumerate(MARKERS):
        row = shown.sel(solver=solver).isel(example=i % shown.sizes["example"])
        pictures = [row.sel(kind="start").isel(steps=0)]
        pictures += [row.sel(kind="return", steps=n) for n in steps]
        for cell, picture in zip(axes[i], pictures, strict=True):
            cell.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="none")
            cell.set(xticks=[], yticks=[])
        axes[i, 0].set_ylabel(NAMES[solver].replace(", ", ",\n"), fontsize="xx-small")
    for cell, title in zip(axes[0], ["start", *(f"{n} steps" for n in steps)], strict=True):
        cell.set_title(title, fontsize="x-small")
    return figure
