"""Numbers and intervals as a reader wants them: few digits, powers of ten, true minus signs."""

from __future__ import annotations

import math

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | str, digits: int = 4) -> str:
    """A number with so many significant digits: ``−0.2707``, ``1.2×10⁻⁹``, ``∞``."""
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    if -4 <= int(exponent) < max(digits, 6):
        shown = f"{float(f'{mantissa}e{exponent}'):.{max(digits - 1 - int(exponent), 0)}f}"
        shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    else:
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        shown = f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"
        shown = shown.replace("1×", "", 1) if mantissa in ("1", "-1") else shown
    return shown.replace("-", "−")


def interval(estimate: float | str, lower: float | str, upper: float | str) -> str:
    """``0.7051, between 0.7048 and 0.7055``; ``±`` where the ends would look the same."""
    estimate, lower, upper = float(estimate), float(lower), float(upper)
    shown = middle(estimate, lower, upper)
    if lower == upper:
        return f"exactly {number(lower)}"
    if math.isinf(lower) and math.isinf(upper):
        return f"{shown}, with no bound on either side"
    if math.isinf(upper):
        return f"{shown}, at least {number(lower)}"
    if math.isinf(lower):
        return f"{shown}, at most {number(upper)}"
    half = max(estimate - lower, upper - estimate)
    if half < 1e-3 * abs(estimate) or shown == "0":
        return f"{shown} ± {number(half, 2)}"
    return f"{shown}, between {number(lower)} and {number(upper)}"


def middle(estimate: float, lower: float, upper: float) -> str:
    """The estimate; 0 where it is a deviation that rounding alone explains."""
    half = max(estimate - lower, upper - estimate)
    return "0" if abs(estimate) < 1e-3 * half < math.inf else number(estimate)


def region(a: float | str, b: float | str) -> str:
    """``at most 0``, ``at least 0.99``, ``exactly 1``, ``within ±0.05``, ``from 1.5 to 2.5``."""
    a, b = float(a), float(b)
    if math.isinf(a):
        return f"at most {number(b)}"
    if math.isinf(b):
        return f"at least {number(a)}"
    if a == b:
        return f"exactly {number(a)}"
    if a == -b:
        return f"within ±{number(b)}"
    return f"from {number(a)} to {number(b)}"


def gap(row_interval, row_region) -> float:
    """How far the interval lies outside the region; 0 where they meet."""
    lower, upper = map(float, row_interval)
    a, b = map(float, row_region)
    return max(lower - b, a - upper, 0.0)
