import math

import mpmath as mp
import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion.ball_laws import (
    GRID,
    FiniteLaw,
    joint_curvature,
    log_sum_curvature,
    posterior_covariance,
    posterior_mean,
    posterior_weights,
    third_central_moment,
)

SEEDS = st.integers(0, 2**32 - 1)


def random_law(seed, dim):
    rng = np.random.default_rng(seed)
    atoms, weights = rng.uniform(-2, 2, (4, dim)), rng.uniform(0.1, 1, 4)
    law = FiniteLaw([tuple(map(float, a)) for a in atoms], [float(w) for w in weights])
    return law, atoms, weights, rng


def float_moments(atoms, weights, y, v):
    log = np.log(weights) - ((y - atoms) ** 2).sum(1) / (2 * v)
    p = np.exp(log - log.max())
    p /= p.sum()
    mean = p @ atoms
    return p, mean, (atoms - mean).T @ ((atoms - mean) * p[:, None])


@settings(derandomize=True, deadline=None, max_examples=30)
@given(SEEDS, st.integers(1, 3))
def test_moments_agree_with_floats(seed, dim):
    law, atoms, weights, rng = random_law(seed, dim)
    y, v = rng.uniform(-3, 3, dim), float(rng.uniform(0.1, 3))
    p, mean, covariance = float_moments(atoms, weights, y, v)
    balls = [arb(float(c)) for c in y]
    assert np.allclose([float(b) for b in posterior_weights(law, balls, arb(v))], p, atol=1e-13)
    assert np.allclose([float(b) for b in posterior_mean(law, balls, arb(v))], mean, atol=1e-13)
    found = [[float(b) for b in row] for row in posterior_covariance(law, balls, arb(v))]
    assert np.allclose(found, covariance, atol=1e-13)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(SEEDS)
def test_a_wide_ball_encloses_the_values_on_it(seed):
    law, _, _, rng = random_law(seed, 2)
    centre, radius, v = rng.uniform(-2, 2, 2), float(rng.uniform(0, 0.5)), arb(0.7)
    wide = [arb(float(c), radius) for c in centre]
    for _ in range(5):
        inside = [arb(float(c)) for c in centre + radius * rng.uniform(-0.999, 0.999, 2)]
        over, at = posterior_covariance(law, wide, v), posterior_covariance(law, inside, v)
        assert all(over[i][j].contains(at[i][j]) for i in range(2) for j in range(2))
        assert all(
            a.contains(b)
            for a, b in zip(
                posterior_mean(law, wide, v), posterior_mean(law, inside, v), strict=True
            )
        )


def test_a_tight_ball_gives_a_tight_variance():
    law = FiniteLaw.on_line([-1, 0, 1])
    variance = posterior_covariance(law, [arb(0.3, 1e-6)], arb(0.5))[0][0]
    assert float(variance.rad()) < 1e-4


@settings(derandomize=True, deadline=None, max_examples=20)
@given(SEEDS)
def test_third_moment_over_v_is_the_slope_of_the_variance(seed):
    law, _, _, rng = random_law(seed, 1)
    y, v, h = arb(float(rng.uniform(-2, 2))), arb(float(rng.uniform(0.3, 2))), arb(2) ** -12
    up, down = (posterior_covariance(law, [y + s * h], v)[0][0] for s in (1, -1))
    assert float((up - down) / (2 * h)) == pytest.approx(
        float(third_central_moment(law, y, v) / v), abs=1e-5
    )


def test_log_sum_curvature_of_a_gaussian_and_of_two_exponentials():
    assert float(log_sum_curvature([(3, fmpq(1, 3), -2)])) == pytest.approx(-2)
    # log(e^t + e^-t) has second derivative 1 / cosh^2; at huge exponents the top is taken out.
    assert float(log_sum_curvature([(1000, 1, 0), (1000, -1, 0)])) == pytest.approx(1)


def joint_log_density(weights, means, variances, ys, sigma):
    """log sum_k w_k int N(x; mean_k, c_k) prod_i N(y_i; x, sigma^2) dx in one dimension."""

    def component(w, mean, c):
        def integrand(x):
            noise = sum((y - x) ** 2 for y in ys) / (2 * sigma**2)
            return mp.exp(-((x - mean) ** 2) / (2 * c) - noise) / mp.sqrt(c)

        return w * mp.quad(integrand, [-12, -3, 0, 3, 12])

    return mp.log(mp.fsum(map(component, weights, means, variances)))


def test_joint_curvature_against_quadrature_over_x():
    weights, means, c = [0.3, 0.7], [-1.0, 0.5], [0.25, 0.5]
    ys, sigma, h = [0.25, -0.5], 0.75, mp.mpf("1e-6")
    with mp.workdps(30):
        values = [
            joint_log_density(weights, means, c, [ys[0], ys[1] + s * h], sigma) for s in (-1, 0, 1)
        ]
        expected = (values[0] - 2 * values[1] + values[2]) / h**2
    found = joint_curvature(
        np.array(weights),
        np.array(means)[:, None],
        np.array(c)[:, None, None],
        np.array(ys)[:, None],
        np.array([1.0]),
        sigma,
    )
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_joint_curvature_of_points_is_that_of_vanishing_gaussians():
    rng = np.random.default_rng(3)
    grid = lambda x: np.rint(x * GRID) / GRID
    means, ys, u = (grid(rng.standard_normal(s)) for s in ((3, 2), (4, 2), (2,)))
    weights, sigma = np.array([0.2, 0.3, 0.5]), 1.5
    tiny = np.tile(np.eye(2) * 1e-18, (3, 1, 1))
    points = joint_curvature(weights, means, None, ys, u, sigma)
    assert float(joint_curvature(weights, means, tiny, ys, u, sigma)) == pytest.approx(
        float(points), rel=1e-12
    )
    assert float(points.rad()) < 1e-25


def test_points_off_the_grid_are_refused():
    ones = np.ones((1, 1))
    with pytest.raises(ValueError, match="means: allowed are multiples"):
        joint_curvature(np.ones(1), ones * math.pi, None, ones, np.ones(1), 1.0)
    with pytest.raises(ValueError, match="measurements"):
        joint_curvature(np.ones(1), ones, None, ones * 100, np.ones(1), 1.0)
