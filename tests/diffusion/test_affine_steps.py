"""Affine steps read off samplers: against the formulas of their papers, and what is refused."""

import math
from functools import partial
from itertools import pairwise

import pytest
import torch

from theorylab.diffusion.affine_steps import affine_steps, normal_variances
from theorylab.diffusion.samplers import (
    analytic_ddim,
    ddim,
    ddpm,
    edm_stochastic,
    gradient_estimation,
)

SIGMAS = [10.0, 4.0, 1.5, 0.2]
VARIANCES = torch.tensor([0.3, 2.0], dtype=torch.float64)
X = torch.full((2,), 10.0, dtype=torch.float64)


def linear(x, sigma):
    return VARIANCES / (VARIANCES + sigma**2) * x


def of(sampler, sigmas=SIGMAS, denoiser=linear, **options):
    run = partial(sampler, **options)
    return affine_steps(lambda x, generator: run(denoiser, x, sigmas, generator=generator), X)


def test_ddpm_has_the_mean_and_variance_of_its_posterior():
    factors, levels = of(ddpm)
    for a, b, (s, t) in zip(factors, levels, pairwise(SIGMAS), strict=True):
        torch.testing.assert_close(a, (VARIANCES + t**2) / (VARIANCES + s**2), rtol=1e-13, atol=0)
        assert b.tolist() == pytest.approx([t * math.sqrt(1 - (t / s) ** 2)] * 2, rel=1e-12)


def test_euler_steps_with_churn():
    factors, levels = of(edm_stochastic, churn=0.6, correct=False, noise_scale=1.5)
    for a, b, (s, t) in zip(factors, levels, pairwise(SIGMAS), strict=True):
        raised = 1.2 * s
        slope = (VARIANCES + raised * t) / (VARIANCES + raised**2)
        torch.testing.assert_close(a, slope, rtol=1e-13, atol=0)
        # The noise comes first, and is multiplied like the state.
        spread = 1.5 * math.sqrt(raised**2 - s**2)
        torch.testing.assert_close(b, spread * slope, rtol=1e-12, atol=0)


def test_a_step_without_noise_has_level_zero():
    last_to_zero = [*SIGMAS, 0.0]
    factors, levels = of(ddpm, last_to_zero)
    assert not levels[-1].any() and bool((levels[:-1] > 0).all())
    torch.testing.assert_close(factors[-1], VARIANCES / (VARIANCES + 0.04), rtol=1e-13, atol=0)
    run = lambda x, generator: ddim(linear, x, SIGMAS)
    assert not affine_steps(run, X)[1].any()


def test_variances_of_analytic_ddim_are_those_of_the_data_under_noise():
    one = torch.full((2,), 0.7, dtype=torch.float64)
    denoiser = lambda x, sigma: one / (one + sigma**2) * x
    powers = [s**2 / (0.7 + s**2) for s in SIGMAS[:-1]]
    found = normal_variances(
        *of(analytic_ddim, denoiser=denoiser, noise_power=powers), 0.7 + SIGMAS[0] ** 2
    )
    expected = one + torch.tensor(SIGMAS, dtype=torch.float64)[:, None] ** 2
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("sampler", "options", "denoiser"),
    [
        (gradient_estimation, {"mu": 0.5}, linear),  # remembers the last output, and its noise
        (ddpm, {}, lambda x, sigma: torch.tanh(x)),
        (ddpm, {}, lambda x, sigma: x.flip(1)),
    ],
)
def test_steps_of_another_form_are_refused(sampler, options, denoiser):
    with pytest.raises(ValueError, match="is not a x \\+ b w"):
        of(sampler, denoiser=denoiser, **options)
