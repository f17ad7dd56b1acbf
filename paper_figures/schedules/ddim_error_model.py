"""The error model: what must be the gradient's estimate, and the relative error on a subspace."""

import numpy as np

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, subplots

ARMS = {
    "sigma eps": (MEASURED, "o", r"$\sigma\epsilon^*$"),
    "eps": (REFUTED_COLOUR, "^", r"$\epsilon^*$ (as printed)"),
    "step of DDPM": ("0.5", "s", "DDPM's step size"),
}
MARGIN = 1e-8  # of the claim


def draw(result):
    """Error of a DDIM step as gradient descent with three estimates, on the digits."""
    data = result.data["gradient_steps"].sel(set="digits")
    figure, axis = subplots(1, 1, aspect=0.72)
    axis.axhspan(1e-18, MARGIN, color=BOUND, alpha=0.12, lw=0)
    axis.axhline(MARGIN, color=BOUND, ls="--", lw=0.8)
    axis.text(5, MARGIN * 2, "margin", color=BOUND, fontsize=7)
    for name, (colour, marker, label) in ARMS.items():
        error = np.maximum(data.error.sel(arm=name), 1e-17)
        axis.plot(data.sigma, error, marker=marker, color=colour, label=label, lw=0.8)
    axis.set(xscale="log", yscale="log", xlabel=r"$\sigma$", ylabel="relative error of a step")
    axis.set_ylim(1e-17, 1e3)
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
