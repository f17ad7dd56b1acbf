"""Oracles of thin_shell that no verdict judges, against SciPy and quadrature."""

import math

import pytest
import sympy as sp
from scipy import integrate, stats
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


@pytest.mark.parametrize("x", [0.0, 0.7, -2.0])
def test_generating_function_of_the_gain_is_the_integral_it_stands_for(x):
    a, b, order, _, sigma = thin_shell._gain_generating_function()
    at = {order: sp.Rational(1, 3), sigma: sp.Rational(5, 4)}
    found = math.exp(float(a.subs(at)) + x**2 * float(b.subs(at)))
    noise = stats.norm(scale=1.25)
    wanted, _ = integrate.quad(
        lambda z: math.exp(-((x + z) ** 2 - x**2) / 3) * noise.pdf(z), -15, 15, points=[0]
    )
    assert found == pytest.approx(wanted, rel=1e-9)


def test_laws_of_lengthening_differ_where_the_controls_need_it():
    exact, *others = (
        thin_shell._law(law, 1000, 1000.0) for law in ("exact", "one", "half lost", "central")
    )
    assert exact == pytest.approx(stats.ncx2.sf(1e6, 1000, 1e6), abs=1e-8)
    assert all(abs(other - exact) > 0.1 for other in others)


@pytest.mark.parametrize(("samples", "dim"), [(10, 3), (70_000, 1), (3, 100_000), (5, 2**16)])
def test_chunks_add_up(samples, dim):
    rows = thin_shell._chunks(samples, dim)
    assert sum(rows) == samples and min(rows) > 0
    assert max(rows) * dim <= max(thin_shell.CHUNK, dim)
