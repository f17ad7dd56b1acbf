"""The mean of noisy measurements: jumps by hand, and the two points' distance by quantiles."""

import math

import mpmath as mp
import pytest
import torch

from theorylab.diffusion.measured_mean import LAWS, jump, law_on_the_line, two_point_w2_squared
from theorylab.diffusion.transport import w2_squared_from_quantiles

Y = torch.linspace(-3, 3, 13, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("step", [0.0, 0.5, 1.0])
def test_jump_of_two_points_moves_towards_the_hyperbolic_tangent(step):
    found = jump(law_on_the_line("two points"), Y, 0.7, step)
    assert torch.allclose(found, Y + step * (torch.tanh(Y / 0.49) - Y), atol=1e-13)


def test_jump_of_the_normal_law_shrinks():
    assert torch.allclose(jump(law_on_the_line("normal"), Y, 2.0), Y / 5, atol=1e-14)


@pytest.mark.parametrize("name", LAWS)
def test_laws_have_the_moments_of_their_parameters(name):
    weights, means, stds = LAWS[name]
    mean = math.fsum(w * m for w, m in zip(weights, means, strict=True))
    square = math.fsum(w * (m * m + s * s) for w, m, s in zip(weights, means, stds, strict=True))
    law = law_on_the_line(name)
    assert float(law.mean()) == pytest.approx(mean, abs=1e-14)
    assert float(law.covariance()) == pytest.approx(square - mean**2, rel=1e-13)


@pytest.mark.parametrize("s", [0.2, 0.5, 3.0])  # the edges of the integral change at s = 1/4
def test_distance_of_two_points_by_their_quantiles(s):
    law = law_on_the_line("two points")
    pushed = lambda u: torch.tanh(law.quantile(u, s) / s**2)
    wanted = w2_squared_from_quantiles(law.quantile, pushed, 1e-9, jumps=[0.5])
    assert float(two_point_w2_squared(mp.mpf(s))) == pytest.approx(wanted.value, rel=1e-7)
