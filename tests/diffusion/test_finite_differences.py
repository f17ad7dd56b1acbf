"""Differences against derivatives known by hand."""

import math

import numpy as np
import pytest

from theorylab.diffusion.finite_differences import (
    five_point,
    log_sum_derivatives,
    log_sum_slopes,
    one_sided_slope,
)


def test_five_point_differences_are_exact_for_quartics():
    first, second = five_point(lambda h: 3 + 2 * h - 5 * h**2 + h**3 - 7 * h**4, 1e-2)
    assert first == pytest.approx(2, abs=1e-12)
    # The fourth-order rule for the second derivative drops the fourth power too.
    assert second == pytest.approx(-10, abs=1e-9)


def test_derivatives_of_two_equal_gaussians():
    """log(e^(-(h-1)^2/2s) + e^(-(h+1)^2/2s)) has slope 0 and curvature 1/s^2 - 1/s at 0."""
    s = 0.49
    a, b = np.array([-1.0, -1.0]) / (2 * s), np.array([1.0, -1.0]) / s
    first, second = log_sum_derivatives(a, b, -1 / (2 * s))
    assert first == pytest.approx(0, abs=1e-12)
    assert second == pytest.approx(1 / s**2 - 1 / s, rel=1e-8)


def test_derivatives_do_not_see_a_common_slope_or_dead_terms():
    a, b = np.array([0.0, -0.3, -500.0]), np.array([0.2, -0.4, 1e6])
    first, _ = log_sum_derivatives(a, b, 0.0)
    shifted, _ = log_sum_derivatives(a, b + 1000.0, 0.0)
    weight = 1 / (1 + math.exp(0.3))
    assert first == pytest.approx(0.2 * (1 - weight) - 0.4 * weight, rel=1e-11)
    assert shifted - 1000.0 == pytest.approx(first, abs=1e-8)


def test_slopes_of_two_weighted_points_are_those_of_a_hyperbolic_tangent():
    """log of e^(-(x-1)^2/2v) and w times e^(-(x+1)^2/2v): (tanh(x/v - log(w)/2) - x)/v."""
    variance, weight, x = 0.7, 3.0, np.array([-0.4, 0.1, 2.0])
    points = np.array([1.0, -1.0])
    along = (points - x[:, None])[:, None] * np.array([1.0, -1.0])[:, None]
    found = log_sum_slopes((x[:, None] - points) ** 2, along, variance, np.log([1.0, weight]))
    exact = (np.tanh(x / variance - math.log(weight) / 2) - x) / variance
    np.testing.assert_allclose(found, np.stack([exact, -exact], axis=1), atol=1e-11)


def test_one_sided_slope_at_a_kink():
    half_squared = lambda x: np.minimum(((x - 1) ** 2).sum(1), ((x + 1) ** 2).sum(1)) / 2
    origin = np.zeros(1)
    for direction in (-1.0, 1.0):
        slope = one_sided_slope(half_squared, origin, np.array([direction]))
        assert slope == pytest.approx(-1, abs=1e-8)
