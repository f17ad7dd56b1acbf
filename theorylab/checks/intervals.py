"""What the kinds of check share: the acceptable region and the level of each point's tail."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

RELATIONS = ("==", "<=", ">=")


def acceptable(relation: str, margin) -> tuple:
    """Region of deviations ``estimate - target``: ``[-margin, margin]``, or one open side.

    Raises:
        ValueError: if ``relation`` is unknown, or if ``margin`` is negative or NaN.
    """
    if not (np.asarray(margin) >= 0).all():
        raise ValueError(f"margin must be >= 0 at every point, not {margin!r}")
    if relation not in RELATIONS:
        raise ValueError(f"relation {relation!r} is not one of {', '.join(RELATIONS)}")
    low = -math.inf if relation == "<=" else -margin
    high = math.inf if relation == ">=" else margin
    return low, high


def tail(alpha: float, points: int) -> float:
    """Probability of each of the two tails of one point's interval: ``alpha / points / 2``.

    The union bound over the points gives a refutation "at some point" the level ``alpha``.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha!r}")
    return alpha / max(points, 1) / 2


def require(condition: xr.DataArray, message: str) -> None:
    """Raise ValueError with ``message`` unless the condition holds at every point."""
    if not np.asarray(condition).all():
        raise ValueError(message)


def remark(*parts: str) -> str:
    """The parts that say something, as one note."""
    return "; ".join(part for part in parts if part)
