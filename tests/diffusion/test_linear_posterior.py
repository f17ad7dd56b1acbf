"""Exact posteriors against high precision, Bayes' rule on densities, and conditioning in parts."""

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.linear_measurement import LinearMeasurement
from theorylab.diffusion.linear_posterior import linear_posterior, log_evidence


def case(seed, k=3, d=3, m=2):
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((k, d, d))
    mixture = (rng.dirichlet(np.ones(k)), rng.standard_normal((k, d)), roots @ roots.mT / d)
    return mixture, rng.standard_normal((m, d)), rng.standard_normal(m)


def by_high_precision(mixture, operator, y, noise):
    """Weights, means and covariances by solving the precision form with 60 digits."""
    weights, means, covariances = mixture
    with mp.workdps(60):
        h, target = mp.matrix(operator), mp.matrix(y)
        logs, centres, spreads = [], [], []
        for w, m, c in zip(weights, means, covariances, strict=True):
            m, prior = mp.matrix(m), mp.inverse(mp.matrix(c))
            spread = mp.inverse(prior + h.T * h / mp.mpf(noise) ** 2)
            centres.append(spread * (prior * m + h.T * target / mp.mpf(noise) ** 2))
            spreads.append(spread)
            s = h * mp.matrix(c) * h.T + mp.eye(len(y)) * mp.mpf(noise) ** 2
            r = target - h * m
            quad = (r.T * mp.inverse(s) * r)[0]
            logs.append(mp.log(w) - (quad + mp.log(mp.det(s)) + len(y) * mp.log(2 * mp.pi)) / 2)
        total = mp.log(mp.fsum(mp.exp(v) for v in logs))
        to_floats = lambda a: np.array(a.tolist(), dtype=float)
        return (
            float(total),
            np.array([float(mp.exp(v - total)) for v in logs]),
            np.stack([to_floats(c)[:, 0] for c in centres]),
            np.stack([to_floats(s) for s in spreads]),
        )


@pytest.mark.parametrize("noise", [1e-7, 1e-2, 1.0, 1e5])
@pytest.mark.parametrize(("d", "m"), [(3, 2), (2, 4), (1, 1)])
def test_components_agree_with_sixty_digits(noise, d, m):
    mixture, operator, y = case(d, d=d, m=m)
    if m > d and noise < 1e-3:  # an inconsistent exact measurement: take one that has a solution
        y = operator @ np.ones(d)
    total, weights, means, covariances = by_high_precision(mixture, operator, y, noise)
    prior, measurement = GaussianMixture.full(*mixture), LinearMeasurement(operator, y, noise)
    found = linear_posterior(prior, measurement)
    # y and H x cancel to within noise, so that float64 knows log-weights to eps/noise at best.
    slack = 1e-11 + 1e-14 / noise
    assert float(log_evidence(prior, measurement)) == pytest.approx(total, rel=1e-9, abs=slack)
    assert found.weights.numpy() == pytest.approx(weights, rel=10 * slack, abs=1e-12)
    assert found.means.numpy() == pytest.approx(means, rel=1e-9, abs=1e-9)
    scale = np.abs(covariances).max()
    assert found.covariances().numpy() == pytest.approx(covariances, rel=1e-8, abs=1e-12 * scale)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), noise=st.floats(0.05, 5))
def test_it_is_bayes_rule(seed, noise):
    mixture, operator, y = case(seed)
    prior, measurement = GaussianMixture.full(*mixture), LinearMeasurement(operator, y, noise)
    posterior = linear_posterior(prior, measurement)
    x = posterior.sample(4, torch.Generator().manual_seed(seed))
    likelihood = stats.norm(scale=noise).logpdf(y - x.numpy() @ operator.T).sum(1)
    wanted = prior.log_density(x) + torch.tensor(likelihood) - log_evidence(prior, measurement)
    torch.testing.assert_close(posterior.log_density(x), wanted, rtol=1e-8, atol=1e-7)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), sigma=st.floats(0.1, 10))
def test_its_denoiser_conditions_on_the_state_and_the_measurement_at_once(seed, sigma):
    mixture, operator, y = case(seed)
    prior = GaussianMixture.full(*mixture)
    x = np.random.default_rng(seed).standard_normal(3)
    found = linear_posterior(prior, LinearMeasurement(operator, y, 0.3))(x[None], sigma)[0]
    both = np.vstack([operator / 0.3, np.eye(3) / sigma])
    stacked = LinearMeasurement(both, np.concatenate([y / 0.3, x / sigma]), 1.0)
    torch.testing.assert_close(linear_posterior(prior, stacked).mean(), found, rtol=1e-9, atol=1e-9)


def test_points_stay_points_and_only_their_weights_move():
    points = GaussianMixture.isotropic([0.5, 0.5], [[-1.0], [1.0]], 0.0)
    found = linear_posterior(points, LinearMeasurement([[2.0]], [0.5], 1.0))
    odds = math.exp((2.5**2 - 1.5**2) / 2)
    assert found.weights.numpy() == pytest.approx([1 / (1 + odds), odds / (1 + odds)], rel=1e-12)
    assert float(found.covariances().abs().max()) == 0
    assert torch.equal(found.means, points.means)


def test_a_measurement_of_nothing_leaves_the_prior():
    mixture, _, y = case(1)
    found = linear_posterior(
        GaussianMixture.full(*mixture), LinearMeasurement(np.zeros((2, 3)), y, 0.5)
    )
    assert found.weights.numpy() == pytest.approx(mixture[0], rel=1e-12)
    assert found.covariances().numpy() == pytest.approx(mixture[2], rel=1e-10, abs=1e-12)


def test_an_operator_of_the_wrong_width_names_both_sizes():
    with pytest.raises(
        ValueError, match=r"\(1, 2\) acts on 2 numbers, the mixture has dimension 3"
    ):
        linear_posterior(
            GaussianMixture.standard_normal(3), LinearMeasurement([[1.0, 0.0]], [0.0], 1.0)
        )
