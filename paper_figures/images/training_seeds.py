"""Figures of training_seeds: relative error by seed, one number a network, the same noise drawn."""

import numpy as np
from scipy.special import stdtrit

from theorylab.evidence import ALPHA
from theorylab.figures import (
    BOUND,
    MEASURED,
    THEORY,
    arm,
    key,
    legend_below,
    name_cells,
    pictures,
    plain_ticks,
    show,
    shows,
    subplots,
)


@shows(
    "learned-denoiser-approximates-projection-seeds-large-noise",
    "learned-denoiser-approximates-projection-seeds-small-noise",
    "learned-denoiser-approximates-projection-seeds-as-stated",
)
def draw(result):
    """Relative error of the projection, mean over paths: a line for each training seed. Dotted:
    where the claims about large and small noise end.
    """
    eta = result.data["trajectories"].eta.mean("path")
    figure, axes = subplots()
    others = {"untrained": ("untrained", "--"), "ideal": ("ideal denoiser", "-.")}
    for name, (label, dashes) in others.items():
        mean = eta.sel(denoiser=name).mean("seed")
        axes.plot(eta.sigma, mean, dashes, color=THEORY, lw=0.9, label=label)
    for k, seed in enumerate(eta.seed.values):
        line = eta.sel(denoiser="network", seed=seed)
        axes.plot(eta.sigma, line, label=f"seed {seed}", ms=3, lw=0.8, **arm(k))
    for bound, low, high in ((0.2, 2.9, 50), (0.5, 0.045, 0.1)):
        axes.plot([low, high], [bound] * 2, color=BOUND, lw=1.4)
        axes.axvline(low if bound < 0.5 else high, color=BOUND, ls=":", lw=0.8)
    axes.set(xscale="log", ylim=(0, 1.05), xlabel=r"$\sigma$", ylabel=r"relative error $\eta$")
    handles, _ = axes.get_legend_handles_labels()
    legend_below(figure, [*handles, key("bounds claimed", color=BOUND)], columns=3)
    return figure


@shows(
    "obs1-straight-vs-bent-seeds",
    "conclusion-origin-and-gap-seeds-generalise",
    "figure-visual-comparisons-seeds-five-steps",
    "ddpm-noise-norm-premise-seeds-as-stated",
)
def draw_networks(result):
    """One point for each network: (a) denoising over sampling trajectory, deviations from their
    chords; (b) distance of a sample from the training images over their spacing; (c) distance from
    the flow's end, gradient estimation over DDIM, five steps; (d) squared norm of the predicted
    noise at sigma = 0.1 (+: error added). Dashed: the bound; shaded: Student's interval for the
    mean of the logarithm.
    """
    d, spacing = result.data["trajectories"], result.data["spacing"].nearest
    network = d.sel(denoiser="network")
    logs = np.log(network.deviation)
    bent = np.exp((logs.sel(trajectory="denoising") - logs.sel(trajectory="sampling")).mean("path"))
    apart = np.exp(np.log(network.nearest).mean("path") - np.log(spacing).mean())
    missed = np.log(d.missed)
    ratio = missed.sel(sampler="gradient estimation") - missed.sel(sampler="DDIM")
    square = result.data["predictions"].square.sel(told=1.0).sel(sigma=0.1, method="nearest")
    panels = (
        ("(a) bending", bent, 10, (5, 120)),
        ("(b) distance", apart, 0.5, (0.4, 3)),
        ("(c) five steps", np.exp(ratio.mean("path")), 1, (0.1, 1.5)),
        (r"(d) $|\epsilon|^2/n$", square.sel(part="eps"), 1, (0.4, 1.2)),
    )
    figure, grid = subplots(2, 2, aspect=0.8, sharex=True)
    for axes, (title, values, bound, limits) in zip(grid.ravel(), panels, strict=True):
        axes.plot(values.seed, values, "o", color=MEASURED)
        logs = np.log(values)
        half = stdtrit(len(logs) - 1, 1 - ALPHA / 2) * logs.std(ddof=1) / len(logs) ** 0.5
        low, high = np.exp(logs.mean() - half), np.exp(logs.mean() + half)
        axes.axhspan(low, high, color=MEASURED, alpha=0.15, lw=0)
        axes.axhline(bound, color=BOUND, ls="--", lw=0.9)
        axes.set(yscale="log", ylim=limits, xlim=(-0.5, len(values) - 0.5), title=title)
        plain_ticks(axes.yaxis)
        plain_ticks(axes.xaxis, values.seed.values)
    axes.plot(square.seed, square.sum("part"), "+", color=THEORY, ms=5)
    for axes in grid[-1]:
        axes.set_xlabel("training seed")
    return figure


@shows("conclusion-origin-and-gap-seeds-generalise")
def draw_samples(result):
    """What the networks of six training seeds draw from the same eight initial noises."""
    shown = result.data["predictions"].shown
    figure, cells = pictures(shown.sizes["seed"], shown.sizes["image"])
    for row, pictures_of_seed in zip(cells, shown, strict=True):
        for cell, picture in zip(row, pictures_of_seed, strict=True):
            show(cell, picture)
    name_cells(cells, [f"seed {seed}" for seed in shown.seed.values])
    return figure
