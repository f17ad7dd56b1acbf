"""Gradient estimation against the sums of its algorithm, known methods and exact flows."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from theorylab.diffusion.samplers import ddim, ddpm, gradient_estimation
from theorylab.diffusion.schedules import append_zero, log_linear


def normals(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def seeded():
    return torch.Generator().manual_seed(7)


def gaussian(variance):
    return lambda x, sigma: variance / (variance + sigma**2) * x


def nonlinear(x, sigma):
    return torch.tanh(x / (1 + sigma**2))


def test_algorithm_2_line_by_line():
    x, sigmas = 20 * normals(6, 2), log_linear(9, 0.05, 20.0)
    states = [state.numpy() for state in gradient_estimation(nonlinear, x, sigmas)]
    path, y = sigmas.tolist(), x.numpy()
    eps = lambda y, sigma: (y - np.tanh(y / (1 + sigma**2))) / sigma
    before = eps(y, path[0])
    y = y + (path[1] - path[0]) * before
    np.testing.assert_allclose(states[1], y, rtol=1e-13)
    for k in range(1, 9):
        now = eps(y, path[k])
        y, before = y + (path[k + 1] - path[k]) * (2 * now - before), now
        np.testing.assert_allclose(states[k + 1], y, rtol=1e-11)


@pytest.mark.parametrize("gamma", [0.5, 1.5, 2.0, 3.0])
def test_gaussian_trajectory_is_a_two_term_recursion(gamma):
    x, variance = normals(3, 2), 0.5
    path = append_zero(log_linear(8, 0.05, 20.0)).tolist()
    slope = lambda sigma: sigma / (variance + sigma**2)
    factors = [1.0]
    for k, (a, b) in enumerate(pairwise(path)):
        eps = slope(a) * factors[k]
        if k:
            eps = gamma * eps + (1 - gamma) * slope(path[k - 1]) * factors[k - 1]
        factors.append(factors[k] + (b - a) * eps)
    for state, factor in zip(
        gradient_estimation(gaussian(variance), x, path, gamma=gamma), factors, strict=True
    ):
        torch.testing.assert_close(state, factor * x, rtol=1e-12, atol=1e-14)


def test_general_form_with_fresh_noise():
    # smalldiffusion: sigma_{t-1} = sigma_t^mu sigma'^(1-mu), so mu = 1/2 is the geometric mean.
    x, path, gamma, mu = 20 * normals(5, 2), log_linear(6, 0.1, 20.0).tolist(), 1.7, 0.3
    options = {"gamma": gamma, "mu": mu}
    states = gradient_estimation(nonlinear, x, path, generator=seeded(), **options)
    draws, y, before = seeded(), next(states), None
    for sigma, later in pairwise(path):
        eps = (y - nonlinear(y, sigma)) / sigma
        average = eps if before is None else gamma * eps + (1 - gamma) * before
        down = (later / sigma**mu) ** (1 / (1 - mu))
        noise = torch.randn(5, 2, dtype=torch.float64, generator=draws)
        y, before = y - (sigma - down) * average + math.sqrt(later**2 - down**2) * noise, eps
        torch.testing.assert_close(next(states), y, rtol=1e-12, atol=1e-12)


def test_gamma_1_is_ddim_and_with_mu_one_half_ddpm():
    x, sigmas = 20 * normals(6, 2), log_linear(8, 0.05, 20.0)
    pairs = [
        (gradient_estimation(nonlinear, x, sigmas, gamma=1.0), ddim(nonlinear, x, sigmas)),
        (
            gradient_estimation(nonlinear, x, sigmas, gamma=1.0, mu=0.5, generator=seeded()),
            ddpm(nonlinear, x, sigmas, generator=seeded()),
        ),
    ]
    for ours, known in pairs:
        for state, other in zip(ours, known, strict=True):
            torch.testing.assert_close(state, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("gamma", "order"), [(1.0, 1), (1.5, 2), (2.0, 1)])
def test_measured_order_on_equal_steps(gamma, order):
    # The first step is Euler's: its local error is of second order, so the method's is kept.
    x, exact, errors = torch.ones(1, 1, dtype=torch.float64), math.sqrt(1.25 / 5), []
    for n in (200, 400, 800):
        sigmas = torch.linspace(2, 0.5, n + 1, dtype=torch.float64)
        *_, last = gradient_estimation(gaussian(1.0), x, sigmas, gamma=gamma)
        errors.append(abs(float(last) - exact))
    assert [math.log2(a / b) for a, b in pairwise(errors)] == pytest.approx([order] * 2, abs=0.03)


def test_one_evaluation_a_step():
    calls = []

    def denoiser(x, sigma):
        calls.append(sigma)
        return 0 * x

    sigmas = log_linear(10, 0.05, 20.0)
    list(gradient_estimation(denoiser, normals(2, 2), sigmas))
    assert calls == sigmas[:-1].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": math.nan}, "gamma must be finite"),
        ({"gamma": math.inf}, "gamma must be finite"),
        ({"mu": 1.0}, r"mu must lie in \[0, 1\)"),
        ({"mu": -0.1}, "mu must lie"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        gradient_estimation(nonlinear, torch.zeros(1, 1), [1.0, 0.5], **options)
