"""Oracles of thin_shell that no verdict judges, against SciPy."""

import math

import pytest
from scipy import stats
from theorylab.experiments.noise import thin_shell


@pytest.mark.parametrize("dim", [1, 2, 7, 400, 20_000])
@pytest.mark.parametrize("half_width", [0.5, 1, 3])
def test_tails_of_the_shell_are_those_of_the_chi_law(dim, half_width):
    law, root = stats.chi(dim), math.sqrt(dim)
    wanted = law.sf(root + half_width) + law.cdf(root - half_width)
    found = thin_shell._outside(dim, thin_shell.Fraction(half_width))
    assert float(found) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("dim", [1, 2, 7, 300])
def test_mean_radius_is_the_mean_of_the_chi_law(dim):
    assert float(thin_shell._mean_radius(dim)) == pytest.approx(stats.chi(dim).mean(), rel=1e-12)


@pytest.mark.parametrize(("samples", "dim"), [(10, 3), (70_000, 1), (3, 100_000), (5, 2**16)])
def test_chunks_add_up(samples, dim):
    rows = thin_shell._chunks(samples, dim)
    assert sum(rows) == samples and min(rows) > 0
    assert max(rows) * dim <= max(thin_shell.CHUNK, dim)
