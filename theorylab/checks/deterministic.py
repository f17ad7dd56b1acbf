"""Deterministic identities and inequalities: an error, a rounding bound and a margin."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..evidence import Evidence
from .intervals import acceptable, remark, require
from .points import select


def identity(
    error, rounding, margin, reason: str, *, where=None, level: str = "numerics", note: str = ""
) -> Evidence:
    """An identity ``lhs = rhs``, from the scaled error ``|lhs - rhs| / scale``.

    The true error lies in ``[error - rounding, error + rounding]``; the acceptable region is
    ``(-inf, margin]``. Supported: every ``error + rounding <= margin``. Refuted: some
    ``error - rounding > margin``.

    Args:
        error: nonnegative, one number for each judged point. The scale belongs to the statement
            (for example ``|lhs| + |rhs|``), not to the measured error.
        rounding: bound on what rounding, quadrature or truncation contribute to ``error``.
        margin: smallest error that matters; below the slip of every control.
        reason: why this margin and this rounding bound.
        where: conditions of the claim (boolean DataArray); other points are excluded.

    Raises:
        ValueError: if an error or a rounding bound is negative: signed differences would let
            every error of one sign pass.
    """
    error, rounding, margin, excluded = select(where, error, rounding, margin)
    require((error >= 0) | error.isnull(), "identity takes absolute errors; one is negative")
    require((rounding >= 0) | rounding.isnull(), "a rounding bound is negative")
    return Evidence(
        level,
        estimate=error,
        lower=error - rounding,
        upper=error + rounding,
        region=acceptable("<=", margin),
        reason=reason,
        excluded=excluded,
        note=note,
    )


def bound(
    excess,
    rounding,
    margin,
    reason: str,
    *,
    where=None,
    tightness=None,
    level: str = "numerics",
    note: str = "",
) -> Evidence:
    """An inequality ``lhs <= rhs`` at every point, from ``excess = (lhs - rhs) / scale``.

    The true excess lies within ``rounding`` of the measured one; the region is
    ``(-inf, margin]``. With ``margin > rounding`` an inequality that holds with equality can be
    supported; an excess beyond ``margin`` refutes it.

    Args:
        excess: signed, one number for each judged point; reduce queries and steps by
            ``max(dim, skipna=False)``, for xarray's ``max`` skips NaN.
        rounding: bound on the rounding error of ``excess``.
        margin: smallest violation that matters, above ``rounding`` and below every control's.
        reason: why this margin and this rounding bound.
        where: conditions of the claim; other points are excluded.
        tightness: ``lhs / rhs`` at the points (any shape that broadcasts); its largest value is
            reported, because a bound that is never within a factor of ten says little.
    """
    excess, rounding, margin, excluded = select(where, excess, rounding, margin)
    require((rounding >= 0) | rounding.isnull(), "a rounding bound is negative")
    if tightness is not None:
        ratios, _ = select(where, tightness)
        if ratios.size:
            note = remark(note, f"largest lhs/rhs {float(ratios.max()):.4g}")
    return Evidence(
        level,
        estimate=excess,
        lower=excess - rounding,
        upper=excess + rounding,
        region=acceptable("<=", margin),
        reason=reason,
        excluded=excluded,
        note=note,
    )


def adversarial_search(
    excess: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    rng: np.random.Generator,
    *,
    steps: int = 200,
    scale: float = 1.0,
    low: np.ndarray | float = -math.inf,
    high: np.ndarray | float = math.inf,
) -> tuple[np.ndarray, np.ndarray]:
    """Search for the worst case of an inequality, for use inside a measurement.

    Random points miss the corner where a bound breaks. From every start, a (1+1) evolution
    strategy perturbs the point by a normal step and keeps it if the excess grows; each step size
    follows the one-fifth success rule (Rechenberg 1973; factors exp(1/3), exp(-1/12)).

    Args:
        excess: maps points ``(batch, dim)`` to the quantities to be maximised ``(batch,)``;
            a NaN counts as no improvement.
        start: ``(batch, dim)`` first points, inside the domain.
        rng: seeded generator; the result is a function of it.
        steps: evaluations of ``excess`` after the first.
        scale: first step size.
        low, high: box of the domain; steps are clipped to it.

    Returns:
        ``(points, values)``: the best point from each start and its excess.
    """
    points = np.array(start, dtype=float)
    if points.ndim != 2:
        raise ValueError(f"start must have shape (batch, dim), not {points.shape}")
    values = np.asarray(excess(points), dtype=float)
    size = np.full((len(points), 1), float(scale))
    for _ in range(steps):
        trial = np.clip(points + size * rng.standard_normal(points.shape), low, high)
        found = np.asarray(excess(trial), dtype=float)
        better = (found > values) | (np.isnan(values) & ~np.isnan(found))
        points[better], values[better] = trial[better], found[better]
        size *= np.exp(np.where(better, 1 / 3, -1 / 12))[:, None]
    return points, values
