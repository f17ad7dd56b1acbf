"""Tweedie's formula where it needs no moments: Cauchy's law."""

import numpy as np
from scipy import special

from theorylab.figures import THEORY, arm, subplots


def draw(result):
    """Jump E[X | y] - y of a Cauchy variable, over sigma, against sigma times the score."""
    data = result.data["heavy_tails"]
    figure, axis = subplots(1, 1, aspect=0.72)
    y = np.linspace(-8, 21, 400)
    for k, sigma in enumerate(data.sigma.values):
        axis.plot(y, sigma * _cauchy_score(y, sigma), color=THEORY, lw=0.8)
        run = data.sel(sigma=sigma)
        axis.plot(
            run.y, (run["mean"] - run.y) / sigma, ls="none", label=rf"$\sigma={sigma:g}$", **arm(k)
        )
    axis.axhline(0, color=THEORY, lw=0.5, ls=":")
    axis.set(xlabel="$y$", ylabel=r"$(E[X\,|\,y] - y)\;/\;\sigma$")
    axis.legend(title=r"lines: $\sigma\,\nabla\log q_\sigma(y)$", alignment="left")
    return figure


def _cauchy_score(y, sigma):
    """(log q_sigma)' of X + sigma noise, by the Faddeeva function."""
    z = (y + 1j) / (sigma * np.sqrt(2))
    w = special.wofz(z)
    slope = -2 * z * w + 2j / np.sqrt(np.pi)
    return slope.real / (w.real * sigma * np.sqrt(2))
