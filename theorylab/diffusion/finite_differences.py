"""Derivatives by finite differences in extended precision: no automatic one, no closed form.

They are oracles. ``numpy.longdouble`` has 64 bits of mantissa on x86; where it is float64 the
results lose about three digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def five_point(function: Callable[[np.ndarray], np.ndarray], step: float) -> tuple[float, float]:
    """First and second derivative of ``function`` at 0, to O(step^4).

    ``function`` takes the five abscissae ``(5,)`` and returns its values there.
    """
    h = np.longdouble(step)
    far, near, middle, later, last = function(h * np.arange(-2, 3))
    first = (far - 8 * near + 8 * later - last) / (12 * h)
    second = (-far + 16 * near - 30 * middle + 16 * later - last) / (12 * h * h)
    return float(first), float(second)


def one_sided_slope(
    function: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    u: np.ndarray,
    step: float = 2.0**-20,
) -> float:
    """Slope at ``x (d,)`` towards ``u (d,)`` of a piecewise quadratic function of rows ``(k, d)``.

    Exact but for rounding while no piece changes within two steps.
    """
    at, near, far = function(x + np.longdouble(step) * np.arange(3)[:, None] * u)
    return float((4 * near - 3 * at - far) / (2 * np.longdouble(step)))


def log_sum_derivatives(a: np.ndarray, b: np.ndarray, c) -> tuple[float, float]:
    """First two derivatives of ``log sum_i exp(a_i + b_i h + c_i h^2)`` at h = 0.

    ``a``, ``b``: ``(m,)``; ``c``: ``(m,)`` or a number. By differences: no softmax is formed.
    """
    alive = a > a.max() - 60  # what is left out weighs less than 1e-26 m
    a, b = (v[alive].astype(np.longdouble) for v in (a - a.max(), b))
    c = np.asarray(c, dtype=np.longdouble)
    c = c[alive] if c.ndim else c
    # The scale on which the sum changes; with 1e-3 of it the differences err by about 1e-13.
    scale = max(float(np.ptp(b)), math.sqrt(float(np.abs(c).max())))

    def value(h):
        return np.log(np.exp(a + b * h[:, None] + c * (h * h)[:, None]).sum(1))

    return five_point(value, 1e-3 / scale)


def log_sum_slopes(
    squared: np.ndarray, along: np.ndarray, variance: float, log_weight=0.0
) -> np.ndarray:
    """Slopes of ``log sum_i w_i exp(-|x - x_i|^2 / (2 variance))`` along directions u.

    Args:
        squared: ``|x - x_i|^2``, ``(query, m)``.
        along: ``<x_i - x, u>``, ``(query, direction, m)``, u of length 1.
        variance: sigma^2.
        log_weight: ``log w_i``, ``(m,)`` or a number.

    Returns:
        ``(query, direction)``.
    """
    return np.array(
        [
            [
                log_sum_derivatives(
                    log_weight - s / (2 * variance), v / variance, -1 / (2 * variance)
                )[0]
                for v in rows
            ]
            for s, rows in zip(squared, along, strict=True)
        ]
    )
