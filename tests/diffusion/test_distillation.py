"""Students against the products of factors of a Gaussian teacher, and against least squares."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from theorylab.diffusion.distillation import (
    consistency_student,
    euler_step,
    heun_step,
    knowledge_student,
    piecewise_linear,
    progressive_student,
    progressive_target,
    trajectory_student,
)
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.samplers import heun as heun_sampler
from theorylab.diffusion.schedules import append_zero, edm

S2 = 0.7
SIGMAS = append_zero(edm(7, 0.05, 10.0))


def gaussian(x, sigma):
    """The denoiser of N(0, S2): every step multiplies by a known factor."""
    return S2 / (S2 + sigma**2) * x


def factors(path):
    return [(S2 + s * t) / (S2 + s**2) for s, t in pairwise(path)]


def states(n=5, dim=2):
    return torch.randn(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_offline_students_are_products_of_factors():
    x, products = states(), np.cumprod(factors(SIGMAS.tolist()))
    torch.testing.assert_close(knowledge_student(gaussian, SIGMAS)(x), products[-1] * x)
    found = trajectory_student(gaussian, SIGMAS)(x)
    assert found.shape == (5, 8, 2)
    for k, product in enumerate(products):
        torch.testing.assert_close(found[:, k], product * x)


def test_every_round_of_progressive_distillation_keeps_the_map():
    x, wanted = states(), math.prod(factors(SIGMAS.tolist()))
    students, grids = progressive_student(gaussian, SIGMAS)
    assert [len(g) - 1 for g in grids] == [8, 4, 2, 1]
    for student, grid in zip(students, grids, strict=True):
        *_, last = ddim(student, x, grid)
        torch.testing.assert_close(last, wanted * x, rtol=1e-12, atol=1e-13)


def test_progressive_target_by_hand():
    one, two = factors([2.0, 1.0, 0.5])
    wanted = (one * two - 0.25) / 0.75
    assert float(progressive_target(gaussian, torch.ones(1, 1), 2.0, 1.0, 0.5)) == pytest.approx(
        wanted, rel=1e-6
    )


def test_consistency_functions_are_products_of_what_is_left():
    x, path = states(), SIGMAS.tolist()
    found = consistency_student(gaussian, SIGMAS)
    assert len(found) == len(path)
    for k, function in enumerate(found):
        torch.testing.assert_close(function(x), math.prod(factors(path)[k:]) * x)


@pytest.mark.parametrize(
    ("step", "sampler"), [(euler_step, ddim), (heun_step, heun_sampler)], ids=["euler", "heun"]
)
def test_steps_are_those_of_the_samplers(step, sampler):
    denoiser, x = lambda x, sigma: torch.sin(x) / (1 + sigma), states()
    *_, wanted = sampler(denoiser, x, SIGMAS)
    for student in (
        knowledge_student(denoiser, SIGMAS, step=step),
        consistency_student(denoiser, SIGMAS, step=step)[0],
    ):
        torch.testing.assert_close(student(x), wanted, rtol=1e-12, atol=1e-12)


def basis_by_hand(x, knots):
    """Hats at the knots; beyond the outer ones the lines through the last two go on."""
    rows = np.array([np.interp(x, knots, unit) for unit in np.eye(len(knots))]).T
    for side, a, b in ((x < knots[0], 0, 1), (x > knots[-1], -1, -2)):
        beyond = (x[side] - knots[a]) / (knots[b] - knots[a])
        rows[side] = 0
        rows[side, a], rows[side, b] = 1 - beyond, beyond
    return rows


def test_fitted_students_are_least_squares_solutions():
    knots = torch.linspace(-2, 2, 5, dtype=torch.float64)
    x = 2 * states(40, 1)
    fit = piecewise_linear(lambda sigma: knots, lambda sigma: x)
    found = fit(torch.sin, 1.0)
    basis = basis_by_hand(x[:, 0].numpy(), knots.numpy())
    wanted = np.linalg.lstsq(basis, torch.sin(x).numpy(), rcond=None)[0]
    assert found(x).numpy() == pytest.approx(basis @ wanted, abs=1e-12)
    # A target of the class is met exactly, by every technique.
    line = [
        knowledge_student(gaussian, SIGMAS, fit=fit)(x),
        trajectory_student(gaussian, SIGMAS, fit=fit)(x)[:, -1],
        consistency_student(gaussian, SIGMAS, fit=fit)[0](x),
        euler_step(
            (made := progressive_student(gaussian, SIGMAS, fit=fit))[0][-1], x, *made[1][-1]
        ),
    ]
    for found in line:
        torch.testing.assert_close(found, math.prod(factors(SIGMAS.tolist())) * x)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"2\^k \+ 1 sigmas, got 4, that is 3 steps"):
        progressive_student(gaussian, [3.0, 2.0, 1.0, 0.0])
    empty = piecewise_linear(lambda s: torch.linspace(-9, 9, 9), lambda s: states(20, 1))
    with pytest.raises(ValueError, match="20 samples do not determine 9 coefficients at sigma 2"):
        empty(torch.sin, 2.0)
    with pytest.raises(ValueError, match="at least one step"):
        knowledge_student(gaussian, [1.0])
    students, _ = progressive_student(gaussian, [3.0, 2.0, 0.0])
    with pytest.raises(ValueError, match="distilled at the levels 3, not at 2"):
        students[-1](states(), 2.0)
