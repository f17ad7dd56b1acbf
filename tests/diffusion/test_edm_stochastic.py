"""EDM's stochastic sampler against its algorithm on a Gaussian, Heun's method and diffusers."""

import math
from itertools import pairwise

import pytest
import torch

from theorylab.diffusion.samplers import ddim, edm_stochastic, heun
from theorylab.diffusion.schedules import append_zero, edm


def normals(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def seeded():
    return torch.Generator().manual_seed(7)


def gaussian(variance):
    return lambda x, sigma: variance / (variance + sigma**2) * x


def nonlinear(x, sigma):
    return torch.tanh(x / (1 + sigma**2))


SIGMAS = append_zero(edm(8, 0.05, 20.0))


@pytest.mark.parametrize("churn", [0.9, 5.0])  # below and above the cap of sqrt(2) - 1 a step
def test_gaussian_trajectory_by_algorithm_2(churn):
    x, variance, draws = normals(3, 2), 0.5, seeded()
    options = {"churn": churn, "sigma_to": 0.1, "sigma_from": 15.0, "noise_scale": 1.01}
    states = edm_stochastic(gaussian(variance), x, SIGMAS, generator=seeded(), **options)
    expected = next(states)
    slope = lambda sigma: sigma / (variance + sigma**2)
    for a, b in pairwise(SIGMAS.tolist()):
        gamma = min(churn / 9, math.sqrt(2) - 1) if 0.1 <= a <= 15 else 0
        hat = a + gamma * a
        if gamma:
            noise = torch.randn(3, 2, dtype=torch.float64, generator=draws)
            expected = expected + 1.01 * math.sqrt(hat**2 - a**2) * noise
        h = b - hat
        euler = 1 + h * slope(hat)
        factor = 1 + h / 2 * (slope(hat) + slope(b) * euler) if b > 0 else euler
        expected = factor * expected
        torch.testing.assert_close(next(states), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("correct", "plain"), [(True, heun), (False, ddim)])
def test_without_churn_it_is_deterministic(correct, plain):
    x = 20 * normals(6, 2)
    ours = edm_stochastic(nonlinear, x, SIGMAS, churn=0.0, correct=correct)
    for state, other in zip(ours, plain(nonlinear, x, SIGMAS), strict=True):
        torch.testing.assert_close(state, other, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("recording", [False, True])
def test_churn_without_noise_raises_the_level_and_draws_nothing(recording):
    x, generator, (a, b) = 20 * normals(6, 2), seeded(), (2.0, 1.0)
    before = generator.get_state()
    options = {"churn": 0.2, "noise_scale": 0.0, "correct": False, "generator": generator}
    *_, last = edm_stochastic(nonlinear, x.requires_grad_(recording), [a, b], **options)
    kept = b / (1.2 * a)
    expected = kept * x + (1 - kept) * nonlinear(x, 1.2 * a)
    torch.testing.assert_close(last, expected, rtol=1e-13, atol=1e-13)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_euler_with_churn_agrees_with_diffusers():
    module = pytest.importorskip("diffusers.schedulers.scheduling_edm_euler")
    scheduler = module.EDMEulerScheduler()
    scheduler.set_timesteps(9)
    scheduler.sigmas, scheduler.is_scale_input_called = SIGMAS, True
    x = ours = 20 * normals(8, 2, seed=6)
    ahead, generator = seeded(), seeded()
    for t, sigma in zip(scheduler.timesteps, SIGMAS.tolist(), strict=False):
        # Its model is asked before the noise is added, so the denoiser's output is handed over.
        hat = 1.1 * sigma
        noise = torch.randn(8, 2, dtype=torch.float64, generator=ahead)
        denoised = nonlinear(x + math.sqrt(hat**2 - sigma**2) * noise, hat)
        options = {"s_churn": 0.9, "generator": generator, "pred_original_sample": denoised}
        x = scheduler.step(denoised, t, x, **options).prev_sample
    options = {"churn": 0.9, "correct": False, "generator": seeded()}
    *_, ours = edm_stochastic(nonlinear, ours, SIGMAS, **options)
    torch.testing.assert_close(ours, x, rtol=0, atol=1e-5)  # it rounds its states to float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"churn": -1.0}, "churn must be finite and at least 0, got -1"),
        ({"churn": math.nan}, "churn must be finite"),
        ({"churn": 1.0, "noise_scale": math.inf}, "noise_scale must be finite"),
        ({"churn": 1.0, "sigma_to": 2.0, "sigma_from": 1.0}, "sigma_to <= sigma_from"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        edm_stochastic(nonlinear, torch.zeros(1, 1), [1.0, 0.5], **options)
