"""An interval against the region in which its statement holds, to scale, as inline SVG.

The region is a shaded band whose open side runs off the edge; the interval is a bar with a mark
at the estimate: a disc where the statement is supported, a cross where it is refuted, a ring where
neither. Colours come from the page's style sheet, so that the drawing follows light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from . import numbers

WIDTH, HEIGHT, MARGIN = 360, 66, 10
AXIS, TOP, BOTTOM = 34, 22, 46
#: Largest over smallest number from which a linear axis would hide the smaller one.
RATIO = 60.0


@dataclass(frozen=True)
class Plot:
    """``svg`` is markup that holds numbers alone; ``logarithmic`` says which axis it has."""

    svg: str
    logarithmic: bool


def draw(estimate, interval: Sequence, region: Sequence, verdict: str) -> Plot | None:
    """Draw one decisive point; None where there is no number to draw.

    Args:
        estimate: number, or the text of an infinity or NaN as JSON holds it.
        interval, region: pairs of such.
        verdict: which decides the mark.
    """
    estimate, lower, upper, a, b = map(float, (estimate, *interval, *region))
    shown = [x for x in (lower, upper, a, b) if math.isfinite(x)]
    if any(map(math.isnan, (estimate, lower, upper))) or not shown:
        return None
    if math.isfinite(estimate) and not (math.isfinite(lower) and math.isfinite(upper)):
        shown.append(estimate)  # inside a bounded interval it would add its rounding error alone
    x, logarithmic = _axis(
        shown, open_left=-math.inf in (a, lower), open_right=math.inf in (b, upper)
    )
    parts = [
        _region(x, a, b),
        f'<line class="axis" x1="0" x2="{WIDTH}" y1="{AXIS}" y2="{AXIS}"/>',
        _decades(x, shown) if logarithmic else "",
        _interval(x, lower, upper),
        _mark(x(min(max(estimate, min(shown)), max(shown))), verdict),
        _labels(x, estimate, numbers.middle(estimate, lower, upper), a, b),
    ]
    found, needed = numbers.interval(estimate, lower, upper), numbers.region(a, b)
    words = f"{found}; the statement holds for {needed}"
    svg = (
        f'<svg class="interval {escape(verdict)}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(words)}">{"".join(parts)}</svg>'
    )
    return Plot(svg, logarithmic)


def _axis(
    shown: Sequence[float], *, open_left: bool, open_right: bool
) -> tuple[Callable[[float], float], bool]:
    """Position of a number in the drawing, and whether the axis is logarithmic.

    Logarithmic: asinh(v / smallest), which is linear through zero and keeps signs.
    """
    sizes = sorted(abs(v) for v in shown if v)
    logarithmic = len(sizes) > 1 and sizes[-1] > RATIO * sizes[0]
    # Below a billionth of the largest number only rounding is left to be seen.
    unit = max(sizes[0], 1e-9 * sizes[-1]) if logarithmic else 1.0
    scale = (lambda v: math.asinh(v / unit)) if logarithmic else (lambda v: v)
    low, high = scale(min(shown)), scale(max(shown))
    span = high - low or abs(high) or 1.0
    low -= span * (0.3 if open_left else 0.12)
    high += span * (0.3 if open_right else 0.12)

    def position(v: float) -> float:
        if math.isinf(v):
            return 0.0 if v < 0 else float(WIDTH)
        inside = (scale(v) - low) / (high - low)
        return MARGIN + inside * (WIDTH - 2 * MARGIN)

    return position, logarithmic


def _region(x, a: float, b: float) -> str:
    left, right = x(a), x(b)
    band = max(right - left, 2.0)
    edges = "".join(
        f'<line class="edge" x1="{x(e):.1f}" x2="{x(e):.1f}" y1="{TOP - 4}" y2="{BOTTOM + 4}"/>'
        for e in {a, b}
        if math.isfinite(e)
    )
    size = f'width="{band:.1f}" height="{BOTTOM - TOP}"'
    return f'<rect class="region" x="{left:.1f}" y="{TOP}" {size}/>{edges}'


def _decades(x, shown: Sequence[float]) -> str:
    """Ticks at powers of ten, which show that the axis is logarithmic."""
    sizes = [abs(v) for v in shown if v]
    first = max(math.floor(math.log10(min(sizes))), math.floor(math.log10(max(sizes))) - 9)
    powers = [10.0**k for k in range(first, math.ceil(math.log10(max(sizes))) + 1)]
    places = [x(s * p) for p in powers for s in (-1, 1)]
    return "".join(
        f'<line class="axis" x1="{p:.1f}" x2="{p:.1f}" y1="{AXIS - 3}" y2="{AXIS + 3}"/>'
        for p in sorted(places)
        if 0 <= p <= WIDTH
    )


def _interval(x, lower: float, upper: float) -> str:
    left, right = x(lower), x(upper)
    caps = "".join(
        f'<line class="cap" x1="{x(e):.1f}" x2="{x(e):.1f}" y1="{AXIS - 6}" y2="{AXIS + 6}"/>'
        for e in (lower, upper)
        if math.isfinite(e) and right - left > 8
    )
    return f'<line class="bar" x1="{left:.1f}" x2="{right:.1f}" y1="{AXIS}" y2="{AXIS}"/>{caps}'


def _mark(at: float, verdict: str) -> str:
    if verdict == "refuted":
        return (
            f'<path class="mark" d="M{at - 5:.1f} {AXIS - 5}L{at + 5:.1f} {AXIS + 5}'
            f'M{at - 5:.1f} {AXIS + 5}L{at + 5:.1f} {AXIS - 5}"/>'
        )
    return f'<circle class="mark" cx="{at:.1f}" cy="{AXIS}" r="4.5"/>'


def _labels(x, estimate: float, middle: str, a: float, b: float) -> str:
    edges = sorted({e for e in (a, b) if math.isfinite(e)})
    near = len(edges) == 2 and x(edges[1]) - x(edges[0]) < 90
    anchors = ("end", "start") if near else (None, None)
    below = "".join(
        _text(x(edge), HEIGHT - 4, numbers.number(edge), anchor)
        for edge, anchor in zip(edges, anchors, strict=False)
    )
    above = _text(x(estimate), 13, middle) if math.isfinite(estimate) else ""
    return above + below


def _text(at: float, y: int, text: str, anchor: str | None = None) -> str:
    # A label must stay inside the drawing; a digit is about six units wide.
    half = 3.2 * len(text)
    if anchor is None:
        anchor = "start" if at < half else "end" if at > WIDTH - half else "middle"
    if anchor == "end" and at < 2 * half:
        at = 2 * half
    if anchor == "start" and at > WIDTH - 2 * half:
        at = WIDTH - 2 * half
    return f'<text x="{at:.1f}" y="{y}" text-anchor="{anchor}">{text}</text>'
