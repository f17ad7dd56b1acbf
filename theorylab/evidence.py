"""Evidence for a claim, and the three-valued verdict that follows from it.

At every point that a check judges, evidence holds an estimate with an interval
[lower, upper] and the acceptable region [a, b]. The verdict is

- *supported*:    at every point the interval lies inside the region. This is an
  intersection-union test: each point must pass by itself, so nothing is corrected;
- *refuted*:      at some point the interval lies wholly outside the region. This is a union
  over points, so the intervals are built at level ``ALPHA / points``;
- *inconclusive*: otherwise. NaN is never supported and never refuted.

For a deterministic check the half-width of the interval is the rounding bound and the region's
edge is the smallest slip that matters, so those checks have an inconclusive zone as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from .checks.points import labelled, same_coordinates

#: Level of every claim, whatever else runs, so that a verdict never depends on its neighbours.
ALPHA = 1e-4

#: Evidence levels, strongest first.
LEVELS = ("proof", "certificate", "numerics", "statistics", "observation")

SUPPORTED, REFUTED, INCONCLUSIVE = "supported", "refuted", "inconclusive"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one check found.

    Args:
        level: one of ``LEVELS``.
        estimate, lower, upper: arrays of one shape, one entry for each judged point; scalars are
            accepted. Steps, seeds and replicates have been reduced by the check.
        region: acceptable ``(a, b)``, numbers or arrays that broadcast over the points;
            ``-inf`` or ``inf`` for an inequality.
        reason: why this region, for a reader.
        alpha: level of the whole family of intervals; None for a deterministic check.
        samples: effective number of samples behind each point, if there is one.
        excluded: number of points outside the claim's conditions.
        note: one sentence with what else the check saw (tightness, worst case, method).
    """

    level: str
    estimate: xr.DataArray
    lower: xr.DataArray
    upper: xr.DataArray
    region: tuple
    reason: str
    alpha: float | None = None
    samples: xr.DataArray | None = None
    excluded: int = 0
    note: str = ""

    def __post_init__(self):
        if self.level not in LEVELS:
            raise ValueError(f"evidence level {self.level!r} is not one of {', '.join(LEVELS)}")
        if not self.reason:
            raise ValueError("evidence needs the reason for its region, in words")
        estimate = labelled(self.estimate).astype(float)
        object.__setattr__(self, "estimate", estimate)
        for name in ("lower", "upper"):
            object.__setattr__(self, name, _like(getattr(self, name), estimate, name))
        if self.samples is not None:
            object.__setattr__(self, "samples", _like(self.samples, estimate, "samples"))
        if (self.lower.values > self.upper.values).any():
            raise ValueError("an interval has lower > upper")
        a, b = (_like(edge, estimate, "region") for edge in self.region)
        if not (a.values <= b.values).all() or (np.isinf(a.values) & np.isinf(b.values)).any():
            raise ValueError(
                "the region [a, b] must have a <= b, no NaN and at least one finite edge"
            )
        object.__setattr__(self, "region", (a, b))

    @property
    def points(self) -> int:
        return int(self.estimate.size)

    def __repr__(self) -> str:
        from .display import evidence_text

        return evidence_text(self)

    def _repr_html_(self) -> str:
        from .display_html import evidence_html

        return evidence_html(self)

    def slack(self) -> xr.DataArray:
        """Signed distance of each interval to the nearer edge; negative: it sticks out."""
        a, b = self.region
        return self._gap(_beyond(self.lower, a), _beyond(b, self.upper))

    def outside(self) -> xr.DataArray:
        """Signed gap between each interval and the region; positive: wholly outside."""
        a, b = self.region
        return -self._gap(_beyond(self.upper, a), _beyond(b, self.lower))

    def _gap(self, above: np.ndarray, below: np.ndarray) -> xr.DataArray:
        unknown = np.isnan(self.estimate.values)
        return self.estimate.copy(
            deep=False, data=np.where(unknown, np.nan, np.minimum(above, below))
        )

    def verdict(self) -> str:
        if self.points == 0:
            return INCONCLUSIVE
        if (self.outside().values > 0).any():
            return REFUTED
        return SUPPORTED if (self.slack().values >= 0).all() else INCONCLUSIVE

    def decisive_point(self) -> int:
        """Flat index of the point that decides: farthest outside if refuted, else least slack.

        A point with NaN comes first of all when nothing is refuted: it is what blocks support.
        """
        if self.verdict() == REFUTED:
            return int(np.nanargmax(np.ravel(self.outside().values)))
        slack = np.ravel(self.slack().values)
        return int(np.argmin(np.where(np.isnan(slack), -math.inf, slack)))

    def why_inconclusive(self) -> str:
        """Width reached, smallest detectable effect and samples still needed, in one sentence."""
        if self.points == 0:
            return "no point is left to judge"
        point = self.at(self.decisive_point())
        place = point["where"] or "the only point"
        if any(math.isnan(point[key]) for key in ("estimate", "lower", "upper")):
            return f"NaN at {place}"
        # The end of the interval that sticks out farthest beyond the region tells what is missing.
        a, b = point["region"]
        sides = (
            (point["estimate"] - point["lower"], point["estimate"] - a),
            (point["upper"] - point["estimate"], b - point["estimate"]),
        )
        half, room = max(
            (side for side in sides if math.isfinite(side[1])), key=lambda side: side[0] - side[1]
        )
        if math.isinf(half):
            return f"nothing bounds the value at {place}" + f": {self.note}" * bool(self.note)
        text = (
            f"half-width {half:.3g} at {place}: only an effect at least {half:.3g} beyond the "
            "region could have been seen"
        )
        if self.alpha is None:
            return text + "; raise the precision"
        if room == 0:
            return text + "; the estimate lies on the region's edge"
        factor = (half / room) ** 2
        if self.samples is None:
            return text + f"; about {factor:.3g} times as many samples are needed"
        return text + f"; about {factor * point['samples']:.3g} samples a point are needed"

    def at(self, index: int) -> dict:
        """One judged point as plain numbers: where it is, estimate, interval and region."""
        position = np.unravel_index(index, self.estimate.shape) if self.estimate.ndim else ()
        chosen = dict(zip(self.estimate.dims, position, strict=True))
        point = self.estimate.isel(chosen)
        where = {str(name): value.item() for name, value in point.coords.items() if value.ndim == 0}
        for dim, i in chosen.items():
            where.setdefault(str(dim), int(i))
        a, b = self.region
        # A stacked `cell` index repeats its levels as coordinates of their own.
        where = {k: v for k, v in where.items() if not isinstance(v, tuple)}
        numbers = {
            "estimate": float(point),
            "lower": float(self.lower.isel(chosen)),
            "upper": float(self.upper.isel(chosen)),
            "region": [float(a.isel(chosen)), float(b.isel(chosen))],
        }
        if self.samples is not None:
            numbers["samples"] = float(self.samples.isel(chosen))
        return {"where": ", ".join(f"{k}={_short(v)}" for k, v in where.items()), **numbers}


def _beyond(high: xr.DataArray, low: xr.DataArray) -> np.ndarray:
    """``high - low``; infinite where both are the same infinity: an open side never binds."""
    high, low = high.values, low.values
    same = np.isinf(high) & (high == low)
    return np.where(same, math.inf, high - np.where(same, 0.0, low))


def _like(value, estimate: xr.DataArray, name: str) -> xr.DataArray:
    """``value`` as floats with the estimate's dimensions, in their order."""
    array = labelled(value)
    if array.ndim == 0:
        return estimate.copy(deep=False, data=np.full(estimate.shape, float(array)))
    if array.dims == estimate.dims and same_coordinates(array, estimate):
        return estimate.copy(deep=False, data=array.values.astype(float))
    try:
        # Exact: an outer join would add or reorder points where coordinates differ.
        array = xr.align(array, estimate, join="exact", copy=False)[0]
    except ValueError as error:
        raise ValueError(f"{name} does not fit the estimate's points: {error}") from None
    if not set(array.dims) <= set(estimate.dims):
        raise ValueError(
            f"{name} has dimensions {array.dims}, the estimate has {estimate.dims}: one number "
            "for each judged point is needed"
        )
    full = array.variable.set_dims(dict(estimate.sizes)).transpose(*estimate.dims)
    return estimate.copy(deep=False, data=full.values.astype(float))


def _short(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
