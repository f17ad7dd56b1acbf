"""Proofs for symbols by sympy, and refutations by an exact witness."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import sympy as sp
import xarray as xr

from ..evidence import Evidence
from .enclosures import down, enclose, exact, up

#: Ways to reduce an expression, cheapest first; each is an identity on the symbols' domain.
TRIES: tuple[tuple[str, Callable], ...] = (
    ("as it stands", lambda e: e),
    ("expand", sp.expand),
    ("numerator over a common denominator", lambda e: sp.expand(sp.numer(sp.together(e)))),
    ("cancel", sp.cancel),
    ("combined powers", lambda e: sp.expand(sp.powsimp(sp.expand(e)))),
    ("rewritten in exp", lambda e: sp.expand(sp.numer(sp.together(e.rewrite(sp.exp))))),
    ("expanded logarithms", lambda e: sp.expand(sp.expand_log(e))),
    ("trigsimp", sp.trigsimp),
    ("simplify", sp.simplify),
)
#: Enough for rational functions, and quickest: expanding a sum of fractions first takes long.
FRACTIONS = TRIES[2:4]

#: Ways to a form whose sign can be read off; unlike a numerator, each equals the expression.
FORMS: tuple[tuple[str, Callable], ...] = (
    ("as it stands", lambda e: e),
    ("factor", sp.factor),
    ("expand", sp.expand),
    ("together", lambda e: sp.factor(sp.together(e))),
    ("simplify", sp.simplify),
)

#: Bits of the enclosures at a witness; the next is tried only while 0 is not excluded.
PRECISIONS = (64, 256, 1024)


class _Component(NamedTuple):
    estimate: float
    lower: float
    upper: float
    how: str


def proof(
    difference,
    witness: Mapping | Sequence[Mapping] | None,
    *,
    conditions: Iterable = (),
    reason: str = "an identity of symbols leaves a difference of exactly 0",
    tries: Sequence[tuple[str, Callable]] = TRIES,
) -> Evidence:
    """An identity of symbols: sympy reduces ``lhs - rhs`` to 0.

    - Supported: one of ``tries`` turns every component into 0 for symbols (never for sample
      values); the note says which.
    - Refuted: at an exact witness a ball of python-flint encloses a component and excludes 0.
      The witness is evaluated first and by itself, so a wrong simplification cannot outvote it.
    - Inconclusive: it does not simplify, and the witnesses enclose 0 (or there are none).

    Assumptions are carried by the symbols (``sp.symbols("sigma", positive=True)``); a witness
    that contradicts them, or ``conditions``, is an error, for it would refute nothing.

    Args:
        difference: sympy expression, list or Matrix of them; exact, so no floats. Unevaluated
            derivatives, sums and integrals are evaluated (``doit``).
        witness: exact values of all free symbols, e.g. ``{x: sp.Rational(1, 3)}``, or several
            such dicts; None if the expression holds undefined functions.
        conditions: sympy relations that a witness must satisfy, e.g. ``[a < b]``.
        tries: named reductions, in order.

    Raises:
        ValueError: for an inexact expression or a witness outside the domain.
    """
    components, witnesses = _prepare(difference, witness, conditions)
    found = [_vanishes(component, witnesses, tries) for component in components]
    return _evidence(found, (0.0, 0.0), reason)


def proof_nonnegative(
    expression,
    witness: Mapping | Sequence[Mapping] | None,
    *,
    equals: sp.Expr | Sequence[sp.Expr] | None = None,
    conditions: Iterable = (),
    reason: str = "an inequality of symbols leaves a difference that is never negative",
    forms: Sequence[tuple[str, Callable]] = FORMS,
) -> Evidence:
    """An inequality of symbols: ``expression >= 0`` on the symbols' domain.

    Supported when one of ``forms`` gives a form whose sign sympy derives from the symbols'
    assumptions (a product of nonnegative factors, a sum of squares). ``equals`` offers such a
    form by hand, e.g. ``(a - b)**2 / 2``: it counts only after ``expression - equals`` has been
    reduced to 0. Refuted by an exact witness whose enclosure lies below 0; otherwise inconclusive.
    Arguments as in :func:`proof`; ``equals`` has as many components as ``expression``.
    """
    components, witnesses = _prepare(expression, witness, conditions)
    offered = [None] * len(components) if equals is None else _components(equals)
    if len(offered) != len(components):
        raise ValueError(f"equals has {len(offered)} components, the expression {len(components)}")
    found = [
        _nonnegative(component, form, witnesses, forms)
        for component, form in zip(components, offered, strict=True)
    ]
    return _evidence(found, (0.0, math.inf), reason)


def _vanishes(expression: sp.Expr, witnesses: Sequence[Mapping], tries) -> _Component:
    enclosure = None
    for witness in _points(expression, witnesses):
        enclosure = _at(expression, witness)
        if enclosure.lower > 0 or enclosure.upper < 0:
            return enclosure
    for name, reduced in _reductions(expression, tries):
        if reduced == 0:
            return _Component(0.0, 0.0, 0.0, f"reduced to 0: {name}")
    return _undecided(enclosure, "does not simplify to 0 and no witness excludes 0")


def _nonnegative(expression, offered, witnesses: Sequence[Mapping], forms) -> _Component:
    enclosure = None
    for witness in _points(expression, witnesses):
        enclosure = _at(expression, witness)
        if enclosure.upper < 0:
            return enclosure
    if offered is not None and offered.is_nonnegative:
        for name, reduced in _reductions(expression - offered, TRIES):
            if reduced == 0:
                return _Component(0.0, 0.0, math.inf, f"equals {offered}, nonnegative: {name}")
    for name, form in _reductions(expression, forms):
        if form.is_nonnegative:
            return _Component(0.0, 0.0, math.inf, f"nonnegative by its form: {name}")
    return _undecided(enclosure, "no form of a known sign was found and no witness is negative")


def _points(expression: sp.Expr, witnesses: Sequence[Mapping]) -> Sequence[Mapping]:
    """The witnesses; a constant is its own."""
    constant = not expression.free_symbols and not expression.atoms(sp.core.function.AppliedUndef)
    return [{}] if constant else witnesses


def _reductions(expression: sp.Expr, tries):
    for name, reduce in tries:
        try:
            yield name, reduce(expression)
        except (NotImplementedError, sp.PolynomialError):
            # One reduction that does not apply to this kind of expression decides nothing.
            continue


def _at(expression: sp.Expr, witness: Mapping) -> _Component:
    """Enclosure at one witness, with more bits while 0 is not excluded."""
    for precision in PRECISIONS:
        ball = enclose(expression, witness, precision)
        if ball.is_nan() or not ball.contains(0):
            break
    where = ", ".join(f"{symbol}={value}" for symbol, value in witness.items())
    how = f"witness {where}" if where else "a constant"
    return _Component(float(ball.mid()), down(ball), up(ball), how)


def _undecided(enclosure: _Component | None, how: str) -> _Component:
    # The value at one point bounds nothing elsewhere: the interval is the whole line.
    return _Component(enclosure.estimate if enclosure else 0.0, -math.inf, math.inf, how)


def _components(value) -> list[sp.Expr]:
    value = sp.sympify(value)
    entries = value if isinstance(value, (sp.MatrixBase, Iterable)) else [value]
    return [sp.sympify(entry).doit() for entry in entries]


def _prepare(value, witness, conditions):
    components = _components(value)
    for component in components:
        if component.has(sp.Float):
            raise ValueError(f"{component} holds a float; write sympy.Rational(1, 2), not 0.5")
    witnesses = [] if witness is None else [witness] if isinstance(witness, Mapping) else witness
    witnesses = [{s: exact(v) for s, v in each.items()} for each in witnesses]
    for each in witnesses:
        _admissible(each, tuple(conditions))
    return components, witnesses


def _admissible(witness: Mapping, conditions: tuple) -> None:
    for symbol, value in witness.items():
        for fact, wanted in symbol.assumptions0.items():
            if getattr(value, f"is_{fact}", None) is (not wanted):
                raise ValueError(f"witness {symbol}={value} contradicts {symbol} {fact}={wanted}")
    for condition in conditions:
        if sp.sympify(condition).subs(witness) != sp.true:
            raise ValueError(f"witness {witness} does not satisfy {condition}")


def _evidence(found: Sequence[_Component], region: tuple, reason: str) -> Evidence:
    dims = "component" if len(found) > 1 else ()

    def column(name: str) -> xr.DataArray:
        values = [getattr(c, name) for c in found]
        return xr.DataArray(values if dims else values[0], dims=dims)

    notes = list(dict.fromkeys(c.how for c in found))
    return Evidence(
        "proof",
        estimate=column("estimate"),
        lower=column("lower"),
        upper=column("upper"),
        region=region,
        reason=reason,
        note="; ".join(notes),
    )
