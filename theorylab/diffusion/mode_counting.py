r"""Modes of a smooth density, counted rigorously in ball arithmetic (python-flint).

A mode is a strict local maximum, a zero of the gradient :math:`F = \nabla\log q` at which the
Hessian :math:`J = \nabla F` is negative definite. Both functions here take callables that enclose
F and J on balls, and split until every part is decided by one of

- *no zero*: the enclosure of F over the part, :math:`F(c) + J(\mathrm{part})(\mathrm{part} - c)`,
  excludes 0 (mean-value form);
- *one zero at most*: J is regular on the whole part; on the line the signs of F at the ends then
  decide, in the plane the interval Newton operator :math:`N = c - J(\mathrm{part})^{-1}F(c)`, which
  holds every zero of the part: there is none if N misses the part and exactly one if N lies inside
  (Moore, Kearfott & Cloud 2009, Introduction to Interval Analysis, ch. 8).

A count is therefore a proof. Splits are off centre, since critical points like to lie on axes of
symmetry, where an end of a part would be a zero that no precision can decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flint import arb, ctx, fmpq

from theorylab.diffusion.ball_laws import FiniteLaw, posterior_covariance, posterior_mean

SPLIT = fmpq(15, 32)
#: Parts examined before giving up: a degenerate critical point would be split for ever.
BUDGET = 200_000


class CriticalPoints(NamedTuple):
    """Numbers of maxima, minima and saddles (none of the latter on the line)."""

    maxima: int
    minima: int
    saddles: int


class _Part(NamedTuple):
    low: arb
    high: arb

    def ball(self) -> arb:
        return arb((self.low + self.high) / 2, (self.high - self.low) / 2)

    def centre(self) -> arb:
        return ((self.low + self.high) / 2).mid()

    def halves(self) -> tuple[_Part, _Part]:
        at = (self.low + SPLIT * (self.high - self.low)).mid()
        return _Part(self.low, at), _Part(at, self.high)


def critical_points_on_line(
    slope: Callable[[arb], arb],
    curvature: Callable[[arb], arb],
    low: float,
    high: float,
    precision: int = 96,
) -> CriticalPoints:
    """Critical points in (low, high) of a function with the given first and second derivative.

    Args:
        slope, curvature: enclose the derivatives on a ball.
        low, high: not critical points themselves.
        precision: bits of the ball arithmetic.

    Raises:
        ArithmeticError: a part stays undecided (a degenerate critical point, or one at an end).
    """
    previous, ctx.prec = ctx.prec, precision
    try:
        parts, maxima, minima, seen = [_Part(arb(low), arb(high))], 0, 0, 0
        while parts:
            part = parts.pop()
            seen += 1
            centre, bend = part.centre(), curvature(part.ball())
            value = slope(centre) + bend * (part.ball() - centre)
            if value > 0 or value < 0:
                continue
            if bend > 0 or bend < 0:
                first, last = slope(part.low), slope(part.high)
                if not ((first > 0 or first < 0) and (last > 0 or last < 0)):
                    raise ArithmeticError(f"a critical point lies too near an end of {part.ball()}")
                maxima += bool(first > 0 and last < 0)
                minima += bool(first < 0 and last > 0)
                continue
            _spend(seen, part.ball())
            parts += part.halves()
        return CriticalPoints(maxima, minima, 0)
    finally:
        ctx.prec = previous


def critical_points_in_plane(
    gradient: Callable[[arb, arb], tuple[arb, arb]],
    hessian: Callable[[arb, arb], tuple[arb, arb, arb]],
    box: tuple[tuple[float, float], tuple[float, float]],
    precision: int = 64,
) -> CriticalPoints:
    """Critical points inside a box of a function on the plane.

    Args:
        gradient: encloses (F_x, F_y) on balls x, y.
        hessian: encloses (F_xx, F_xy, F_yy).
        box: ((low, high), (low, high)), without critical points on its boundary.
        precision: bits of the ball arithmetic.

    Raises:
        ArithmeticError: a part stays undecided.
    """
    previous, ctx.prec = ctx.prec, precision
    try:
        boxes, count, seen = [tuple(_Part(arb(a), arb(b)) for a, b in box)], [0, 0, 0], 0
        while boxes:
            here = boxes.pop()
            seen += 1
            balls, centre = [side.ball() for side in here], [side.centre() for side in here]
            dx, dy = (b - c for b, c in zip(balls, centre, strict=True))
            xx, xy, yy = hessian(*balls)
            fx, fy = gradient(*centre)
            if not ((fx + xx * dx + xy * dy).contains(0) and (fy + xy * dx + yy * dy).contains(0)):
                continue
            det = xx * yy - xy * xy
            if det > 0 or det < 0:
                newton = (
                    centre[0] - (yy * fx - xy * fy) / det,
                    centre[1] - (xx * fy - xy * fx) / det,
                )
                if all(side.low < n < side.high for side, n in zip(here, newton, strict=True)):
                    count[2 if det < 0 else 0 if xx < 0 else 1] += 1
                    continue
                if any(n < side.low or n > side.high for side, n in zip(here, newton, strict=True)):
                    continue
            _spend(seen, balls)
            wide = 0 if here[0].high - here[0].low > here[1].high - here[1].low else 1
            for half in here[wide].halves():
                boxes.append((half, here[1]) if wide == 0 else (here[0], half))
        return CriticalPoints(*count)
    finally:
        ctx.prec = previous


def modes_on_line(law: FiniteLaw, variance: float) -> int:
    """Number of modes of a finite law on the line under noise of this variance.

    Every critical point is its own posterior mean, and so lies between the outermost atoms.
    """
    v, ends = arb(variance), [float(arb(a)) for (a,) in law.atoms]
    slope = lambda y: posterior_mean(law, [y], v)[0] - y
    curvature = lambda y: posterior_covariance(law, [y], v)[0][0] / v - 1
    width = max(ends) - min(ends)
    # Unequal margins, so that no end of a part falls on a centre of symmetry.
    low, high = min(ends) - width / 20, max(ends) + width / 10
    return critical_points_on_line(slope, curvature, low, high).maxima


def modes_in_plane(law: FiniteLaw, variance: float) -> int:
    """Number of modes of a finite law in the plane under noise of this variance."""
    v = arb(variance)

    def gradient(x, y):
        a, b = posterior_mean(law, [x, y], v)
        return a - x, b - y

    def hessian(x, y):
        (xx, xy), (_, yy) = posterior_covariance(law, [x, y], v)
        return xx / v - 1, xy / v, yy / v - 1

    box = []
    for c, (below, above) in enumerate(((0.05, 0.07), (0.06, 0.04))):
        ends = [float(arb(a[c])) for a in law.atoms]
        width = max(ends) - min(ends)
        box.append((min(ends) - below * width, max(ends) + above * width))
    return critical_points_in_plane(gradient, hessian, tuple(box)).maxima


def _spend(seen: int, where) -> None:
    if seen > BUDGET:
        raise ArithmeticError(
            f"{BUDGET} parts do not decide the critical points near {where}: one is degenerate, "
            "or the enclosures are too wide"
        )
