r"""Finite laws under Gaussian noise, in ball arithmetic (python-flint): enclosures, not estimates.

For atoms :math:`x_i \in \mathbb R^d` with weights :math:`w_i` and noise of variance v, the
posterior given y is :math:`p_i \propto w_i e^{-|y-x_i|^2/2v}`, and with its mean :math:`\mu` and
covariance C

.. math:: v\nabla\log q = \mu - y, \qquad v\nabla^2\log q = C/v - I.

On the line :math:`dC/dy = \kappa_3/v` with the third central moment :math:`\kappa_3`.

Arguments may be balls of any width: everything returned encloses the values on all of them. Exact
input (``int``, ``fmpq``, floats) stays exact. The working precision is flint's, ``ctx.prec``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat, arb_series, ctx, fmpq

#: Coordinates of points are multiples of 1/GRID: their squared distances are exact integers.
GRID = 2**20


class FiniteLaw(NamedTuple):
    """atoms: k tuples of d coordinates; weights: k positive numbers, of any sum."""

    atoms: Sequence[tuple]
    weights: Sequence

    @classmethod
    def on_line(cls, atoms: Sequence, weights: Sequence | None = None) -> FiniteLaw:
        """Atoms given as numbers; equal weights unless given."""
        return cls([(a,) for a in atoms], [1] * len(atoms) if weights is None else weights)


def posterior_weights(law: FiniteLaw, y: Sequence[arb], v: arb) -> list[arb]:
    r""":math:`p_i = 1/\sum_j (w_j/w_i)\,e^{\langle x_j-x_i,\, y-(x_i+x_j)/2\rangle/v}`.

    One ratio for each pair, because each is monotone in y: on a wide ball of y the quotient of two
    separate sums would be enclosed far worse.
    """
    k = len(law.atoms)
    ratios = [[arb(1)] * k for _ in range(k)]
    for i in range(k):
        for j in range(i):
            exponent = sum(
                (
                    arb(b - a) * (z - arb(a + b) / 2)
                    for a, b, z in zip(law.atoms[i], law.atoms[j], y, strict=True)
                ),
                arb(0),
            )
            ratios[i][j] = (exponent / v).exp() * arb(law.weights[j]) / law.weights[i]
            ratios[j][i] = 1 / ratios[i][j]
    return [1 / sum(row, arb(0)) for row in ratios]


def posterior_mean(law: FiniteLaw, y: Sequence[arb], v: arb) -> list[arb]:
    """mu, one ball for each coordinate."""
    p = posterior_weights(law, y, v)
    return [
        sum((q * a[c] for q, a in zip(p, law.atoms, strict=True)), arb(0)) for c in range(len(y))
    ]


def posterior_covariance(law: FiniteLaw, y: Sequence[arb], v: arb) -> list[list[arb]]:
    r""":math:`C = \sum_{j<i} p_i p_j (x_i-x_j)(x_i-x_j)^\top`.

    Over pairs, where the diagonal is a sum of positive terms that does not cancel on a wide ball.
    """
    p = posterior_weights(law, y, v)
    pairs = [(i, j) for i in range(len(p)) for j in range(i)]
    spread = {
        (i, j): [a - b for a, b in zip(law.atoms[i], law.atoms[j], strict=True)] for i, j in pairs
    }

    def entry(c: int, e: int) -> arb:
        return sum((p[i] * p[j] * arb(spread[i, j][c]) * spread[i, j][e] for i, j in pairs), arb(0))

    return [[entry(min(c, e), max(c, e)) for e in range(len(y))] for c in range(len(y))]


def third_central_moment(law: FiniteLaw, y: arb, v: arb) -> arb:
    """kappa_3 of the posterior of a law on the line."""
    p = posterior_weights(law, [y], v)
    mean = sum((q * a for q, (a,) in zip(p, law.atoms, strict=True)), arb(0))
    offsets = [a - mean for (a,) in law.atoms]
    # Products: flint's power of a ball that reaches across 0 is NaN.
    return sum((q * o * o * o for q, o in zip(p, offsets, strict=True)), arb(0))


def log_sum_curvature(exponents: Sequence[tuple]) -> arb:
    r""":math:`\frac{d^2}{dt^2}\log\sum_i e^{a_i + b_i t + c_i t^2/2}` at t = 0, by Taylor series.

    The second derivative of a log density along a line, straight from its definition: no formula
    for a posterior is involved.

    Args:
        exponents: (a_i, b_i, c_i), exact or balls.
    """
    top = max(arb(a).mid() for a, _, _ in exponents)
    total = arb_series([0], 3)
    for a, b, c in exponents:
        total += arb_series([a - top, b, arb(c) / 2], 3).exp()
    return 2 * total.log()[2]


def joint_curvature(weights, means, covariances, measurements, direction, sigma, bits=128) -> arb:
    r""":math:`\frac{d^2}{dt^2}\log p(y_1, \dots, y_m + tu)` at t = 0 for measurements of a mixture.

    From the md-dimensional Gaussians that the joint law of :math:`y_i = X + \sigma N_i` is made of,
    :math:`N((m_j, \dots, m_j), 11^\top \otimes \Sigma_j + \sigma^2 I)`, with no use of the mean of
    the measurements.

    Args:
        weights: (k,); means: (k, d); measurements: (m, d); direction: u, (d,): float64 arrays. The
            last three multiples of 1/GRID with entries below 64.
        covariances: (k, d, d), or None for points.
        sigma: noise level.
        bits: precision.

    Raises:
        ValueError: coordinates that are not on the grid.
    """
    for name, x in (("means", means), ("measurements", measurements), ("direction", direction)):
        if (np.rint(x * GRID) != x * GRID).any() or np.abs(x).max() >= 64:
            raise ValueError(f"{name}: allowed are multiples of 2^-20 below 64 in absolute value")
    previous, ctx.prec = ctx.prec, bits
    try:
        noise = arb(float(sigma)) ** 2
        if covariances is None:
            exponents = _of_points(means, measurements, direction, noise)
        else:
            exponents = _of_gaussians(means, covariances, measurements, direction, noise)
        logs = [arb(float(w)).log() for w in weights]
        return log_sum_curvature(
            [(log + a, b, c) for log, (a, b, c) in zip(logs, exponents, strict=True)]
        )
    finally:
        ctx.prec = previous


def _of_points(means, measurements, direction, noise):
    """Value, slope and curvature in t of each point's exponent, from exact integers."""
    points, ys, u = (np.rint(x * GRID).astype(np.int64) for x in (means, measurements, direction))
    squares = sum(np.square(y - points).sum(1) for y in ys).tolist()
    slopes = ((points - ys[-1]) @ u).tolist()
    curvature = fmpq(-int(u @ u), GRID**2) / noise
    return [
        (fmpq(-a, 2 * GRID**2) / noise, fmpq(b, GRID**2) / noise, curvature)
        for a, b in zip(squares, slopes, strict=True)
    ]


def _of_gaussians(means, covariances, measurements, direction, noise):
    (m, d), exponents = measurements.shape, []
    step = [arb(0)] * ((m - 1) * d) + [arb(float(c)) for c in direction]
    dot = lambda x, y: sum((p * q for p, q in zip(x, y, strict=True)), arb(0))
    for mean, covariance in zip(means, covariances, strict=True):
        joint = arb_mat(np.tile(covariance, (m, m)).tolist())
        for c in range(m * d):
            joint[c, c] += noise
        offset = [arb(float(c)) for c in (measurements - mean).ravel()]
        both = joint.solve(arb_mat([list(pair) for pair in zip(offset, step, strict=True)]))
        pulled, pushed = zip(*both.tolist(), strict=True)
        value = -joint.det().log() / 2 - dot(offset, pulled) / 2
        exponents.append((value, -dot(step, pulled), -dot(step, pushed)))
    return exponents
