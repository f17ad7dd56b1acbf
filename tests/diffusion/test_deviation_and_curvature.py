"""Deviation on paths known by hand; curvature against differences of an exact flow."""

import math

import pytest
import torch

from theorylab.diffusion import trajectory_geometry as geometry
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.flow_maps import ode_flow


def test_half_a_circle_deviates_by_its_radius():
    angle = torch.linspace(0, math.pi, 181, dtype=torch.float64)
    states = 3 * torch.stack([angle.cos(), angle.sin()], 1)[:, None]
    deviation = geometry.distance_to_segment(states)
    torch.testing.assert_close(deviation[:, 0], 3 * angle.sin(), rtol=0, atol=1e-14)
    assert float(geometry.relative_deviation(states)) == pytest.approx(0.5, rel=1e-12)
    torch.testing.assert_close(
        geometry.distance_to_end(states)[:, 0], 6 * (angle / 2).cos(), rtol=0, atol=1e-13
    )


def test_segment_and_line_differ_beyond_the_ends():
    states = torch.tensor([[[0.0, 0.0]], [[-3.0, 4.0]], [[2.0, 0.0]]]).double()
    assert geometry.distance_to_segment(states)[1].item() == 5
    assert geometry.distance_to_line(states)[1].item() == 4


def test_closed_and_misshapen_paths_are_refused():
    closed = torch.tensor([[[0.0]], [[1.0]], [[0.0]]])
    assert geometry.distance_to_segment(closed)[:, 0].tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="coincide"):
        geometry.relative_deviation(closed)
    with pytest.raises(ValueError, match="steps, batch, d"):
        geometry.distance_to_line(torch.zeros(3, 2))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_velocity_and_curvature_of_an_exact_flow(sigma):
    law = GaussianMixture.isotropic([0.3, 0.7], [[-1.0, 0.0], [1.0, 0.6]], [0.0, 0.4])
    x = torch.tensor([[0.5, -1.0], [-2.0, 1.0]], dtype=torch.float64)
    h = 1e-2 * sigma
    levels = [sigma - 2 * h, sigma - h, sigma, sigma + h, sigma + 2 * h]
    down = ode_flow(law, x, levels[2::-1])
    up = ode_flow(law, x, levels[2:])
    states = torch.cat([down.flip(0), up[1:]])
    denoised = torch.stack([law(s, level) for s, level in zip(states, levels, strict=True)])
    weights = torch.tensor([1.0, -8, 0, 8, -1]).double()[:, None, None] / (12 * h)
    found = geometry.denoised_velocity(law, x, sigma)
    torch.testing.assert_close((weights * denoised).sum(0), found, rtol=0, atol=1e-6)
    # Curvature of a plane curve from its own derivatives, without the denoiser.
    first = (weights * states).sum(0)
    seconds = torch.tensor([-1.0, 16, -30, 16, -1]).double()[:, None, None] / (12 * h**2)
    second = (seconds * states).sum(0)
    cross = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).abs()
    kappa = geometry.flow_curvature(x, law(x, sigma), found, sigma)
    torch.testing.assert_close(kappa, cross / first.norm(dim=1) ** 3, rtol=1e-5, atol=1e-7)
