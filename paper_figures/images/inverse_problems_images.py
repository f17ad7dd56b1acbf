"""Inverse problems: what was measured and what was drawn; the errors and their spread."""

import numpy as np

from theorylab.figures import THEORY, arm, legend_below, name_cells, pictures, show, shows, subplots

SAMPLERS = ("DPS", "DPS-y_t", "DiffPIR")
ARMS = (*SAMPLERS, "untrained", "linear")
NAMES = {"DPS-y_t": r"DPS-$y_t$"}
PROBLEMS = {"inpainting": "inpaint", "super-resolution": r"$2\times2$", "deblurring": "blur"}


@shows("inverse-problems-images-dps-restores", "inverse-problems-images-diffpir-restores")
def draw(result):
    """One image of each inverse problem: the truth, what was measured of it, a draw of each
    sampler, and one with an untrained network.
    """
    found = result.data["restorations"].shown
    columns = ["truth", "input", *SAMPLERS, "untrained"]
    problems = found.problem.values
    figure, cells = pictures(len(problems), len(columns))
    for i, problem in enumerate(problems):
        one = found.sel(problem=problem).isel(example=i % found.sizes["example"])
        for cell, column in zip(cells[i], columns, strict=True):
            if column in ("truth", "input"):
                show(cell, one.sel(kind=column, arm="input"))
            else:
                show(cell, one.sel(kind="first draw", arm=column))
    name_cells(cells, [PROBLEMS[p] for p in problems], [NAMES.get(c, c) for c in columns])
    return figure


@shows("inverse-problems-images-dps-calibrated", "inverse-problems-images-diffpir-calibrated")
def draw_errors(result):
    """(a) How near the restored image comes to the truth; (b) the squared distance of two draws
    over that of a draw and the truth, which is 1 for draws of the posterior.
    """
    found = result.data["restorations"]
    figure, (left, right) = subplots(1, 2, aspect=1.35)
    decibels = 10 * np.log10(4 / found.error)
    place = np.arange(found.sizes["problem"])
    for k, name in enumerate(ARMS):
        x = place + (k - 2) * 0.15
        style = {"label": NAMES.get(name, name), "ls": ""} | arm(k)
        left.plot(x, decibels.sel(arm=name).mean("image"), **style)
        if name != "linear":
            one = found.sel(arm=name)
            right.plot(x, one.spread.mean("image") / one.error.mean("image"), **style)
    levels = decibels.sel(arm="input").mean("image").values
    left.hlines(levels, place - 0.4, place + 0.4, color=THEORY, ls=":", label="input")
    right.axhline(1, color=THEORY, label="posterior", lw=0.8)
    left.set(ylabel="PSNR (dB)", title="(a) Quality")
    right.set(ylabel=r"$E|x-x'|^2\,/\,E|x-x_0|^2$", ylim=(0, None), title="(b) Spread")
    for axes in (left, right):
        axes.set_xticks(place, [PROBLEMS[p] for p in found.problem.values])
        axes.set_xlim(-0.5, len(place) - 0.5)
    handles, _ = left.get_legend_handles_labels()
    legend_below(figure, [*handles, right.lines[-1]], columns=4)
    return figure
