"""The oracles of the ideal-denoiser experiment, against cases known by hand."""

import math

import numpy as np
import pytest
import torch

from theorylab.discovery import load


@pytest.fixture(scope="module")
def module():
    experiment = load("ideal_denoiser")
    return experiment.measurements["gradients"].function.__globals__


def test_five_point_differences_are_exact_for_quartics(module):
    first, second = module["five_point"](lambda h: 3 + 2 * h - 5 * h**2 + h**3 - 7 * h**4, 1e-2)
    assert first == pytest.approx(2, abs=1e-12)
    # The fourth-order rule for the second derivative drops the fourth power too.
    assert second == pytest.approx(-10, abs=1e-9)


def test_derivatives_of_two_equal_gaussians(module):
    """log(e^(-(h-1)^2/2s) + e^(-(h+1)^2/2s)) has slope 0 and curvature 1/s^2 - 1/s at 0."""
    s = 0.49
    a, b = np.array([-1.0, -1.0]) / (2 * s), np.array([1.0, -1.0]) / s
    first, second = module["log_sum_derivatives"](a, b, -1 / (2 * s))
    assert first == pytest.approx(0, abs=1e-12)
    assert second == pytest.approx(1 / s**2 - 1 / s, rel=1e-8)


def test_derivatives_do_not_see_a_common_slope_or_dead_terms(module):
    a, b = np.array([0.0, -0.3, -500.0]), np.array([0.2, -0.4, 1e6])
    first, _ = module["log_sum_derivatives"](a, b, 0.0)
    shifted, _ = module["log_sum_derivatives"](a, b + 1000.0, 0.0)
    weight = 1 / (1 + math.exp(0.3))
    assert first == pytest.approx(0.2 * (1 - weight) - 0.4 * weight, rel=1e-11)
    assert shifted - 1000.0 == pytest.approx(first, abs=1e-8)


def test_forward_slope_at_a_kink(module):
    half_squared = lambda x: np.minimum(((x - 1) ** 2).sum(1), ((x + 1) ** 2).sum(1)) / 2
    origin = np.zeros(1)
    for direction in (-1.0, 1.0):
        slope = module["forward"](half_squared, origin, np.array([direction]))
        assert slope == pytest.approx(-1, abs=1e-8)


def test_bytes_stand_for_image_values(module):
    stored = torch.tensor([[0, 255], [255, 255], [0, 0]], dtype=torch.uint8)
    found = module["described"](stored)
    np.testing.assert_allclose(found.take([0, 2]), [[-1, 1], [-1, -1]])
    np.testing.assert_allclose(found.mean, [-1 / 3, 1 / 3])
    assert found.spread == pytest.approx(4 / 3)
    np.testing.assert_allclose(found.squared_distances(np.zeros((1, 2))), [[2, 2, 2]])
    np.testing.assert_allclose(found.average(np.array([[0.0, 0.5, 0.5]])), [[0, 0]])


def test_neighbours_are_the_nearest_other_points(module):
    chosen = module["described"](torch.tensor([[0.0], [1.0], [5.0]], dtype=torch.float64))
    first, second = module["neighbours"](chosen, 5, np.random.default_rng(0))
    partner = {0.0: 1.0, 1.0: 0.0, 5.0: 1.0}
    assert [partner[float(a)] for a in first[:, 0]] == second[:, 0].tolist()
