"""Limits: extrapolation with an error estimate, and envelopes that shrink to the limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import mpmath as mp
import numpy as np
import xarray as xr

from ..evidence import Evidence
from .intervals import acceptable, require
from .points import select
from .sequences import along, decreasing

#: Decimal digits of the extrapolation itself; values are converted exactly.
DIGITS = 50

#: The error of the extrapolated value is taken as this many times the last correction: enough
#: when the remainder shrinks from one h to the next by a factor of at least 1.25.
SAFETY = 4


def limit(
    values,
    target,
    margin,
    reason: str,
    *,
    dim: str = "h",
    h=None,
    exponents: Sequence[float] | None = None,
    rounding: float = 0.0,
    scale=1.0,
    neighbour=None,
    relation: str = "==",
    where=None,
    level: str = "numerics",
    note: str = "",
) -> Evidence:
    r"""The limit L of ``A(h)`` as h decreases to 0, extrapolated from values at several h.

    With ``exponents = (p_1, ..., p_m)`` and :math:`A(h) = L + c_1 h^{p_1} + ... + c_m h^{p_m}
    + o(h^{p_m})` the last m + 1 values are solved for L (Richardson; the h need not be
    geometric). Without exponents the leading one is estimated: Aitken's delta-squared on three
    values, which needs a geometric sequence of h.

    The half-width of the interval is ``SAFETY`` times the distance to the same extrapolation one
    h earlier, plus ``rounding`` times the sum of the absolute weights. This is an error estimate,
    not a bound: where the remainder is known use ``envelope``; where it can be enclosed,
    ``certificate``. A sequence that does not converge (Aitken's ratio at least 1 in absolute
    value) gets an infinite interval.

    Args:
        values: floats or ``mpmath.mpf`` (object dtype) with dimension ``dim``; a list counts as
            that dimension. For a limit at infinity pass ``h=1 / n``.
        target: claimed limit. The judged deviation is ``(L - target) / scale``.
        margin: largest deviation that does not matter; the region must exclude the neighbour's.
        dim, h: dimension of the sequence, and the h unless they are its coordinate.
        exponents: increasing and positive; needs ``len(exponents) + 2`` values, Aitken four.
        rounding: absolute error of each value.
        neighbour: limit of the false neighbour: ValueError if the region does not exclude it.
        where: conditions of the claim, over the dimensions other than ``dim``.
    """
    values, steps = decreasing(along(values, dim), dim, h)
    needed = 4 if exponents is None else len(exponents) + 2
    if len(steps) < needed:
        raise ValueError(f"this extrapolation needs {needed} values, given were {len(steps)}")
    with mp.workdps(DIGITS):
        if exponents is None:
            _check_geometric(steps)
            method = lambda a: _aitken(a[-4:], rounding)
        else:
            exponents = tuple(map(float, exponents))
            weights = [
                _richardson(tuple(part.tolist()), exponents)
                for part in _last_two(steps, len(exponents) + 1)
            ]
            method = lambda a: _weighted(a, weights, rounding)
        found, half = xr.apply_ufunc(
            lambda a: _finite_or_nan(method, a),
            values.astype(object),
            input_core_dims=[[dim]],
            output_core_dims=[[], []],
            vectorize=True,
            output_dtypes=[object, object],
        )
        deviation = ((found - target) / scale).astype(float)
        half = (half / scale).astype(float)
    deviation, half, allowed, excluded = select(where, deviation, half, margin)
    if neighbour is not None:
        gap = np.abs(xr.DataArray(neighbour) - target) / scale
        require(gap > xr.DataArray(margin), "the region does not exclude the neighbour's limit")
    return Evidence(
        level,
        estimate=deviation,
        lower=deviation - half,
        upper=deviation + half,
        region=acceptable(relation, allowed),
        reason=reason,
        excluded=excluded,
        note=note,
    )


def envelope(
    values,
    target,
    shrinking,
    margin,
    reason: str,
    *,
    dim: str = "h",
    h=None,
    rounding=0.0,
    where=None,
    level: str = "numerics",
    note: str = "",
) -> Evidence:
    """A limit with a known remainder: ``|A(h) - target| <= shrinking(h)`` at every h.

    Judged is ``|A(h) - target| / shrinking(h)`` against the region ``(-inf, 1]`` at every h, each
    widened by ``rounding / shrinking``. That proves nothing about the limit unless the envelope
    tends to 0: it must decrease with h and end below ``margin``, else ValueError.

    Args:
        values: with dimension ``dim``.
        shrinking: the envelope at the same h, positive, from the theory (not fitted).
        margin: the last envelope must be at most this; below the distance to the neighbour's
            limit.
        rounding: absolute error of each value.
        where: conditions of the claim; may involve ``dim``.
    """
    values, shrinking = along(values, dim), along(shrinking, dim)
    values, steps = decreasing(values, dim, h)
    shrinking, _ = decreasing(shrinking, dim, steps if h is not None else None)
    require(shrinking > 0, "an envelope must be positive")
    require(shrinking.diff(dim) < 0, "the envelope does not decrease with h: it shows no limit")
    require(
        shrinking.isel({dim: -1}) <= margin,
        f"the envelope at the smallest h is {float(shrinking.isel({dim: -1}).max()):.3g}, above "
        "the margin: take smaller h",
    )
    ratio = np.abs(values - target) / shrinking
    ratio, blur, excluded = select(where, ratio, rounding / shrinking)
    return Evidence(
        level,
        estimate=ratio,
        lower=ratio - blur,
        upper=ratio + blur,
        region=(-math.inf, 1.0),
        reason=reason,
        excluded=excluded,
        note=note,
    )


def _last_two(steps: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    return steps[-size:], steps[-size - 1 : -1]


@cache
def _richardson(steps: tuple[float, ...], exponents: tuple[float, ...]) -> tuple:
    """Weights w with sum w = 1 and sum w h^p = 0 for every exponent."""
    exponents = [mp.mpf(p) for p in exponents]
    if any(p <= 0 for p in exponents) or sorted(set(exponents)) != exponents:
        raise ValueError(f"exponents must be positive and increasing, not {exponents}")
    steps = [mp.mpf(s) for s in steps]
    rows = [[mp.mpf(1)] * len(steps), *([s**p for s in steps] for p in exponents)]
    return tuple(mp.lu_solve(mp.matrix(rows), mp.matrix([1] + [0] * len(exponents))))


def _weighted(sequence, weights, rounding):
    size = len(weights[0])
    parts = _last_two(sequence, size)
    last, before = (
        mp.fsum(w * a for w, a in zip(ws, part, strict=True))
        for ws, part in zip(weights, parts, strict=True)
    )
    blur = rounding * mp.fsum(abs(w) for w in weights[0])
    return last, SAFETY * abs(last - before) + blur


def _aitken(sequence, rounding):
    (last, amplification), (before, other) = (
        _delta_squared(*part) for part in _last_two(sequence, 3)
    )
    if mp.isinf(amplification) or mp.isinf(other):
        return sequence[-1], mp.inf
    return last, SAFETY * abs(last - before) + rounding * amplification


def _delta_squared(a, b, c):
    """Aitken's limit of three terms and the sum of its absolute derivatives by the terms."""
    if c == b:
        return c, mp.mpf(1)
    ratio = (c - b) / (b - a) if b != a else mp.inf
    if abs(ratio) >= 1:
        return c, mp.inf
    return (c - ratio * b) / (1 - ratio), ((1 + abs(ratio)) / (1 - ratio)) ** 2


def _finite_or_nan(method, sequence):
    sequence = [mp.mpf(a) for a in sequence]
    return method(sequence) if all(map(mp.isfinite, sequence)) else (mp.nan, mp.nan)


def _check_geometric(steps: np.ndarray) -> None:
    ratios = steps[-4:-1] / steps[-3:]
    if not np.allclose(ratios, ratios[0], rtol=1e-9):
        raise ValueError(
            "without exponents the h must be geometric (h, h/2, h/4, ...): give exponents="
        )
