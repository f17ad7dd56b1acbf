"""Figures of measurement_guidance: slips of the printed lines, and the noise of y_{t-1}."""

import numpy as np

from theorylab.figures import MEASURED, REFUTED_COLOUR, THEORY, subplots


def draw(result):
    """How far each slip leads from the sampler; the noise that is compared, and should be."""
    figure, (slips, noises) = subplots(2, 1, aspect=0.66)
    _slips(slips, result.data["paths"])
    _noises(noises, result.data["measured_noise"])
    return figure


def _slips(axes, paths):
    rows = [
        (f"{name}: {slip}", paths[arm].sel({f"{arm}_slip": slip}).values)
        for arm, name in (("diffpir", "DiffPIR"), ("dps_yt", "DPS-$y_t$"))
        for slip in paths[f"{arm}_slip"].values
    ]
    for place, (label, errors) in enumerate(reversed(rows)):
        right = label.endswith(("printed", "corrected")) and not label.endswith("as printed")
        colour = MEASURED if right else REFUTED_COLOUR
        axes.plot(np.maximum(errors, 1e-17), np.full(len(errors), place), "o", color=colour, ms=3)
    axes.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)], size="x-small")
    axes.axvline(1e-7, color=THEORY, lw=0.7, ls=":")
    axes.set(xscale="log", xlabel="distance of the last states, same noise")
    axes.set_title("(a) The sampler against the printed lines", loc="left")


def _noises(axes, noise):
    square = noise.square.values.ravel()
    grid = np.geomspace(square.min() / 1.3, square.max() * 1.3, 100)
    for kind, curve, marker, colour, name in (
        ("H xi", np.ones_like(grid), "o", MEASURED, r"$H\xi$, coloured"),
        ("xi", 1 / grid, "s", REFUTED_COLOUR, r"$\xi$, as used"),
    ):
        ratio = noise.total.sel(noise=kind) / noise.draws
        axes.plot(grid, curve, color=colour, lw=0.9)
        axes.plot(square, ratio.values.ravel(), marker, color=colour, label=name)
    axes.set(xscale="log", yscale="log", xlabel="eigenvalue of $HH'$")
    for axis in (axes.xaxis, axes.yaxis):
        ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10]
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set(xlim=(grid[0], grid[-1]), ylim=(0.5 / grid[-1], 2 / grid[0]))
    axes.minorticks_off()
    axes.set_ylabel(r"variance / that of $Hx_{t-1}$")
    axes.set_title(r"(b) Noise of $y_{t-1}$ along the eigenvectors", loc="left")
    axes.legend()
