r"""The mean of m noisy measurements on the line, and what a step along the score makes of it.

The mean of ``Y_i = X + sigma eps_i`` is ``X + s eps`` with ``s = sigma / sqrt(m)``, law ``q_s``.
``jump`` moves it; the two-point prior has an integral for the distance that is left, in the
precision of mpmath.
"""

import math

import mpmath as mp
from torch import Tensor

from theorylab.diffusion.distributions import GaussianMixture

#: Weights, means and standard deviations of four laws of X on the line.
LAWS = {
    "normal": ([1.0], [0.0], [1.0]),
    "mixture": ([0.3, 0.7], [-1.5, 1.0], [math.sqrt(0.1), 0.5]),
    "two points": ([0.5, 0.5], [-1.0, 1.0], [0.0, 0.0]),
    "lattice": ([1 / 9] * 9, [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0], [0.0] * 9),
}


def law_on_the_line(name: str) -> GaussianMixture:
    """One of ``LAWS`` as a mixture in one dimension, float64. Raises KeyError for another name."""
    weights, means, stds = LAWS[name]
    return GaussianMixture.isotropic(weights, [[m] for m in means], stds)


def jump(law: GaussianMixture, y: Tensor, s: float, step: float = 1.0) -> Tensor:
    r"""``y + step s^2 grad log q_s(y)``, ``(n, d)``: the posterior mean at step 1, y at step 0."""
    return y + step * s**2 * law.score(y, s)


def two_point_w2_squared(s: mp.mpf) -> mp.mpf:
    r"""``W2^2`` between X = +-1 and its posterior mean ``tanh(y/s^2)``, s > 0.

    X is coupled with the sign of y, so it is ``E(1 - tanh(|y|/s^2))^2``: one integral, to the
    working precision of mpmath. With ``t = exp(-2y/s^2)`` the gap is ``2t / (1 + t)`` and the
    density of y its part about +1 times ``1 + t``.
    """
    integrand = lambda y, t: t**2 / (1 + t) * mp.exp(-((y - 1) ** 2) / (2 * s**2))
    edges = [0, s**2, 4 * s**2, 16 * s**2, 1 + 12 * s] if 16 * s**2 < 1 else [0, 1, 1 + 12 * s]
    integral = mp.quad(lambda y: integrand(y, mp.exp(-2 * y / s**2)), edges)
    return 4 * integral / (s * mp.sqrt(2 * mp.pi))
