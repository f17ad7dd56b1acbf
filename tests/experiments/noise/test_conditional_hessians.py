"""The experiment's own formulas and oracles, by other roads."""

import math

import numpy as np
import pytest
from theorylab.experiments.noise import conditional_hessians as lab


def test_precise_bound_of_one_point_is_the_gaussian_hessian():
    # S = 0: X is N(z, tau^2), and y_m given the others is Gaussian of variance
    # sigma^2 + (1/tau^2 + (m-1)/sigma^2)^-1.
    tau2, sigma2 = 0.7, 1.9
    for m in (1, 2, 7):
        variance = sigma2 + 1 / (1 / tau2 + (m - 1) / sigma2)
        assert lab.precise_bound(m, 0, tau2, sigma2) == pytest.approx(-1 / variance)


def test_precise_bound_is_negative_from_the_threshold_on_and_falls():
    m = np.arange(1, 50)
    values = lab.precise_bound(m, 9.0, 1.0, 8.0)
    assert values[0] == pytest.approx(0, abs=1e-15)
    assert (np.diff(values) < 0).all()


def test_tie_lies_between_two_means():
    rng = np.random.default_rng(0)
    means = rng.standard_normal((4, 3))
    for _ in range(20):
        u, y = lab._tie(means, 0.1, rng)
        nearest = np.sort(np.linalg.norm(means - y, axis=1))
        assert nearest[1] - nearest[0] < 0.3
        assert math.isclose(np.linalg.norm(u), 1, rel_tol=1e-5)
