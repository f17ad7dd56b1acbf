"""Heun, midpoint and Runge-Kutta 4 against amplification factors, exact flows and diffusers."""

import math
from itertools import pairwise

import pytest
import torch

from theorylab.diffusion.samplers import ddim, heun, midpoint, rk4
from theorylab.diffusion.schedules import append_zero, edm, log_linear


def normals(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def gaussian(variance):
    return lambda x, sigma: variance / (variance + sigma**2) * x


def slope(sigma, variance):
    """eps(x, sigma)/x on N(0, variance)."""
    return sigma / (variance + sigma**2)


def heun_factor(a, b, v):
    h = b - a
    return 1 + h / 2 * (slope(a, v) + slope(b, v) * (1 + h * slope(a, v)))


def midpoint_factor(a, b, v):
    m = (a * b) ** 0.5
    return 1 + (b - a) * slope(m, v) * (1 + (m - a) * slope(a, v))


def rk4_factor(a, b, v):
    h, m = b - a, (a + b) / 2
    k1 = slope(a, v)
    k2 = slope(m, v) * (1 + h / 2 * k1)
    k3 = slope(m, v) * (1 + h / 2 * k2)
    k4 = slope(b, v) * (1 + h * k3)
    return 1 + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6


METHODS = [(heun, heun_factor, 2), (midpoint, midpoint_factor, 2), (rk4, rk4_factor, 4)]


@pytest.mark.parametrize(("sampler", "factor", "evaluations"), METHODS)
@pytest.mark.parametrize("variance", [0.04, 2.25])
def test_gaussian_trajectory_is_a_product_of_factors(sampler, factor, evaluations, variance):
    x, sigmas = normals(5, 3), append_zero(edm(9, 0.01, 40.0))
    calls = []

    def denoiser(x, sigma):
        calls.append(sigma)
        return gaussian(variance)(x, sigma)

    states = list(sampler(denoiser, x, sigmas))
    product, expected = 1.0, [1.0]
    for a, b in pairwise(sigmas.tolist()):
        # A step to 0 is the denoiser itself: variance/(variance + sigma^2) = 1 - sigma slope.
        product *= factor(a, b, variance) if b > 0 else 1 - a * slope(a, variance)
        expected.append(product)
    for state, value in zip(states, expected, strict=True):
        torch.testing.assert_close(state, value * x, rtol=1e-12, atol=1e-15)
    assert len(calls) == 9 * evaluations + 1
    assert all(type(sigma) is float and sigma > 0 for sigma in calls)


@pytest.mark.parametrize(("sampler", "order"), [(ddim, 1), (heun, 2), (midpoint, 2), (rk4, 4)])
def test_measured_order(sampler, order):
    # The probability flow of N(0, s^2) is x(sigma) = sqrt((s^2 + sigma^2)/(s^2 + sigma_N^2)) x_N.
    x, variance = torch.ones(1, 1, dtype=torch.float64), 0.25
    exact = math.sqrt((variance + 0.01**2) / (variance + 40.0**2))
    errors = []
    for n in (160, 320, 640):
        *_, last = sampler(gaussian(variance), x, log_linear(n, 0.01, 40.0))
        errors.append(abs(float(last) / exact - 1))
    assert [math.log2(a / b) for a, b in pairwise(errors)] == pytest.approx([order] * 2, abs=0.05)


@pytest.mark.parametrize("sampler", [heun, midpoint, rk4])
def test_one_data_point_is_exact(sampler):
    target, x = normals(4, 2, seed=1), 30 * normals(4, 2, seed=2)
    *_, last = sampler(lambda x, sigma: target, x, log_linear(5, 0.5, 40.0))
    torch.testing.assert_close(last, target + 0.5 / 40 * (x - target), rtol=1e-12, atol=1e-12)


def twice(levels):
    """The layout in which diffusers stores levels for methods of two evaluations."""
    return torch.cat([levels[:1], levels[1:].repeat_interleave(2), levels[-1:]])


def nonlinear(x, sigma):
    return torch.tanh(x / (1 + sigma**2))


def follow(scheduler, x, levels):
    for t, sigma in zip(scheduler.timesteps, levels.tolist(), strict=True):
        x = scheduler.step((x - nonlinear(x, sigma)) / sigma, t, x).prev_sample
    return x


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_heun_agrees_with_diffusers():
    module = pytest.importorskip("diffusers.schedulers.scheduling_heun_discrete")
    x, sigmas = 20 * normals(8, 2, seed=3), append_zero(log_linear(8, 0.05, 20.0))
    scheduler = module.HeunDiscreteScheduler()
    scheduler.set_timesteps(9)
    scheduler.sigmas = twice(sigmas)  # its own are float32
    theirs = follow(scheduler, x, scheduler.sigmas[:-3])
    *_, ours = heun(nonlinear, x, sigmas)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_midpoint_agrees_with_diffusers():
    module = pytest.importorskip("diffusers.schedulers.scheduling_k_dpm_2_discrete")
    x, sigmas = 20 * normals(8, 2, seed=4), append_zero(log_linear(8, 0.05, 20.0))
    scheduler = module.KDPM2DiscreteScheduler()
    scheduler.set_timesteps(9)
    middles = sigmas.log().lerp(sigmas.roll(1).log(), 0.5).exp()
    scheduler.sigmas, scheduler.sigmas_interpol = twice(sigmas), twice(middles)
    calls = torch.stack([sigmas[:-1], middles[1:]], dim=1).flatten()[:-1]
    theirs = follow(scheduler, x, calls)
    *_, ours = midpoint(nonlinear, x, sigmas)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
