"""Certificates: balls of python-flint, and branch and bound over a box."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import flint
import numpy as np
import xarray as xr
from flint import arb, fmpq

from ..evidence import Evidence
from .enclosures import down, up
from .intervals import remark
from .points import select


def certificate(
    ball, region: tuple, reason: str, *, where=None, dims: Sequence[str] = (), note: str = ""
) -> Evidence:
    """A number enclosed by a ball, against an acceptable region.

    Every ball is rounded outward to floats, so support and refutation are rigorous. Enclose the
    *difference* of both sides, so that the region's edges (floats) are exact, mostly 0.

    Args:
        ball: an ``arb``, or a nested list, object array or DataArray of them (one per point).
            An integer, a ``Fraction`` or a float counts as exact.
        region: ``(a, b)``, one of them possibly infinite.
        dims: names of the dimensions of a list or array; by default ``point``, or ``point_0``, ...
    """
    if not isinstance(ball, xr.DataArray):
        cells = np.array(ball, dtype=object)
        names = tuple(dims) or tuple(
            "point" if cells.ndim == 1 else f"point_{i}" for i in range(cells.ndim)
        )
        ball = xr.DataArray(cells, dims=names)
    rounded = [_floats(ball, f) for f in (lambda b: float(b.mid()), down, up)]
    estimate, lower, upper, excluded = select(where, *rounded)
    return Evidence(
        "certificate",
        estimate=estimate,
        lower=lower,
        upper=upper,
        region=region,
        reason=reason,
        excluded=excluded,
        note=note,
    )


def enclosed(low, high, region: tuple, reason: str, *, where=None) -> Evidence:
    """Numbers whose certified ends a measurement has stored, against an acceptable region.

    Args:
        low, high: DataArrays of floats, rounded outward when they were stored. The estimate shown
            is the lower end.
        region: ``(a, b)``, one of them possibly infinite.
    """
    low, high, excluded = select(where, low, high)
    return Evidence("certificate", low, low, high, region, reason, excluded=excluded)


def branch_and_bound(
    function: Callable[..., arb],
    box: Sequence[tuple],
    reason: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    gradient: Callable[..., Sequence[arb]] | None = None,
    budget: int = 20_000,
    precision: int = 80,
    note: str = "",
) -> Evidence:
    """Prove ``f <= at_most`` (or ``f >= at_least``) on a whole box, or exhibit where it fails.

    The box with the largest possible value is halved along its widest side, until every part is
    proved, or the ball of f at some point of the box lies wholly beyond the bound (the witness,
    named in the note), or ``budget`` boxes have been evaluated (inconclusive). The interval of
    the evidence encloses the extreme value of f over the box.

    An inequality that is attained inside the box is certified only up to a margin: add it to
    ``at_most`` and say so in ``reason``.

    Args:
        function: takes one ``arb`` per coordinate, returns an ``arb`` that encloses f.
        box: ``(low, high)`` per coordinate, floats, ``fmpq`` or ``arb``; equal ends fix a
            coordinate. A ball over a part oversteps it by 2^-30 of its width (the radius of an
            ``arb`` has 30 bits), so f must be defined a little beyond the box: at the end of a
            domain substitute (sqrt(x) on [0, 1]: x = y^2). A witness never lies outside.
        gradient: encloses the partial derivatives; gives the mean-value form, whose excess
            shrinks with the square of the box, and cuts a coordinate in which f is monotone to
            the side that counts.
        precision: bits of the ball arithmetic.
    """
    if (at_most is None) == (at_least is None):
        raise ValueError("branch_and_bound takes either at_most= or at_least=")
    sign = 1 if at_least is None else -1
    limit = float(at_most if at_least is None else at_least)
    if not math.isfinite(limit):
        raise ValueError(f"the bound must be finite, not {limit}")
    value = lambda *point: sign * function(*point)
    slopes = None if gradient is None else lambda *part: [sign * g for g in gradient(*part)]
    previous = flint.ctx.prec
    flint.ctx.prec = precision
    try:
        outcome = _maximise(value, slopes, [_side(*s) for s in box], sign * limit, budget)
    finally:
        flint.ctx.prec = previous
    low, high = outcome.lower, outcome.upper
    return Evidence(
        "certificate",
        estimate=sign * low,
        lower=low if sign == 1 else -high,
        upper=high if sign == 1 else -low,
        region=(-math.inf, limit) if sign == 1 else (limit, math.inf),
        reason=reason,
        note=remark(note, f"{outcome.boxes} boxes", outcome.how),
    )


class _Side(NamedTuple):
    """One side of a box. The ends are balls: exact where the search put them, and enclosing the
    true end where that is not dyadic, so that a point evaluated there is never outside the box."""

    low: arb
    high: arb

    def ball(self) -> arb:
        if self.low is self.high:
            return self.low
        return self.low.union(self.high)

    def centre(self) -> arb:
        return self.low if self.low is self.high else ((self.low + self.high) / 2).mid()

    def width(self) -> float:
        return float((self.high - self.low).mid())


class _Outcome(NamedTuple):
    lower: float
    upper: float
    boxes: int
    how: str


def _maximise(value, slopes, box: list[_Side], limit: float, budget: int) -> _Outcome:
    """Enclose the maximum over the box, until it is known to lie on one side of ``limit``."""
    best, where, proved = -math.inf, [], -math.inf
    heap: list = []
    tie = itertools.count()  # sides cannot be compared
    parts, boxes = [box], 0
    while True:
        for part in parts:
            part = _cut(part, slopes)
            low, high = _bounds(part, value, slopes)
            boxes += 1
            if low > best:
                best, where = low, [side.centre() for side in part]
            if high <= limit:
                proved = max(proved, high)
            else:
                heapq.heappush(heap, (-high, next(tie), part))
        upper = max(best, proved, -heap[0][0] if heap else -math.inf)
        if best > limit:
            point = ", ".join(f"{float(c.mid()):.17g}" for c in where)
            return _Outcome(best, upper, boxes, f"violated at ({point})")
        if not heap:
            return _Outcome(best, upper, boxes, "every box proved")
        widest = max(heap[0][2], key=_Side.width)
        if boxes >= budget or not widest.low < widest.centre() < widest.high:
            why = "the budget" if boxes >= budget else "a point that this precision cannot decide"
            return _Outcome(best, upper, boxes, f"stopped at {why}")
        parts = _halves(heapq.heappop(heap)[2], widest)


def _bounds(part: list[_Side], value, slopes) -> tuple[float, float]:
    """Floats below the value at the centre and above the value anywhere on the part."""
    balls, centre = [side.ball() for side in part], [side.centre() for side in part]
    at_centre, over = value(*centre), up(value(*balls))
    if slopes is not None:
        form = at_centre + sum(
            (g * (b - c) for g, b, c in zip(slopes(*balls), balls, centre, strict=True)), arb(0)
        )
        over = min((b for b in (over, up(form)) if not math.isnan(b)), default=math.inf)
    low = down(at_centre)
    return -math.inf if math.isnan(low) else low, math.inf if math.isnan(over) else over


def _cut(part: list[_Side], slopes) -> list[_Side]:
    """Replace a side along which the value is monotone by the end where it is largest."""
    if slopes is None:
        return part
    rising = slopes(*(side.ball() for side in part))
    ends = [
        side.high if slope >= 0 else side.low if slope <= 0 else None
        for side, slope in zip(part, rising, strict=True)
    ]
    return [side if end is None else _Side(end, end) for side, end in zip(part, ends, strict=True)]


def _halves(part: list[_Side], widest: _Side) -> list[list[_Side]]:
    i = next(k for k, side in enumerate(part) if side is widest)
    middle = widest.centre()
    return [
        [*part[:i], half, *part[i + 1 :]]
        for half in (_Side(widest.low, middle), _Side(middle, widest.high))
    ]


def _side(low, high) -> _Side:
    fixed = low is high or low == high
    low, high = arb(low), arb(high)
    if not (low.is_finite() and high.is_finite()):
        raise ValueError("a box must be finite: map an infinite domain to one by substitution")
    if fixed:
        return _Side(low, low)
    if not low < high:
        raise ValueError(f"a side of the box runs from {low} to {high}: low must be below high")
    return _Side(low, high)


def _floats(balls: xr.DataArray, convert: Callable[[arb], float]) -> xr.DataArray:
    flat = [convert(_ball(b)) for b in np.ravel(balls.values)]
    return balls.copy(data=np.array(flat, dtype=float).reshape(balls.shape))


def _ball(value) -> arb:
    if isinstance(value, Fraction):
        return arb(fmpq(value.numerator, value.denominator))
    return value if isinstance(value, arb) else arb(value)
