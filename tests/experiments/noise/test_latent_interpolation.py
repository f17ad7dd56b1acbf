"""The formulas that judge interpolated latents, each against integration or another library."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats
from theorylab.experiments.noise import latent_interpolation as latent

from theorylab.diffusion.interpolation import slerp
from theorylab.diffusion.transport import gaussian_w2

WEIGHTS = [0.05, 0.25, 0.5, 0.9]


@pytest.mark.parametrize("w", WEIGHTS)
def test_limits_are_distances_between_two_normal_laws(w):
    """Norms end as N(0, variance/2) against N(0, 1/2), after sqrt(d) is taken off."""
    own, chi = stats.norm(scale=math.sqrt(latent.spread(w) / 2)), stats.norm(scale=math.sqrt(0.5))
    area = integrate.quad(lambda x: abs(own.pdf(x) - chi.pdf(x)), 0, 8, limit=500)[0]
    assert latent.LIMITS["total_variation"](w) == pytest.approx(area, abs=1e-7)
    x = np.linspace(0, 4, 40_001)
    gap = np.abs(own.cdf(x) - chi.cdf(x)).max()
    assert latent.LIMITS["norm"](w) == pytest.approx(gap, abs=1e-8)
    zero = torch.zeros(1, dtype=torch.float64)
    covariances = [torch.tensor([[law.var()]], dtype=torch.float64) for law in (own, chi)]
    w2 = float(gaussian_w2(zero, covariances[0], zero, covariances[1]))
    assert latent.LIMITS["wasserstein"](w) == pytest.approx(w2, abs=1e-12)


def test_coordinate_constant_is_the_largest_hermite_hump():
    hump = optimize.minimize_scalar(
        lambda x: -abs(special.eval_hermitenorm(3, x)) * stats.norm.pdf(x), bounds=(0.1, 1.6)
    )
    # Edgeworth: -excess/24 He_3 phi, with excess kurtosis -6 (1 - variance) / d.
    assert latent.coordinate_constant(0.5) == pytest.approx(-hump.fun * 6 * 0.5 / 24, rel=1e-9)


def test_slerp_of_halves_has_two_angles():
    generator = torch.Generator().manual_seed(1)
    z1, z2 = torch.randn((2, 5, 4), dtype=torch.float64, generator=generator)
    found = latent._slerp_of_halves(z1, z2, 0.3)
    assert torch.equal(found[:, 2:], slerp(z1[:, 2:], z2[:, 2:], 0.3))
    assert not torch.allclose(found, slerp(z1, z2, 0.3))
