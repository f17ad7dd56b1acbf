"""Unimodality of two points: one mode comes long before log-concavity."""

import numpy as np

from theorylab.diffusion.blurred_examples import two_point_fold
from theorylab.figures import BOUND, CATEGORICAL, MEASURED, REFUTED_COLOUR, THEORY, subplots


def draw(result):
    """Two points of unequal weights: two modes, one mode but not log-concave, log-concave."""
    folds = result.data["folds"]
    figure, axes = subplots()
    w = np.linspace(0.5, 0.9995, 400)
    fold = np.array([two_point_fold(x, 2.0) for x in w])
    axes.fill_between(w, 0, fold, color=REFUTED_COLOUR, alpha=0.15, lw=0)
    axes.fill_between(w, fold, 1, color=CATEGORICAL[1], alpha=0.15, lw=0)
    axes.plot(w, fold, color=THEORY, label="fold, by formula")
    axes.axhline(1, color=THEORY, ls="--", label=r"log-concave from $v=D^2/4$")
    axes.plot(w, 4 * w * (1 - w), color=BOUND, ls=":", label="variance of the means")
    # The certified points lie a ten-thousandth off the thresholds: drawn 4 % off, to be told apart.
    folds = folds.sel(candidate=["fold", "D^2/4"])
    level = (folds.variance * (1 + 400 * folds.side)).broadcast_like(folds.modes)
    weight = folds.weight.broadcast_like(level)
    for count, face, name in ((2, MEASURED, "two modes"), (1, "white", "one mode")):
        shown = (folds.modes.broadcast_like(level) == count).values
        style = {"color": MEASURED, "mfc": face, "ms": 3.2, "label": f"{name}, certified"}
        axes.plot(weight.values[shown], level.values[shown], "o", **style)
    axes.text(0.53, 0.35, "two modes", color=REFUTED_COLOUR)
    axes.text(0.915, 0.62, "one mode,\nnot log-concave", ha="center", linespacing=1.2)
    axes.text(0.6, 1.12, "log-concave")
    axes.set(xlabel="weight of the heavier point", ylabel=r"variance $v\,/\,(D^2/4)$")
    axes.set(ylim=(0, 1.7), xlim=(0.49, 1.01))
    axes.legend(loc="upper right", ncols=2, columnspacing=1, fontsize=6.5)
    return figure
