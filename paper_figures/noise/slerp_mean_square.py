"""Slerp's mean square: how far it is above d, and the tails that make it infinite."""

import numpy as np

from theorylab.figures import REFUTED_COLOUR, THEORY, arm, plain_ticks, subplots

HALF = 0.5


def draw(result):
    """Mean square of slerp less d, halfway, over its limit; and P(norm > t) in few dimensions.

    The lines in (b) fall like t^-(d-1) from the farthest point.
    """
    squares, tails = result.data["mean_squares"], result.data["tails"].sel(weight=HALF)
    squares = squares.sel(weight=HALF, dim=squares.dim > 3)
    figure, (left, right) = subplots(1, 2, aspect=1.2)
    excess = (squares.mean_square - squares.dim) * (squares.dim - 3)
    left.plot(squares.dim, excess, **arm(0), ls="", label="slerp")
    left.axhline(0.5, color=THEORY, lw=0.8, label="theory: its limit")
    left.axhline(0, color=REFUTED_COLOUR, ls="--", lw=0.9, label="mean square kept")
    left.set(xscale="log", xlabel="dimension $d$", ylim=(-0.05, 1.0))
    left.set_ylabel(r"$(d-3)\,(E\|z_{1/2}\|^2-d)$")
    left.set_title("(a) mean square")
    left.legend(loc="upper right")
    far = tails.far.values
    for k, dim in enumerate(tails.dim.values):
        survival = tails.survival.sel(dim=dim)
        right.plot(far, float(survival[-1]) * (far / far[-1]) ** (1.0 - dim), color=THEORY, lw=0.8)
        right.plot(far, survival, **arm(k), ls="", label=f"$d={dim}$")
    right.set(xscale="log", yscale="log", xlabel="$t$", ylabel=r"$P(\|z_{1/2}\|>t)$")
    plain_ticks(right.xaxis, np.array([16, 64, 256]))
    right.set_title(r"(b) tails, $t^{-(d-1)}$")
    right.legend(loc="lower left")
    return figure
