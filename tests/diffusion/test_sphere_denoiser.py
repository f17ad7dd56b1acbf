"""The sphere's denoiser against high precision, quadrature and a weighted sample."""

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy import integrate

from theorylab.diffusion.manifolds import Sphere
from theorylab.diffusion.sphere_denoiser import (
    mean_resultant_length,
    sphere_denoiser,
    typical_relative_error,
)


@pytest.mark.parametrize("k", [1, 2, 3, 21, 200, 1001])
@pytest.mark.parametrize("factor", [1e-6, 0.3, 0.499, 0.501, 3.0, 1e3, 0.99e6, 1.01e6, 1e9])
def test_ratio_of_bessel_functions_in_high_precision(k, factor):
    z = factor * k
    with mp.workdps(50):
        # Its continued fraction in 50 digits where the functions themselves are out of reach.
        if z < 5e4:
            wanted = mp.besseli(mp.mpf(k) / 2, z) / mp.besseli(mp.mpf(k) / 2 - 1, z)
        else:
            a = [mp.hyp2f0(0.5 + v, 0.5 - v, 1 / (2 * mp.mpf(z))) for v in (k / 2, k / 2 - 1)]
            wanted = a[0] / a[1]
    assert mean_resultant_length(k, np.array([z]))[0] == pytest.approx(float(wanted), rel=1e-12)


def test_on_a_circle_by_quadrature():
    centre = torch.tensor([0.3, -1.0], dtype=torch.float64)
    circle, x, sigma = Sphere(1, 1.5, centre=centre), (0.9, 0.4), 0.8
    weight = lambda t: math.exp(
        -((0.3 + 1.5 * math.cos(t) - x[0]) ** 2 + (-1 + 1.5 * math.sin(t) - x[1]) ** 2)
        / (2 * sigma**2)
    )
    mass = integrate.quad(weight, 0, 2 * math.pi)[0]
    wanted = [
        integrate.quad(lambda t: (0.3 + 1.5 * math.cos(t)) * weight(t), 0, 2 * math.pi)[0] / mass,
        integrate.quad(lambda t: (-1 + 1.5 * math.sin(t)) * weight(t), 0, 2 * math.pi)[0] / mass,
    ]
    found = sphere_denoiser(circle)(torch.tensor([x], dtype=torch.float64), sigma)
    assert found[0].tolist() == pytest.approx(wanted, rel=1e-10)


def test_what_is_off_the_frame_does_not_matter_and_levels_may_differ():
    frame = torch.randn(4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sphere = Sphere(3, 2.0, frame=frame)
    x = torch.randn(2, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    off = x - x @ sphere.frame.T @ sphere.frame
    denoiser, levels = sphere_denoiser(sphere), torch.tensor([[0.5], [3.0]], dtype=torch.float64)
    both = denoiser(x, levels)
    assert torch.allclose(both, denoiser(x + 5 * off, levels), rtol=0, atol=1e-12)
    assert torch.equal(both[1:], denoiser(x[1:], 3.0))
    assert torch.equal(denoiser(torch.zeros(1, 9), 1.0), torch.zeros(1, 9, dtype=torch.float64))


def test_sigma_must_be_positive():
    with pytest.raises(ValueError, match="above 0"):
        sphere_denoiser(Sphere(2))(torch.ones(1, 3), 0.0)


@pytest.mark.parametrize("sigma", [0.01, 0.3, 2.0])
def test_typical_error_is_where_samples_gather_in_high_dimension(sigma):
    generator = torch.Generator().manual_seed(3)
    sphere = Sphere(100, 2.0, ambient_dim=2000)
    x = sphere.sample(50, generator)
    x = x + sigma * torch.randn(x.shape, dtype=torch.float64, generator=generator)
    error = (sphere_denoiser(sphere)(x, sigma) - sphere.project(x)).norm(dim=1)
    found = (error / sphere.distance(x)).mean()
    assert typical_relative_error(2000, 100, sigma, 2.0) == pytest.approx(float(found), rel=0.02)
