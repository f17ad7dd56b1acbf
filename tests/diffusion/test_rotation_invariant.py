"""Distances from N(0, I) of laws whose distances are known: scaled normals and their mixtures."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from theorylab.diffusion.rotation_invariant import distances_from_normal


def range_of(dim, *scales):
    return min(scales) * math.sqrt(dim) - 9, max(scales) * (math.sqrt(dim) + 9)


@pytest.mark.parametrize("dim", [2, 3, 16, 300, 10_000])
@pytest.mark.parametrize("scale", [0.7, 0.97, 1.2])
def test_scaled_normal(dim, scale):
    found = distances_from_normal(stats.chi(dim, scale=scale).pdf, dim, *range_of(dim, scale, 1.0))
    # log density ratio: -d log s - r^2 (1/s^2 - 1)/2
    crossing = math.sqrt(2 * dim * math.log(scale) / (1 - 1 / scale**2))
    gap = abs(stats.chi2(dim).cdf(crossing**2) - stats.chi2(dim).cdf((crossing / scale) ** 2))
    assert found.total_variation == pytest.approx(gap, abs=1e-9)
    assert found.norm_kolmogorov == pytest.approx(gap, abs=1e-9)
    assert found.wasserstein == pytest.approx(abs(1 - scale) * math.sqrt(dim), rel=1e-6)
    assert abs(found.missing_mass) < 1e-9
    if dim >= 16:
        x = math.sqrt(2 * math.log(scale) / (1 - 1 / scale**2))
        gap = abs(stats.norm.cdf(x / scale) - stats.norm.cdf(x))
        assert found.coordinate_kolmogorov == pytest.approx(gap, abs=1e-9)


@pytest.mark.parametrize("dim", [16, 50])
def test_mixture_of_two_scales_crosses_more_than_once(dim):
    scales, normal = (0.9, 1.1), stats.chi(dim)

    def pdf(r):
        return sum(stats.chi(dim, scale=s).pdf(r) for s in scales) / 2

    def cdf(r):
        return sum(stats.chi(dim, scale=s).cdf(r) for s in scales) / 2

    found = distances_from_normal(pdf, dim, *range_of(dim, *scales))
    fine = np.linspace(1e-9, math.sqrt(dim) + 9, 100_001)
    tv = integrate.trapezoid(np.abs(pdf(fine) - normal.pdf(fine)), fine) / 2
    assert found.total_variation == pytest.approx(tv, abs=1e-8)
    assert found.norm_kolmogorov == pytest.approx(
        np.abs(cdf(fine) - normal.cdf(fine)).max(), abs=1e-8
    )
    x = np.linspace(0, 6, 100_001)
    gap = np.abs(sum(stats.norm.cdf(x / s) for s in scales) / 2 - stats.norm.cdf(x)).max()
    assert found.coordinate_kolmogorov == pytest.approx(gap, abs=1e-9)
    # the quantile functions at the midpoints of a fine partition
    p = (np.arange(2000) + 0.5) / 2000
    w2 = math.sqrt(np.mean((np.interp(p, cdf(fine), fine) - normal.ppf(p)) ** 2))
    assert found.wasserstein == pytest.approx(w2, rel=1e-3)


def test_the_normal_itself():
    found = distances_from_normal(stats.chi(64).pdf, 64, -1.0, 17.0)
    assert max(map(abs, found)) < 1e-7


def test_refusals():
    with pytest.raises(ValueError, match="dim >= 2; got dim=1"):
        distances_from_normal(stats.chi(1).pdf, 1, 0, 9)
    with pytest.raises(ValueError, match="empty"):
        distances_from_normal(stats.chi(3).pdf, 3, 4, 4)
