"""Balls of symbolic expressions against mpmath, and their outward rounding."""

import fractions
import math

import flint
import mpmath as mp
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.checks.enclosures import down, enclose, up

x = sp.symbols("x", real=True)

FUNCTIONS = [
    sp.exp(x),
    sp.log(x + 2),
    sp.sin(x) * sp.cos(x) + sp.tan(x / 5),
    sp.sinh(x) - sp.cosh(x) * sp.tanh(x) ** 2,
    sp.erf(x) + sp.erfc(x / 2),
    sp.gamma(x + 3) / sp.loggamma(x + 9),
    sp.sqrt(x + 2) ** 3 + (x + 2) ** sp.Rational(2, 3),
    (x + 2) ** (x / 7) + sp.pi**x + sp.E**2,
    sp.Abs(x) + sp.Max(x, sp.Rational(1, 7)) + sp.Min(x, 3, -x),
    sp.atan(x) + sp.asin(x / 4) + sp.acos(x / 4) + sp.asinh(x) + sp.atanh(x / 4),
    1 / (x**2 + sp.EulerGamma) ** 2,
    sp.sqrt(x + 2) ** -1,
]


@settings(derandomize=True, deadline=None, max_examples=30)
@given(numerator=st.integers(-150, 200))
@pytest.mark.parametrize("expression", FUNCTIONS, ids=str)
def test_ball_contains_the_value(expression, numerator):
    """Oracle: mpmath through lambdify, at 60 digits."""
    value = sp.Rational(numerator, 97)
    ball = enclose(expression, {x: value}, precision=128)
    with mp.workdps(60):
        exact = sp.lambdify(x, expression, "mpmath")(mp.mpf(numerator) / 97)
        low, high = mp.mpf(down(ball)), mp.mpf(up(ball))
        assert low <= exact <= high
        assert high - low <= 1e-14 * (1 + abs(exact))


def test_not_real_is_nan():
    assert enclose(sp.sqrt(x), {x: -1}).is_nan()
    assert enclose(sp.log(x), {x: -2}).is_nan()
    assert math.isnan(down(enclose(1 / x, {x: 0}))) or math.isinf(down(enclose(1 / x, {x: 0})))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.fractions(-(10**30), 10**30, max_denominator=10**30), st.integers(-1200, 1200))
def test_floats_are_rounded_outward_and_no_further(value, exponent):
    scaled = value * fractions.Fraction(2) ** exponent
    ball = arb(scaled.numerator) / arb(scaled.denominator)
    low, high = down(ball), up(ball)
    for edge in (low, high):
        assert not math.isnan(edge)
    if math.isfinite(low):
        assert fractions.Fraction(low) <= scaled
    if math.isfinite(high):
        assert fractions.Fraction(high) >= scaled
    exact = down(arb(0.1)), up(arb(0.1))
    assert exact == (0.1, 0.1)


def test_extremes():
    assert down(arb("1e400")) == 1.7976931348623157e308
    assert up(arb("1e400")) == math.inf
    assert up(arb("1e-400")) == 5e-324
    assert down(arb("1e-400")) == 0
    assert math.isnan(up(arb("nan")))
    assert down(arb(0, math.inf)) == -math.inf
    assert up(arb(1, 2)) >= 3


def test_the_global_precision_is_left_alone():
    before = flint.ctx.prec
    enclose(sp.exp(x), {x: 1}, precision=999)
    with pytest.raises(ValueError, match="no value"):
        enclose(x, {}, precision=999)
    assert flint.ctx.prec == before
