"""Suprema of functions over boxes, enclosed: branch and bound without knowing the bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import flint
from flint import arb

from .certificates import branch_and_bound
from .enclosures import down


class Piece(NamedTuple):
    """A function on a box, as ``branch_and_bound`` takes them, and points of the box to start
    from: the better the best of them, the less is searched twice."""

    function: Callable[..., arb]
    box: Sequence[tuple]
    starts: Sequence[tuple]
    gradient: Callable[..., Sequence[arb]] | None = None


def supremum(
    pieces: Sequence[Piece], tolerance: float, *, budget: int = 20_000, precision: int = 80
) -> tuple[float, float]:
    """Floats ``(low, high)`` around the largest value on all pieces, at most 2 tolerances apart.

    The value at the best point known, plus the tolerance, is proposed as a bound; where branch and
    bound finds a point above it, that value is proposed next.

    Raises:
        ValueError: a start outside its box.
        ArithmeticError: the budget ran out, or the enclosures do not shrink.
    """
    for piece in pieces:
        for start in piece.starts:
            if not all(low <= x <= high for x, (low, high) in zip(start, piece.box, strict=True)):
                raise ValueError(f"the start {start} is not in the box {list(piece.box)}")
    previous = flint.ctx.prec
    flint.ctx.prec = precision
    try:
        best = max(down(p.function(*map(arb, start))) for p in pieces for start in p.starts)
    finally:
        flint.ctx.prec = previous
    while True:
        found = [
            branch_and_bound(
                piece.function,
                piece.box,
                "a proposed bound on a supremum",
                at_most=best + tolerance,
                gradient=piece.gradient,
                budget=budget,
                precision=precision,
            )
            for piece in pieces
        ]
        better = max(float(evidence.lower) for evidence in found)
        if all(evidence.verdict() == "supported" for evidence in found):
            return max(best, better), max(float(evidence.upper) for evidence in found)
        if better <= best + tolerance:
            undecided = next(e.note for e in found if e.verdict() != "supported")
            raise ArithmeticError(f"a supremum near {best:.6g} stays undecided: {undecided}")
        best = better
