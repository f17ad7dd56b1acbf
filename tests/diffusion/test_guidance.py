"""Guided denoisers against exact posteriors and formulas by hand; rows never mix."""

import numpy as np
import pytest
import torch

from theorylab.diffusion.denoisers import DenoiserError
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.guidance import gradient_guidance, proximal_guidance
from theorylab.diffusion.linear_measurement import LinearMeasurement
from theorylab.diffusion.linear_posterior import linear_posterior

MIXTURE = GaussianMixture.full(
    [0.3, 0.7], [[-1.0, 0.5], [1.0, 0.0]], [[[0.2, 0.1], [0.1, 0.3]], [[0.5, 0.0], [0.0, 0.1]]]
)
MEASUREMENT = LinearMeasurement([[1.0, 2.0]], [0.7], 0.3)
GUIDANCES = [proximal_guidance, gradient_guidance]


def states(n=6):
    return 3 * torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("variance", [0.1, 1.0, 7.0])
@pytest.mark.parametrize("sigma", [1e-3, 0.5, 80.0])
def test_proximal_guidance_is_exact_for_isotropic_gaussians(variance, sigma):
    prior = GaussianMixture.isotropic(None, [[0.0, 0.0]], variance**0.5)
    guided = proximal_guidance(prior, MEASUREMENT, lambda s: 1 + s**2 / variance)
    wanted = linear_posterior(prior, MEASUREMENT)(states(), sigma)
    torch.testing.assert_close(guided(states(), sigma), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("strength", [1.0, 2.5])
def test_gradient_guidance_pulls_through_the_posterior_covariance(strength):
    x, sigma, h = states(), 0.8, torch.tensor([1.0, 2.0], dtype=torch.float64)
    mean, covariance = MIXTURE(x, sigma), MIXTURE.posterior_covariance(x, sigma)
    pull = (covariance @ h) * (0.7 - mean @ h)[:, None] / (strength * 0.3**2)
    found = gradient_guidance(MIXTURE, MEASUREMENT, strength)(x, sigma)
    torch.testing.assert_close(found, mean + pull, rtol=1e-11, atol=1e-11)
    assert not found.requires_grad


@pytest.mark.parametrize("guidance", GUIDANCES)
@pytest.mark.parametrize("levels", ["one", "each"])
def test_the_result_does_not_depend_on_the_batch(guidance, levels):
    x = states(7)
    sigma = torch.linspace(0.2, 5, 7, dtype=torch.float64)[:, None]
    sigma = sigma if levels == "each" else torch.full_like(sigma, 0.9)
    guided = guidance(MIXTURE, MEASUREMENT)
    together = guided(x, sigma)
    parts = [guided(x[part], sigma[part]) for part in (slice(0, 1), slice(1, 4), slice(4, 7))]
    torch.testing.assert_close(together, torch.cat(parts), rtol=1e-13, atol=1e-13)


def test_without_noise_the_proximal_point_is_the_denoised_state():
    guided, x = proximal_guidance(MIXTURE, MEASUREMENT), states()
    torch.testing.assert_close(guided(x, 0.0), MIXTURE(x, 0.0))


def test_a_weaker_strength_trusts_the_measurement_more():
    x = states()
    misfits = [
        float(MEASUREMENT.residual(proximal_guidance(MIXTURE, MEASUREMENT, s)(x, 1.0)).norm())
        for s in (0.1, 1.0, 10.0)
    ]
    assert misfits == sorted(misfits)


def test_events_of_any_shape_are_flattened():
    prior = GaussianMixture.standard_normal(6)
    image = lambda x, sigma: prior(x.flatten(1), sigma).reshape(x.shape)
    measurement = LinearMeasurement(np.eye(6)[:2], [0.1, 0.2], 0.5)
    x = torch.randn(3, 1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for guidance in GUIDANCES:
        flat = guidance(prior, measurement)(x.flatten(1), 2.0)
        torch.testing.assert_close(guidance(image, measurement)(x, 2.0).flatten(1), flat)


@pytest.mark.parametrize("guidance", GUIDANCES)
def test_bad_input_is_refused(guidance):
    with pytest.raises(ValueError, match=r"strength: got 0.*lambda > 0"):
        guidance(MIXTURE, MEASUREMENT, 0.0)
    with pytest.raises(ValueError, match=r"\(1, 3\) acts on events of 3 numbers"):
        guidance(MIXTURE, LinearMeasurement([[1.0, 0.0, 0.0]], [0.0], 1.0))(states(), 1.0)
    with pytest.raises(DenoiserError):
        guidance(lambda x, sigma: x[:, :1], MEASUREMENT)(states(), 1.0)
