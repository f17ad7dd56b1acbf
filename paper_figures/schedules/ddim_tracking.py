"""Tracking against the worst errors: the adversaries on a point, at the largest step and beyond."""

import numpy as np

from theorylab.diffusion.admissibility import log_linear_beta
from theorylab.diffusion.adversary import geometric_levels, worst_distances
from theorylab.figures import BOUND, THEORY, arm, subplots

ETA, NU, STEPS = 0.3, 2.0, 10


def draw(result):
    """sigma/dist of both adversaries on K = {0}, at the largest admissible step and beyond."""
    figure, axis = subplots(1, 1, aspect=0.68)
    beta = log_linear_beta(ETA, NU, STEPS)
    axis.axhspan(1 / NU, NU, color=BOUND, alpha=0.15, lw=0, label=rf"band $\nu = {NU:g}$")
    axis.axhline(1, color=THEORY, lw=0.6, ls=":")
    k = np.arange(STEPS + 1)
    arms = (
        (1.0, 1, r"$\beta^*$, error $+\eta x$"),
        (1.0, -1, r"$\beta^*$, error $-\eta x$"),
        (1.2, 1, r"$1.2\,\beta^*$, error $+\eta x$"),
    )
    for i, (factor, sign, label) in enumerate(arms):
        sigmas = np.array(geometric_levels(factor * beta, STEPS))
        ratio = sigmas / np.array(worst_distances(sigmas, ETA, sign))
        axis.plot(k, ratio, lw=0.8, label=label, **arm(i))
    axis.set(xlabel="step", yscale="log", ylabel=r"$\sqrt{n}\,\sigma_t\,/\,\mathrm{dist}_K(x_t)$")
    axis.set_yticks([0.5, 1, 2], ["0.5", "1", "2"])
    axis.minorticks_off()
    axis.set_title(rf"$K = \{{0\}}$, $\eta = {ETA:g}$, $N = {STEPS}$")
    axis.legend()
    return figure
