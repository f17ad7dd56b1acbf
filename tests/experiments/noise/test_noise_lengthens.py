"""Oracles of noise_lengthens that no verdict judges, against SciPy and quadrature."""

import math

import pytest
import sympy as sp
from scipy import integrate, stats
from theorylab.experiments.noise import noise_lengthens


@pytest.mark.parametrize("x", [0.0, 0.7, -2.0])
def test_generating_function_of_the_gain_is_the_integral_it_stands_for(x):
    a, b, order, _, sigma = noise_lengthens._gain_generating_function()
    at = {order: sp.Rational(1, 3), sigma: sp.Rational(5, 4)}
    found = math.exp(float(a.subs(at)) + x**2 * float(b.subs(at)))
    noise = stats.norm(scale=1.25)
    wanted, _ = integrate.quad(
        lambda z: math.exp(-((x + z) ** 2 - x**2) / 3) * noise.pdf(z), -15, 15, points=[0]
    )
    assert found == pytest.approx(wanted, rel=1e-9)


def test_laws_of_lengthening_differ_where_the_controls_need_it():
    exact, *others = (
        noise_lengthens._law(law, 1000, 1000.0) for law in ("exact", "one", "half lost", "central")
    )
    assert exact == pytest.approx(stats.ncx2.sf(1e6, 1000, 1e6), abs=1e-8)
    assert all(abs(other - exact) > 0.1 for other in others)
