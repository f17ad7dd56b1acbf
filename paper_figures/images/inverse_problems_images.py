"""Inverse problems: what was measured and what was drawn; the errors and their spread."""

import numpy as np

from theorylab.figures import BOUND, CATEGORICAL, THEORY, subplots

SAMPLERS = ("DPS", "DPS-y_t", "DiffPIR")
NAMES = {"DPS-y_t": r"DPS-$y_t$"}
MARKERS = {"DPS": "o", "DPS-y_t": "s", "DiffPIR": "D", "untrained": "v", "linear": "^"}
COLOURS = dict(zip(MARKERS, CATEGORICAL, strict=False))


def draw(result):
    """One image of each problem: truth, input, a draw of each sampler, the untrained network."""
    found = result.data["restorations"].shown
    columns = ["truth", "input", *SAMPLERS, "untrained"]
    problems = found.problem.values
    figure, axes = subplots(len(problems), len(columns), aspect=1.0, squeeze=False)
    for (i, problem), (j, column) in _product(problems, columns):
        one = found.sel(problem=problem).isel(example=i % found.sizes["example"])
        if column in ("truth", "input"):
            picture = one.sel(kind=column, arm="input")
        else:
            picture = one.sel(kind="first draw", arm=column)
        cell = axes[i, j]
        cell.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="none")
        cell.set(xticks=[], yticks=[])
        if i == 0:
            cell.set_title(NAMES.get(column, column), fontsize="x-small")
        if j == 0:
            cell.set_ylabel(problem.replace("super-resolution", "2 x 2"), fontsize="x-small")
    return figure


def draw_errors(result):
    """PSNR by problem, and the spread between draws over their error."""
    found = result.data["restorations"]
    figure, (left, right) = subplots(1, 2, aspect=1.25)
    decibels = 10 * np.log10(4 / found.error)
    place = np.arange(found.sizes["problem"])
    for k, (arm, marker) in enumerate(MARKERS.items()):
        shift = (k - 2) * 0.13
        style = {"color": COLOURS[arm], "label": NAMES.get(arm, arm)}
        left.plot(place + shift, decibels.sel(arm=arm).mean("image"), marker, **style)
        if arm != "linear":
            one = found.sel(arm=arm)
            ratio = one.spread.mean("image") / one.error.mean("image")
            right.plot(place + shift, ratio, marker, **style)
    for k, level in enumerate(decibels.sel(arm="input").mean("image").values):
        left.plot([k - 0.35, k + 0.35], [level, level], color=THEORY, lw=0.9)
    left.plot([], [], color=THEORY, lw=0.9, label="input")
    right.axhline(1, color=BOUND, ls="--", lw=0.9, label="posterior")
    left.set(ylabel="PSNR (dB)")
    right.set(ylabel=r"$E|x-x'|^2\,/\,E|x-x_0|^2$", ylim=(0, None))
    for axes in (left, right):
        axes.set_xticks(place, ["inpaint", r"$2\times2$", "blur"], fontsize="x-small")
        axes.set_xlim(-0.5, len(place) - 0.5)
    low, high = left.get_ylim()
    left.set_ylim(low, high + 0.45 * (high - low))
    left.legend(fontsize="xx-small", ncols=2, loc="upper center", columnspacing=0.6)
    right.legend(
        handles=[right.lines[-1]], fontsize="x-small", loc="lower right", borderaxespad=0.1
    )
    return figure


def _product(rows, columns):
    return [(a, b) for a in enumerate(rows) for b in enumerate(columns)]
