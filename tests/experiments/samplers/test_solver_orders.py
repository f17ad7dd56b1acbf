"""Formulas of solver_orders that no verdict judges: its denoiser, its flow, its first constant."""

import math

import numpy as np
import pytest
import torch
from theorylab.experiments.samplers import solver_orders

from theorylab.diffusion.distributions import GaussianMixture


@pytest.mark.parametrize("sigma", [0.1, 1.3, 10.0])
def test_denoiser_is_the_posterior_mean_of_each_row(sigma):
    x = torch.tensor([[0.7], [-3.0], [-0.4], [0.1], [2.5]], dtype=torch.float64)
    found = solver_orders.denoiser(x, sigma)
    for k, (second, left, right, std, _) in enumerate(solver_orders.ROWS):
        law = GaussianMixture.isotropic([1 - second, second], [[left], [right]], [std, std])
        torch.testing.assert_close(found[k : k + 1], law(x[k : k + 1], sigma), rtol=1e-12, atol=0)


def test_flow_of_the_normal_law_is_its_standard_deviation():
    for sigma in (0.1, 3.0, 10.0):
        assert float(solver_orders.exact_states(sigma)[0]) == pytest.approx(math.hypot(1, sigma))


def test_first_constant_is_the_integral_done_by_hand():
    # -L/2 int sigma/(1 + sigma^2)^2 dsigma
    inner, outer = (1 / (1 + s**2) for s in (solver_orders.LAST, solver_orders.FIRST))
    found = solver_orders.constants().constant.sel(case="DDIM: log")
    assert float(found) == pytest.approx(-solver_orders.SPAN / 4 * (inner - outer), rel=1e-9)


@pytest.mark.parametrize("path", solver_orders.PATHS)
def test_paths_fall_and_the_short_start_only_adds(path):
    sigmas = solver_orders.levels(path, 32)
    assert (np.diff(sigmas) < 0).all() and sigmas[-1] == pytest.approx(solver_orders.LAST)
    if path == solver_orders.SHORT:
        plain = solver_orders.levels(solver_orders.LOG, 32)
        assert len(sigmas) == len(plain) + 12
        np.testing.assert_allclose(sigmas[13:], plain[1:])
