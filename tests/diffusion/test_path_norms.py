"""Norms of interpolated latents against chi laws, closed-form moments and a second integral."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, special, stats

from theorylab.diffusion.interpolation import fixed_angle_slerp, lerp, rescaled_lerp, slerp
from theorylab.diffusion.path_norms import chi_pdf, norm_law

DIMS = [2, 3, 4, 7, 15, 16, 40, 512, 65_536]


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("weight", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("path", [lerp, rescaled_lerp, fixed_angle_slerp])
def test_linear_paths_have_chi_norms(path, weight, dim):
    scale = math.hypot(1 - weight, weight) if path is lerp else 1.0
    law, oracle = norm_law(path, dim, weight), stats.chi(dim, scale=scale)
    r = oracle.ppf([0.01, 0.1, 0.5, 0.9, 1 - 1e-6])
    assert np.abs(law.cdf(r) - oracle.cdf(r)).max() < (3e-7 if dim == 2 else 1e-9)
    assert law.sf(r) == pytest.approx(oracle.sf(r), rel=1e-6)
    # at w = 0 the path is z1, small where a is near its end: the density is hard there at d = 2
    assert law.pdf(r) == pytest.approx(oracle.pdf(r), rel=1e-6, abs=2e-5 if dim == 2 else 1e-8)
    with mpmath.workdps(30):
        half = mpmath.mpf(dim) / 2
        moments = [
            scale**k * 2 ** (k / 2) * mpmath.gammaprod([half + k / 2], [half]) for k in (1, 3)
        ]
    assert [law.moment(1), law.moment(3)] == pytest.approx([float(m) for m in moments], rel=3e-7)


def halfway_cdf(r, dim, nodes=300):
    """P(|slerp(z1, z2, 1/2)| <= r) from |.|^2 = r1 r2 + (r1 - r2)^2 / (2 (1 + c)), r1, r2 ~ chi.

    With s, e = (r1 +- r2)/2 the event is (1 + c)/2 >= e^2 / (r^2 - s^2 + e^2) for s < r.
    """
    x, mass = np.polynomial.legendre.leggauss(nodes)
    angle = (x[:, None] + 1) * math.pi / 4
    s, e = r * np.sin(angle), r * np.sin(angle) * (x + 1) / 2
    area = np.outer(mass, mass) * r * np.cos(angle) * math.pi / 4 * s / 2
    least = e**2 / (r * r - s**2 + e**2)
    inside = special.betaincc((dim - 1) / 2, (dim - 1) / 2, least)
    return 4 * float((inside * chi_pdf(s + e, dim) * chi_pdf(s - e, dim) * area).sum())


@pytest.mark.parametrize("dim", [2, 3, 9, 30])
@pytest.mark.parametrize("level", [0.1, 0.6, 0.95])
def test_slerp_halfway_against_another_integral(dim, level):
    law, r = norm_law(slerp, dim, 0.5), stats.chi(dim).ppf(level)
    assert float(law.cdf(r)) == pytest.approx(halfway_cdf(r, dim), abs=3e-11)
    assert float(law.cdf(r) + law.sf(r)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("dim", [5, 8, 16, 100, 3000])
def test_slerp_halfway_mean_square(dim):
    chi = (
        stats.chi(dim).mean()
        if dim < 300
        else float(
            mpmath.sqrt(2) * mpmath.gammaprod([mpmath.mpf(dim + 1) / 2], [mpmath.mpf(dim) / 2])
        )
    )
    expected = (dim * (dim - 2) - chi**2) / (dim - 3)
    assert norm_law(slerp, dim, 0.5).moment(2) == pytest.approx(expected, rel=1e-12)


def test_the_plane_stands_for_every_dimension():
    """Norms of 9-dimensional latents: the band of Dvoretzky, Kiefer and Wolfowitz at 1e-6."""
    generator = torch.Generator().manual_seed(0)
    z1, z2 = torch.randn((2, 20_000, 9), dtype=torch.float64, generator=generator)
    norms = slerp(z1, z2, 0.3).norm(dim=1).numpy()
    band = math.sqrt(math.log(2 / 1e-6) / (2 * len(norms)))
    fine = np.linspace(0, 12, 601)
    exact = norm_law(slerp, 9, 0.3).cdf(fine)
    assert stats.kstest(norms, lambda r: np.interp(r, fine, exact)).statistic < band
    assert stats.kstest(norms, stats.chi(9).cdf).statistic > band


def test_the_density_integrates_to_the_distribution_function():
    law = norm_law(slerp, 6, 0.25)
    area = integrate.quad(lambda r: float(law.pdf(r)), 1.0, 2.5, epsabs=1e-12)[0]
    assert area == pytest.approx(float(law.cdf(2.5) - law.cdf(1.0)), abs=1e-11)


@pytest.mark.parametrize("dof", [1, 2, 3, 10, 131_072])
def test_chi_density_against_mpmath(dof):
    r = math.sqrt(dof) + np.array([-0.7, 0.0, 0.3, 4.0])
    with mpmath.workdps(40):
        half = mpmath.mpf(dof) / 2
        exact = [
            mpmath.exp((dof - 1) * mpmath.log(x) - x**2 / 2 - mpmath.loggamma(half))
            * mpmath.mpf(2) ** (1 - half)
            for x in map(mpmath.mpf, r.tolist())
        ]
    assert chi_pdf(r, dof) == pytest.approx([float(v) for v in exact], rel=1e-11)
    assert chi_pdf(np.array([0.0, 1e-300]), 5).tolist() == [0.0, 0.0]


def test_refusals():
    with pytest.raises(ValueError, match="dim >= 2 only; got dim=1"):
        norm_law(slerp, 1, 0.5)
    with pytest.raises(ValueError, match="not finite"):
        norm_law(lambda z1, z2, w: z1 / 0, 3, 0.5)
