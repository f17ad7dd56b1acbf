"""Figure of ddpm_update: steps of the samplers against the published formulas."""

import numpy as np

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, key, subplots

#: Sampler, formula, whether the formula is the sampler's, label.
ROWS = (
    ("ddim", "ddim", True, "DDIM"),
    ("ddim", "ddpm, its mean", False, "DDIM, DDPM's mean"),
    ("ddpm", "ddpm", True, "DDPM"),
    ("ancestral", "ddpm", True, r"ancestral at $\eta=1$, DDPM"),
    ("ddpm", "ddpm, a millionth more noise", False, "DDPM, a millionth more noise"),
    ("ddpm", "ddpm, variance beta", False, r"DDPM, variance $\beta_t$"),
    ("ddpm", "ddpm, its mean", False, "DDPM, no noise"),
)
MARGIN = 1e-9  # of the claims


def draw(result):
    """Gap of one step of each sampler to a published formula, over the largest coordinate."""
    gaps = result.data["steps"].gap
    figure, axes = subplots(aspect=0.72)
    axes.axvspan(1e-18, MARGIN, color=BOUND, alpha=0.12, lw=0)
    axes.axvline(MARGIN, color=BOUND, ls="--", lw=0.8)
    for row, (sampler, formula, own, _) in enumerate(ROWS):
        gap = np.maximum(gaps.sel(sampler=sampler, formula=formula).values.ravel(), 1e-17)
        colour, marker = (MEASURED, "o") if own else (REFUTED_COLOUR, "s")
        axes.plot(gap, np.full(gap.size, row), marker, color=colour, mfc="none", ms=3)
    axes.set_yticks(range(len(ROWS)), [label for *_, label in ROWS])
    axes.set_ylim(len(ROWS) - 0.5, -0.5)
    axes.set(xscale="log", xlim=(2e-18, 1e2), xlabel="largest gap, relative")
    handles = [
        key("its formula", color=MEASURED, marker="o", mfc="none", ms=3, ls=""),
        key("a neighbour", color=REFUTED_COLOUR, marker="s", mfc="none", ms=3, ls=""),
        key("margin", color=BOUND, ls="--", lw=0.8),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure
