"""DDPM, the eta family and Analytic-DDIM against posteriors, exact marginals and diffusers."""

import math
from itertools import pairwise

import pytest
import torch

from theorylab.diffusion.samplers import analytic_ddim, ancestral, ddim, ddpm
from theorylab.diffusion.schedules import append_zero, ddpm_grid, log_linear, select_steps


def normals(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


def gaussian(variance):
    return lambda x, sigma: variance / (variance + sigma**2) * x


def nonlinear(x, sigma):
    return torch.tanh(x / (1 + sigma**2))


SIGMAS = append_zero(log_linear(10, 0.05, 20.0))


def test_ddpm_step_is_the_posterior_of_the_forward_chain():
    # x_{t-1} | x_t, x0 from its two Gaussian factors N(x_{t-1}; x0, s^2), N(x_t; x_{t-1}, S^2-s^2).
    x, denoised, big, small = normals(6, 3), normals(6, 3, seed=1), 2.0, 1.2
    precision = 1 / small**2 + 1 / (big**2 - small**2)
    mean = (denoised / small**2 + x / (big**2 - small**2)) / precision
    _, state = ddpm(lambda x, sigma: denoised, x, [big, small], generator=seeded())
    noise = torch.randn(6, 3, dtype=torch.float64, generator=seeded())
    torch.testing.assert_close(state, mean + precision**-0.5 * noise, rtol=1e-13, atol=1e-13)


def test_gaussian_trajectory_is_a_product_of_factors_and_the_noise_put_in():
    x, variance, draws = normals(4, 2), 0.5, seeded()
    states = ddpm(gaussian(variance), x, SIGMAS, generator=seeded())
    expected = x
    assert next(states) is x
    for a, b in pairwise(SIGMAS.tolist()):
        expected = (1 + (b * b / a - a) * a / (variance + a * a)) * expected
        if b > 0:
            noise = torch.randn(4, 2, dtype=torch.float64, generator=draws)
            expected = expected + b * math.sqrt(1 - b * b / a / a) * noise
        torch.testing.assert_close(next(states), expected, rtol=1e-12, atol=1e-12)


def test_eta_goes_from_ddim_to_ddpm():
    x = 20 * normals(8, 2)
    for state, plain in zip(
        ancestral(nonlinear, x, SIGMAS, eta=0.0), ddim(nonlinear, x, SIGMAS), strict=True
    ):
        assert torch.equal(state, plain)
    ours = ancestral(nonlinear, x, SIGMAS, generator=seeded())
    for state, other in zip(ours, ddpm(nonlinear, x, SIGMAS, generator=seeded()), strict=True):
        torch.testing.assert_close(state, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0, 1.2])
def test_noise_of_level_sigma_becomes_noise_of_the_next_level(eta):
    # Data in one point: the law of x_t - p is N(0, sigma_t^2) before and after, so the two
    # coefficients are a point of a circle.
    kept = list(ancestral(lambda x, s: 0 * x, torch.ones(1, 1), [2.0, 1.0], eta=0.0))[1] / 2
    assert float(kept) == 0.25
    x = torch.zeros(100_000, 1, dtype=torch.float64)
    _, fresh = ancestral(lambda x, s: 0 * x, x, [2.0, 1.0], eta=eta, generator=seeded())
    x = torch.ones(1, 1, dtype=torch.float64)
    draw = torch.randn(1, 1, dtype=torch.float64, generator=seeded())
    _, state = ancestral(lambda x, s: 0 * x, x, [2.0, 1.0], eta=eta, generator=seeded())
    up = min(1.0, eta * math.sqrt(0.75))
    torch.testing.assert_close(state, math.sqrt(1 - up**2) / 2 + up * draw)
    assert float(fresh.var()) == pytest.approx(up**2, rel=0.02)


def in_variance_preserving_coordinates(module, **options):
    """A scheduler of diffusers on 20 trailing steps of our own float64 grid, and the sigmas."""
    grid = ddpm_grid()
    scheduler = module(clip_sample=False, timestep_spacing="trailing", **options)
    scheduler.set_timesteps(20)
    scheduler.alphas_cumprod = 1 / (1 + grid.flip(0) ** 2)  # its own are float32
    scheduler.final_alpha_cumprod = scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    return scheduler, select_steps(grid, 20, "trailing", final="zero")


def follow(scheduler, z, **options):
    for t in scheduler.timesteps.tolist():
        alpha_bar = float(scheduler.alphas_cumprod[t])
        sigma = math.sqrt((1 - alpha_bar) / alpha_bar)
        x = z / math.sqrt(alpha_bar)
        z = scheduler.step((x - nonlinear(x, sigma)) / sigma, t, z, **options).prev_sample
    return z


def test_ddpm_agrees_with_diffusers():
    module = pytest.importorskip("diffusers.schedulers.scheduling_ddpm")
    scheduler, sigmas = in_variance_preserving_coordinates(module.DDPMScheduler)
    z = normals(8, 5, seed=4)
    theirs = follow(scheduler, z, generator=seeded())
    *_, ours = ddpm(nonlinear, z * (1 + sigmas[0] ** 2).sqrt(), sigmas, generator=seeded())
    # Its variances are clamped at 1e-20: the last step, which should add none, adds 1e-10 of noise.
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_eta_agrees_with_the_ddim_of_diffusers(eta):
    module = pytest.importorskip("diffusers.schedulers.scheduling_ddim")
    scheduler, sigmas = in_variance_preserving_coordinates(module.DDIMScheduler)
    z = normals(8, 5, seed=5)
    theirs = follow(scheduler, z, eta=eta, generator=seeded())
    x = z * (1 + sigmas[0] ** 2).sqrt()
    *_, ours = ancestral(nonlinear, x, sigmas, eta=eta, generator=seeded())
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_ancestral_agrees_with_k_diffusions_form_in_diffusers():
    module = pytest.importorskip("diffusers.schedulers.scheduling_euler_ancestral_discrete")
    scheduler = module.EulerAncestralDiscreteScheduler()
    scheduler.set_timesteps(11)
    scheduler.sigmas, scheduler.is_scale_input_called = SIGMAS, True
    x = ours = 20 * normals(8, 2, seed=6)
    generator = seeded()
    for t, sigma in zip(scheduler.timesteps, SIGMAS.tolist(), strict=False):
        eps = (x - nonlinear(x, sigma)) / sigma
        x = scheduler.step(eps, t, x, generator=generator).prev_sample
    *_, ours = ancestral(nonlinear, ours, SIGMAS, generator=seeded())
    torch.testing.assert_close(ours, x, rtol=0, atol=1e-5)  # it rounds its states to float32


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_analytic_ddim_keeps_every_gaussian_marginal(eta):
    # A step is f x + c w; on N(0, s^2) it must take variance s^2 + sigma_t^2 to s^2 + sigma_{t-1}^2
    # whatever the steps.
    variance, x = 0.5, torch.ones(1, 1, dtype=torch.float64)
    for big, small in pairwise([40.0, 30.0, 2.0, 0.05]):
        options = {"noise_power": [big**2 / (variance + big**2)], "eta": eta}
        draw = torch.randn(1, 1, dtype=torch.float64, generator=seeded())
        steps = [
            list(
                analytic_ddim(
                    gaussian(variance), start, [big, small], generator=seeded(), **options
                )
            )
            for start in (0 * x, x)
        ]
        fresh, factor = steps[0][1] / draw, steps[1][1] - steps[0][1]
        reached = factor**2 * (variance + big**2) + fresh**2
        assert float(reached) == pytest.approx(variance + small**2, rel=1e-12)


def test_analytic_ddim_is_ddim_where_the_posterior_has_no_spread():
    x = 20 * normals(8, 2)
    analytic = analytic_ddim(nonlinear, x, SIGMAS, noise_power=torch.ones(11))
    for state, plain in zip(analytic, ddim(nonlinear, x, SIGMAS), strict=True):
        assert torch.equal(state, plain)


def test_analytic_variance_is_that_of_bao_et_al():
    # Theorem 1 and eq. 8, variance preserving: lambda^2 + (sqrt(b/a) - sqrt(b' - lambda^2))^2
    # (1 - b E|s|^2/n), with b = 1 - alpha_bar, a = alpha_bar/alpha_bar' and s = -eps/sqrt(b).
    big, small, eta, power = 2.0, 1.2, 0.6, 0.7
    bar, bar_next = 1 / (1 + big**2), 1 / (1 + small**2)
    a, b, b_next = bar / bar_next, 1 - bar, 1 - bar_next
    lam = eta**2 * b_next / b * (1 - a)
    variance = lam + (math.sqrt(b / a) - math.sqrt(b_next - lam)) ** 2 * (1 - b * (power / b))
    x = torch.zeros(1, 1, dtype=torch.float64)
    options = {"noise_power": [power], "eta": eta, "generator": seeded()}
    _, state = analytic_ddim(lambda x, sigma: 0 * x, x, [big, small], **options)
    draw = torch.randn(1, 1, dtype=torch.float64, generator=seeded())
    expected = math.sqrt(variance / bar_next) * draw
    torch.testing.assert_close(state, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise_power": [0.5]}, "one number for each of the 2 steps, got 1"),
        ({"noise_power": [0.5, 1.5]}, r"\[0, 1\].*1.5 at sigma 1"),
        ({"noise_power": [math.nan, 0.5]}, "nan at sigma 2"),
        ({"noise_power": [0.5, 0.5], "eta": -1.0}, "eta must be finite and at least 0"),
    ],
)
def test_analytic_ddim_refuses_other_powers(options, message):
    with pytest.raises(ValueError, match=message):
        analytic_ddim(nonlinear, torch.zeros(1, 1), [2.0, 1.0, 0.5], **options)


@pytest.mark.parametrize("eta", [-0.1, math.nan, math.inf])
def test_ancestral_refuses_other_etas(eta):
    with pytest.raises(ValueError, match="eta must be finite"):
        ancestral(nonlinear, torch.zeros(1, 1), [2.0, 1.0], eta=eta)
