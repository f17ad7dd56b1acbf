"""Ideal denoiser: its noise is minus sigma times the score of the law, weights included."""

import numpy as np

from theorylab.figures import BOUND, MEASURED, REFUTED_COLOUR, subplots

MARGIN = 1e-7  # of the claims on the closed form
NAMES = {"digits": "digits", "fashion-mnist": "Fashion-\nMNIST"}


def draw(result):
    """Error of the closed form against the score, with the weights of the points and without."""
    data = result.data["gradients"].sel(law="weighted")
    figure, axis = subplots(1, 1, aspect=0.72)
    arms = (
        ("eps_nearest", "0.5", "s", "nearest point"),
        ("eps_unweighted", REFUTED_COLOUR, "^", "weights $p_i$ left out (as printed)"),
        ("eps", MEASURED, "o", "with the weights $p_i$"),
    )
    places = np.arange(data.sizes["set"])
    for name, colour, marker, label in arms:
        error = np.abs(data[name] + data.sigma * data.slope).max("direction")
        error = (error * data.sigma / data["size"]).transpose("set", ...).values
        # An error of exactly 0 stands at the foot.
        error = np.maximum(error.reshape(len(places), -1), 1e-18)
        x = np.repeat(places, error.shape[1])
        axis.plot(x, error.ravel(), marker, color=colour, mec="white", mew=0.3, label=label)
    axis.axhspan(1e-20, MARGIN, color=BOUND, alpha=0.12, lw=0)
    axis.axhline(MARGIN, color=BOUND, ls="--", lw=0.8)
    # Between the last two sets, clear of either's points.
    axis.text(places[-1] - 0.5, MARGIN, "margin", color=BOUND, ha="center", va="bottom", fontsize=7)
    axis.set(
        yscale="log",
        ylim=(2e-19, 30),
        ylabel=r"$|\langle\epsilon + \sigma\nabla\log p_\sigma, u\rangle| \;/\; |\epsilon^*|$",
    )
    axis.set_xticks(places, [_name(str(name)) for name in data.set.values], fontsize=6.5)
    figure.legend(
        *axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7
    )
    return figure


def _name(place):
    if place in NAMES:
        return NAMES[place]
    count, space = place.split(" in R^")
    return f"{count} in\n" + rf"$\mathbb{{R}}^{{{space}}}$"
