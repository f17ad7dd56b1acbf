"""ODE-Jump against an Euler step by hand and closed forms on Gaussian data."""

import math

import pytest
import torch

from theorylab.diffusion.samplers.ddim import ddim
from theorylab.diffusion.samplers.ode_jump import ode_jump
from theorylab.diffusion.samplers.runge_kutta import heun
from theorylab.diffusion.schedules import append_zero, log_linear

GENERATOR = torch.Generator().manual_seed(0)
X = 5 * torch.randn(6, 3, dtype=torch.float64, generator=GENERATOR)


def gaussian(x, sigma):
    return 2.25 / (2.25 + sigma**2) * x


def test_output_of_ddim_is_a_product_of_factors():
    sigmas = [5.0, 2.0, 0.7, 0.2, 0.0]
    *_, before, output = ode_jump(gaussian, X, sigmas, jump=0.6, solver=ddim)
    factor = (2.25 + 10) / (2.25 + 25) * (2.25 + 1.4) / (2.25 + 4)
    torch.testing.assert_close(before, factor * X, rtol=1e-13, atol=0)
    torch.testing.assert_close(output, factor * 2.25 / (2.25 + 0.49) * X, rtol=1e-13, atol=0)


def test_it_is_an_euler_step_to_zero_after_the_solver():
    sigmas = log_linear(8, 0.1, 5.0)
    states = list(ode_jump(lambda x, s: torch.sin(x), X, sigmas, jump=0.5))
    kept = [s for s in sigmas.tolist() if s >= 0.5]
    reference = list(heun(lambda x, s: torch.sin(x), X, kept))
    assert len(states) == len(kept) + 1
    torch.testing.assert_close(states[-2], reference[-1], rtol=0, atol=0)
    *_, euler = ddim(lambda x, s: torch.sin(x), reference[-1], [kept[-1], 0.0])
    torch.testing.assert_close(states[-1], euler, rtol=1e-14, atol=1e-14)


def test_a_level_of_the_schedule_is_kept_and_the_end_is_left_out():
    sigmas = append_zero(log_linear(4, 1.0, 16.0))  # 16, 8, 4, 2, 1, 0
    assert len(list(ode_jump(gaussian, X, sigmas, jump=4.0))) == 4
    assert len(list(ode_jump(gaussian, X, sigmas, jump=1e-9))) == 6
    assert len(list(ode_jump(gaussian, X, sigmas, jump=16.0))) == 2


@pytest.mark.parametrize("jump", [0.0, -1.0, 17.0, math.nan])
def test_jump_levels_out_of_range_are_refused_at_once(jump):
    with pytest.raises(ValueError, match="jump must lie above 0"):
        ode_jump(gaussian, X, [16.0, 1.0], jump=jump)
