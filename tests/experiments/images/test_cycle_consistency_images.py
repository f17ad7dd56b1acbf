"""Encoding on a normal law, whose steps are factors; the round trip's order there."""

import math
from itertools import pairwise

import pytest
import torch
from theorylab.experiments.images import cycle_consistency_images as lab

from theorylab.diffusion.schedules import log_linear


def normal(x, sigma):
    """The denoiser of N(0, 1): eps = x sigma/(1 + sigma^2)."""
    return x / (1 + sigma**2)


def test_one_step_upwards_by_hand():
    x = torch.tensor([[2.0]], dtype=torch.float64)
    low, high = 0.5, 1.5
    slope = low / (1 + low**2)
    euler = 2 * (1 + (high - low) * slope)
    assert float(lab.encode(normal, x, [low, high], 1)) == pytest.approx(euler, rel=1e-14)
    later = euler * high / (1 + high**2)
    heun = 2 + (high - low) / 2 * (2 * slope + later)
    assert float(lab.encode(normal, x, [low, high], 2)) == pytest.approx(heun, rel=1e-14)


@pytest.mark.parametrize(("solver", "order", "expected"), [("Euler", 1, 1.0), ("Heun", 2, 3.0)])
def test_round_trips_of_a_normal_law_have_odd_order(solver, order, expected):
    x = torch.ones(1, 1, dtype=torch.float64)
    errors = []
    for n in (400, 800):
        sigmas = log_linear(n, 0.1, 10.0)
        latents = lab.encode(normal, x, sigmas.flip(0).tolist(), order)
        errors.append(abs(float(lab.decode(solver, normal, latents, sigmas)) - 1))
        assert errors[-1] > 1e-12
    slopes = [math.log2(a / b) for a, b in pairwise(errors)]
    assert slopes == pytest.approx([expected], abs=0.05)
