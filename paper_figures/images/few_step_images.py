"""Figures of few_step_images: distance against evaluations, by weight, and samples to look at."""

import torch

from theorylab.figures import (
    REFUTED_COLOUR,
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

SHOWN = ("DDIM", "gradient estimation", "DPM-Solver++ 2M", "A-DDIM", "linear in sigma")


@shows("score-deviation-fid-nfe", "ge-gamma2-empirical-best-images-1")
def draw(result):
    r"""Fréchet distance between features of samples and of images: (a) by the number of
    evaluations; (b) of gradient estimation with $N$ evaluations, by its weight.
    """
    table, gammas = result.data["table"], result.data["gammas"]
    figure, (left, right) = subplots(1, 2, aspect=1.75)
    evaluations = table.evaluations.values
    arms = [a for a in table.arm.values if a != "linear in sigma"]
    for k, name in enumerate(arms):
        left.plot(evaluations, table.frechet.sel(arm=name), label=name, **arm(k))
    linear = {"marker": "x", "ls": "--", "color": REFUTED_COLOUR}
    distance = table.frechet.sel(arm="linear in sigma")
    left.plot(evaluations, distance, label=r"DDIM, linear in $\sigma$", **linear)
    left.set(xscale="log", yscale="log", xlabel="evaluations", ylabel="Fréchet distance")
    left.set_title("(a) Samplers")
    plain_ticks(left.xaxis, evaluations)
    for k, n in enumerate(gammas.evaluations.values):
        distance = gammas.frechet.sel(evaluations=n)
        right.plot(gammas.gamma, distance, label=f"$N={n}$", **arm(k))
    right.set(yscale="log", xlabel=r"weight $\gamma$", title="(b) Weights")
    right.set_xticks([1, 2, 3], ["1", "2\nproposed", "3"])
    for axes in (left, right):
        low, high = axes.get_ylim()
        ticks = [a * 10**b for b in range(-1, 3) for a in (1, 2, 3, 5)]
        plain_ticks(axes.yaxis, [v for v in ticks if low <= v <= high])
        axes.set_ylim(low, high)
    right.legend(loc="upper center")
    legend_below(figure, left.lines)
    return figure


@shows("table-sampler-fid-ddim-5")
def draw_samples(result):
    """Samples from the same initial noise, by sampler and number of evaluations."""
    shown = result.data["table"].shown
    arms = [a for a in SHOWN if a in shown.arm.values]
    counts = shown.evaluations.values[:3]
    figure, cells = pictures(len(arms), len(counts), aspect=0.25)
    for row, name in zip(cells, arms, strict=True):
        for cell, n in zip(row, counts, strict=True):
            images = torch.from_numpy(shown.sel(arm=name, evaluations=n).values[:4].copy())
            show(cell, grid(images, columns=4), low=0, high=255)
    rows = [a.replace("linear in sigma", "DDIM,\nlinear in $\\sigma$") for a in arms]
    rows = [a.replace("gradient ", "gradient\n").replace("++ 2M", "++\n2M") for a in rows]
    name_cells(cells, rows, [f"{n} evaluations" for n in counts])
    return figure
