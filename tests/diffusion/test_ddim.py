"""DDIM against products of known factors, a Gaussian's exact flow, and diffusers."""

import math
from itertools import pairwise

import pytest
import torch

from theorylab.diffusion.denoisers import DenoiserError, eps_from_denoised
from theorylab.diffusion.samplers import StateError, ddim, euler
from theorylab.diffusion.schedules import append_zero, ddpm_grid, log_linear, select_steps


def normals(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def gaussian(variance: float):
    """The exact denoiser of N(0, variance I): D = variance x/(variance + sigma^2)."""
    return lambda x, sigma: variance / (variance + sigma**2) * x


def test_gaussian_trajectory_is_a_product_of_factors():
    # eps = sigma x/(s^2 + sigma^2), so x_{t-1}/x_t = (s^2 + sigma_t sigma_{t-1})/(s^2 + sigma_t^2).
    x, sigmas = normals(5, 3), append_zero(log_linear(12, 0.01, 40.0))
    states = list(ddim(gaussian(2.25), x, sigmas))
    assert len(states) == len(sigmas)
    factor, levels = 1.0, sigmas.tolist()
    for k, state in enumerate(states):
        torch.testing.assert_close(state, factor * x, rtol=1e-13, atol=0)
        if k + 1 < len(levels):
            factor *= (2.25 + levels[k] * levels[k + 1]) / (2.25 + levels[k] ** 2)


def test_global_error_is_first_order():
    # The probability flow of N(0, 1) is x(sigma) = sqrt((1 + sigma^2)/(1 + sigma_N^2)) x_N.
    x = torch.ones(1, 1, dtype=torch.float64)
    exact = math.sqrt((1 + 0.01**2) / (1 + 40.0**2))
    errors = []
    for n in (200, 400, 800):
        *_, last = ddim(gaussian(1.0), x, log_linear(n, 0.01, 40.0))
        errors.append(abs(float(last) - exact))
    orders = [math.log2(a / b) for a, b in pairwise(errors)]
    assert orders == pytest.approx([1, 1], abs=0.02)


def test_projector_moves_straight_to_the_nearest_point():
    # With D = proj_K the state stays on the segment: x_0 = p + (sigma_0/sigma_N)(x_N - p).
    target, x = normals(4, 2, seed=1), 30 * normals(4, 2, seed=2)
    *_, last = ddim(lambda x, sigma: target, x, log_linear(9, 0.5, 40.0))
    torch.testing.assert_close(last, target + 0.5 / 40 * (x - target), rtol=1e-13, atol=1e-13)


def test_step_is_the_eps_form_and_the_gradient_descent_form():
    x, sigma, later = normals(6, 4, seed=3), 3.0, 1.2
    denoiser = lambda x, sigma: torch.sin(x)
    _, state = ddim(denoiser, x, [sigma, later])
    eps = eps_from_denoised(torch.sin(x), x, sigma)
    torch.testing.assert_close(state, x + (later - sigma) * eps, rtol=1e-14, atol=1e-14)
    descent = x - (1 - later / sigma) * (sigma * eps)
    torch.testing.assert_close(state, descent, rtol=1e-14, atol=1e-14)
    literal = x - (1 - later / sigma) * eps  # the slip: sigma lost
    assert float((state - literal).norm() / state.norm()) > 0.1


def test_agrees_with_diffusers_in_variance_preserving_coordinates():
    module = pytest.importorskip("diffusers.schedulers.scheduling_ddim")
    reference = module.DDIMScheduler(
        beta_start=1e-4,
        beta_end=0.02,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )
    reference.set_timesteps(20)
    reference.alphas_cumprod = 1 / (1 + ddpm_grid().flip(0) ** 2)  # its own are float32
    reference.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    sigmas = select_steps(ddpm_grid(), 20, "trailing", final="zero")
    scale = float((1 + sigmas[0] ** 2).sqrt())
    z = normals(8, 5, seed=4)
    *_, ours = ddim(gaussian(0.5), scale * z, sigmas)
    for t in reference.timesteps.tolist():
        alpha_bar = float(reference.alphas_cumprod[t])
        sigma = math.sqrt((1 - alpha_bar) / alpha_bar)
        x = z / math.sqrt(alpha_bar)
        z = reference.step(eps_from_denoised(gaussian(0.5)(x, sigma), x, sigma), t, z).prev_sample
    torch.testing.assert_close(ours, z, rtol=1e-10, atol=1e-10)


def test_first_state_is_the_input_and_the_end_is_explicit():
    x, sigmas = normals(3, 2, seed=5), log_linear(4, 0.1, 1.0)
    plain = list(ddim(gaussian(1.0), x, sigmas))
    denoised = list(ddim(gaussian(1.0), x, sigmas, final_denoise=True))
    assert plain[0] is x
    assert [len(plain), len(denoised)] == [5, 6]
    assert all(torch.equal(a, b) for a, b in zip(plain, denoised, strict=False))
    assert torch.equal(denoised[-1], gaussian(1.0)(plain[-1], 0.1))
    (only,) = ddim(gaussian(1.0), x, [2.0])
    assert only is x


def test_denoiser_is_called_once_per_step_with_a_python_float():
    calls = []

    def denoiser(x, sigma):
        calls.append(sigma)
        return 0 * x

    sigmas = log_linear(7, 0.1, 1.0)
    list(ddim(denoiser, normals(2, 2), sigmas))
    assert calls == sigmas[:-1].tolist()
    assert all(type(sigma) is float for sigma in calls)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_keep_the_dtype_of_x(dtype):
    x = normals(3, 2).to(torch.float32)
    states = list(ddim(lambda x, sigma: (x / 2).to(dtype), x, [2.0, 1.0, 0.0]))
    assert {state.dtype for state in states} == {torch.float32}


def test_euler_is_ddim():
    # One step of Euler's method for dx/dsigma = eps, on a denoiser that is not linear.
    x = normals(4, 3, seed=6)
    _, state = euler(lambda x, sigma: torch.sin(x), x, [3.0, 1.2])
    torch.testing.assert_close(state, x + (1.2 - 3.0) * (x - torch.sin(x)) / 3.0)


def test_gradients_flow_through_the_trajectory():
    x = normals(2, 2).requires_grad_()
    *_, last = ddim(gaussian(1.0), x, [2.0, 1.0])
    (gradient,) = torch.autograd.grad(last.sum(), x)
    torch.testing.assert_close(gradient, torch.full((2, 2), (1 + 2.0) / 5, dtype=torch.float64))


def test_non_finite_state_names_step_and_sigma():
    def denoiser(x, sigma):
        denoised = torch.zeros_like(x)
        if sigma < 1:
            denoised[0, 1] = math.nan
        return denoised

    states = ddim(denoiser, normals(2, 2), [4.0, 2.0, 0.5, 0.25])
    for _ in range(3):
        next(states)
    with pytest.raises(StateError, match=r"state 3 of 3 \(sigma 0\.25\) holds 1 .* of 4"):
        next(states)
    bad = torch.full((1, 2), math.inf)
    with pytest.raises(StateError, match="the initial state"):
        next(ddim(denoiser, bad, [1.0, 0.5]))


def test_wrong_shape_is_an_error_although_it_would_broadcast():
    states = ddim(lambda x, sigma: x[:, :1], normals(4, 2), [2.0, 1.0])
    next(states)
    with pytest.raises(DenoiserError, match=r"shape \(4, 1\) at sigma 2"):
        next(states)


@pytest.mark.parametrize(
    ("x", "sigmas", "options"),
    [
        (torch.zeros(1, 2), [1.0, 2.0], {}),
        (torch.zeros(1, 2), [1.0, 0.0], {"final_denoise": True}),
        (torch.zeros(1, 2, dtype=torch.int64), [1.0, 0.5], {}),
    ],
)
def test_bad_input_is_refused_before_the_first_state(x, sigmas, options):
    with pytest.raises(ValueError):
        ddim(gaussian(1.0), x, sigmas, **options)
