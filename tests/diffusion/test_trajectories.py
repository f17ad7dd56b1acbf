"""Relative error and band ratio where both are known in closed form."""

import math

import pytest
import torch

from theorylab.diffusion.admissibility import distance_factors, smallest_nu
from theorylab.diffusion.manifolds import AffineSubspace, PointCloud, Sphere
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import append_zero, log_linear
from theorylab.diffusion.trajectories import relative_projection_error, track


def normals(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def test_projector_has_no_error_and_a_constant_band_ratio():
    sphere = Sphere(2, 1.0, ambient_dim=5)
    x, sigmas = 40 * normals(6, 5), log_linear(8, 0.1, 40.0)
    denoiser = lambda x, sigma: sphere.project(x)
    measured = track(denoiser, sphere, ddim(denoiser, x, sigmas), sigmas)
    assert float(measured.eta.max()) == 0
    start = sphere.distance(x) / (math.sqrt(5) * 40)
    torch.testing.assert_close(measured.nu, start.expand(9, 6), rtol=1e-12, atol=0)
    torch.testing.assert_close(measured.distance[-1], sphere.distance(x) / 400)


def test_relative_error_of_a_gaussian_on_a_subspace():
    # K = span(e_1, e_2) in R^6, data N(0, 4) on it: D shrinks u to 4u/(4 + sigma^2), so
    # |D - proj| = sigma^2/(4 + sigma^2) |u| and dist = |y|, y the last four coordinates.
    subspace = AffineSubspace(torch.eye(2, 6))
    denoiser = lambda x, sigma: 4 / (4 + sigma**2) * subspace.project(x)
    x, sigmas = normals(7, 6, seed=1), log_linear(3, 0.5, 4.0)
    measured = track(denoiser, subspace, [x] * 4, sigmas)
    ratio = x[:, :2].norm(dim=1) / x[:, 2:].norm(dim=1)
    for k, sigma in enumerate(sigmas.tolist()):
        expected = sigma**2 / (4 + sigma**2) * ratio
        torch.testing.assert_close(measured.eta[k], expected, rtol=1e-12, atol=0)
        torch.testing.assert_close(
            measured.nu[k], x[:, 2:].norm(dim=1) / (math.sqrt(6) * sigma), rtol=1e-12, atol=0
        )


def test_definition_by_the_scaled_noise():
    x, denoised, projection = normals(3, 5, 2, 3, seed=2)
    sigma = 0.7
    eps = (x - denoised) / sigma
    error = (sigma * eps - (x - projection)).flatten(1).norm(dim=1)
    expected = error / (x - projection).flatten(1).norm(dim=1)
    actual = relative_projection_error(denoised, x, projection)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("sign", [+1, -1])
def test_adversary_on_a_point_attains_the_bounds_and_the_smallest_nu(sign):
    eta, sigmas = 0.1, log_linear(10, 0.5, 40.0)
    point = PointCloud(torch.zeros(1, 3, dtype=torch.float64))
    x = torch.full((1, 3), 40.0, dtype=torch.float64)  # dist = sqrt(n) sigma_N
    denoiser = lambda x, sigma: -sign * eta * x  # sigma eps = (1 + sign eta) x
    measured = track(denoiser, point, ddim(denoiser, x, sigmas), sigmas)
    torch.testing.assert_close(measured.eta, torch.full((11, 1), eta, dtype=torch.float64))
    factors = distance_factors(sigmas, eta)
    bound = torch.tensor(factors.lower if sign > 0 else factors.upper, dtype=torch.float64)
    torch.testing.assert_close(measured.distance[:, 0] / measured.distance[0, 0], bound)
    if sign > 0:
        assert float(1 / measured.nu.min()) == pytest.approx(smallest_nu(sigmas, eta), rel=1e-12)


def test_on_the_set_the_error_is_zero_or_infinite():
    x = torch.ones(2, 2)
    denoised = torch.tensor([[1.0, 1.0], [1.0, 2.0]])
    assert relative_projection_error(denoised, x, x).tolist() == [0, math.inf]


def test_final_zero_is_left_out_and_lengths_must_agree():
    point = PointCloud(torch.zeros(1, 2))
    denoiser = lambda x, sigma: 0 * x
    x, sigmas = torch.ones(3, 2), append_zero(log_linear(4, 0.1, 1.0))
    measured = track(denoiser, point, ddim(denoiser, x, sigmas), sigmas)
    assert measured.sigma.tolist() == sigmas[:-1].tolist()
    assert measured.distance.shape == measured.eta.shape == measured.nu.shape == (5, 3)
    with pytest.raises(ValueError):
        track(denoiser, point, [x], [1.0, 0.5])
