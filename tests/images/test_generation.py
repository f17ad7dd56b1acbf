"""The power of the predicted noise against a law where it is known."""

import pytest
import torch

from theorylab.diffusion.samplers import ddim
from theorylab.images.generation import last_states, noise_power


def normal(x, sigma, deviation=0.5):
    """The posterior mean of N(0, deviation^2 I)."""
    return deviation**2 / (deviation**2 + sigma**2) * x


def images(count=4000):
    generator = torch.Generator().manual_seed(1)
    return 0.5 * torch.randn(count, 1, 4, 4, generator=generator)


def test_noise_power_of_the_normal_law():
    sigmas = [0.05, 0.5, 5.0, 50.0]
    generator = torch.Generator().manual_seed(2)
    found = noise_power(normal, images(), sigmas, generator=generator)
    # eps = sigma x / (sigma^2 + s^2) has variance sigma^2 / (sigma^2 + s^2); 64,000 numbers.
    for sigma, power in zip(sigmas, found, strict=True):
        assert power == pytest.approx(sigma**2 / (sigma**2 + 0.25), abs=0.02)
    # Without the control variate the last would be off by sqrt(2 / 64,000) = .006.
    # What remains is 2 x0 w / sigma: five of its standard errors.
    assert found[-1] == pytest.approx(1 - 0.25 / 2500, abs=5 * 0.02 / 64_000**0.5)


def test_noise_power_is_clipped():
    generator = torch.Generator().manual_seed(2)
    assert noise_power(lambda x, s: -x, images(10), [1.0], generator=generator) == [1.0]
    # D = x has no noise at all, and the draws' own excess is not to make it negative.
    for seed in range(10):
        generator.manual_seed(seed)
        (power,) = noise_power(lambda x, s: x, images(10), [1.0], generator=generator)
        assert 0 <= power < 0.5


def test_batches_do_not_change_the_result():
    x = 20 * torch.randn(7, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    whole, parts = (last_states(ddim, normal, x, [20.0, 1.0, 0.1], batch=n) for n in (7, 3))
    assert torch.equal(whole, parts)
