"""Rigorous enclosures: exact symbolic expressions as python-flint balls, balls as floats."""

from __future__ import annotations

import math
from collections.abc import Mapping

import flint
import sympy as sp
from flint import arb, fmpq

#: sympy function -> the arb method of one argument that encloses it on the real line.
_METHODS = {
    sp.exp: "exp",
    sp.log: "log",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tan: "tan",
    sp.cot: "cot",
    sp.asin: "asin",
    sp.acos: "acos",
    sp.atan: "atan",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.tanh: "tanh",
    sp.asinh: "asinh",
    sp.acosh: "acosh",
    sp.atanh: "atanh",
    sp.erf: "erf",
    sp.erfc: "erfc",
    sp.erfi: "erfi",
    sp.gamma: "gamma",
    sp.loggamma: "lgamma",
    sp.digamma: "digamma",
    sp.Abs: "__abs__",
    sp.factorial: "fac",
    sp.LambertW: "lambertw",
    sp.re: "__pos__",
}

_CONSTANTS = {
    sp.pi: lambda: arb.pi(),
    sp.E: lambda: arb.const_e(),
    sp.EulerGamma: lambda: arb.const_euler(),
    sp.GoldenRatio: lambda: (1 + arb(5).sqrt()) / 2,
}


def enclose(expression: sp.Expr, values: Mapping | None = None, precision: int = 128) -> arb:
    """A ball that contains the value of a real expression at an exact point.

    The tree is evaluated by ball arithmetic; sympy rewrites nothing on the way, so that this is
    a second road to the value beside ``simplify``.

    Args:
        expression: exact (no floating-point numbers), without undefined functions.
        values: exact value (int, Fraction, sympy number) of every free symbol.
        precision: working precision in bits.

    Returns:
        The ball; NaN where the expression is not real or not defined.

    Raises:
        ValueError: for a symbol without a value, a float, or a function without an enclosure.
    """
    table = {symbol: exact(value) for symbol, value in (values or {}).items()}
    previous = flint.ctx.prec
    flint.ctx.prec = precision
    try:
        return _ball(sp.sympify(expression), table)
    finally:
        flint.ctx.prec = previous


def exact(value) -> sp.Expr:
    """``value`` as an exact real sympy number; ValueError for a float."""
    number = sp.sympify(value)
    if number.has(sp.Float) or number.free_symbols or number.is_real is not True:
        raise ValueError(
            f"{value!r} is not an exact real number; write sympy.Rational(1, 3), sympy.sqrt(2), ..."
        )
    return number


def down(x: arb) -> float:
    """Largest float not above the ball (-inf if it reaches there); NaN for a NaN ball."""
    if x.is_nan():
        return math.nan
    edge = x.lower()
    guess = float(edge)
    while not arb(guess) <= edge:
        guess = math.nextafter(guess, -math.inf)
    return guess


def up(x: arb) -> float:
    """Smallest float not below the ball (inf if it reaches there); NaN for a NaN ball."""
    return -down(-x)


def _ball(node: sp.Expr, values: Mapping) -> arb:
    if node.is_Symbol:
        if node not in values:
            raise ValueError(f"the witness gives no value for {node}")
        return _ball(values[node], {})
    if node.is_Rational:
        return arb(fmpq(int(node.p), int(node.q)))
    if node.is_Float:
        raise ValueError(f"{node} is a floating-point number: an exact expression is needed")
    if node in _CONSTANTS:
        return _CONSTANTS[node]()
    if node.is_Add:
        return sum((_ball(term, values) for term in node.args), arb(0))
    if node.is_Mul:
        return math.prod((_ball(factor, values) for factor in node.args), start=arb(1))
    if node.is_Pow:
        return _power(node.base, node.exp, values)
    if isinstance(node, (sp.Max, sp.Min)):
        balls = [_ball(a, values) for a in node.args]
        result = balls[0]
        for ball in balls[1:]:
            result = result.max(ball) if isinstance(node, sp.Max) else result.min(ball)
        return result
    if node.func in _METHODS and len(node.args) == 1:
        return getattr(_ball(node.args[0], values), _METHODS[node.func])()
    raise ValueError(f"no enclosure for {node.func.__name__}: evaluate or rewrite {node} first")


def _power(base: sp.Expr, exponent: sp.Expr, values: Mapping) -> arb:
    ball = _ball(base, values)
    if exponent.is_Integer:
        return ball ** int(exponent)
    if exponent.is_Rational and exponent.q == 2:
        return ball.sqrt() ** int(exponent.p)
    if base == sp.E:
        return _ball(exponent, values).exp()
    return ball ** _ball(exponent, values)
