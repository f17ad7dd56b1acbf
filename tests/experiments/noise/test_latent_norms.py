"""The formulas that judge norms of interpolated latents, each against integration."""

import math

import pytest
import torch
from scipy import integrate, stats
from theorylab.experiments.noise import latent_norms as latent

from theorylab.diffusion.interpolation import slerp

WEIGHTS = [0.05, 0.25, 0.5, 0.9]


@pytest.mark.parametrize("w", WEIGHTS)
def test_limit_of_the_variance_is_that_of_the_slopes(w):
    """|slerp| is near cos^2 |z1| + sin^2 |z2|, of norms with variance 1/2 each."""
    cosine, sine = math.cos(w * math.pi / 2) ** 2, math.sin(w * math.pi / 2) ** 2
    assert latent.LIMITS["variance"](w) == pytest.approx((cosine**2 + sine**2) / 2)


@pytest.mark.parametrize(("dim", "share"), [(8, 0.5), (100, 0.25)])
def test_norm_of_a_share_of_the_coordinates(dim, share):
    law = stats.beta(share * dim / 2, (1 - share) * dim / 2)
    expected = integrate.quad(lambda b: math.sqrt(b) * law.pdf(b), 0, 1)[0]
    assert latent._mean_root_share(dim, share) == pytest.approx(expected, rel=1e-8)


def test_textbook_slerp_is_slerp_at_ordinary_angles():
    generator = torch.Generator().manual_seed(0)
    z1, z2 = torch.randn((2, 50, 6), dtype=torch.float64, generator=generator)
    assert torch.allclose(latent._textbook_slerp(z1, z2, 0.3), slerp(z1, z2, 0.3), rtol=1e-10)
