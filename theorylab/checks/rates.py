"""Rates: local slopes of the logarithm of an error."""

from __future__ import annotations

import numpy as np

from ..evidence import Evidence
from .intervals import acceptable, remark, require
from .points import labelled, select
from .sequences import along, decreasing


def rate(
    errors,
    order,
    tolerance,
    reason: str,
    *,
    dim: str = "h",
    h=None,
    rounding=0.0,
    last: int = 3,
    relation: str = "==",
    where=None,
    alpha: float | None = None,
    level: str = "numerics",
    note: str = "",
) -> Evidence:
    r"""The order p of an error ``e(h) = C h^p (1 + o(1))``, from its local slopes.

    :math:`s_k = \log(e_k/e_{k+1}) / \log(h_k/h_{k+1})` for consecutive step sizes, h decreasing.
    Only the ``last`` slopes count; the rest is the pre-asymptotic part, excluded by this rule and
    not by looking. The estimate is the last slope; the half-width of its interval is the largest
    distance from it to the other slopes kept (if the slopes still drift like c h^q with
    ``ratio^q >= 2``, what is left of the drift is no larger) plus what ``rounding`` contributes.
    The region is ``[order - tolerance, order + tolerance]``. The note gives the smallest and
    largest e / h^order, which a rate bounds away from 0 and infinity.

    Args:
        errors: positive, with dimension ``dim``; other dimensions are judged point by point. A
            zero or negative error makes its point NaN, never supported.
        order: claimed order p.
        tolerance: below half the distance to the neighbouring order.
        dim, h: dimension of the step sizes, and their values unless they are its coordinate.
            To judge an order in another variable (steps n, noise sigma) pass that as ``h``; for a
            quantity that grows, ``order`` is negative.
        rounding: relative half-width of each error (rounding, quadrature; for a Monte Carlo error
            the half-width of its interval at ``alpha / (points * steps)``, with ``alpha`` and
            ``level="statistics"`` given).
        last: number of slopes kept, at least 2.
        relation: ``">="`` for "order at least p", ``"<="`` for "at most".
        where: conditions of the claim, over the dimensions other than ``dim``.
    """
    errors, steps = decreasing(along(errors, dim), dim, h)
    if last < 2 or len(steps) < last + 1:
        raise ValueError(
            f"rate keeps the last {last} slopes (at least 2): this needs {max(last, 2) + 1} step "
            f"sizes, given were {len(steps)}"
        )
    rounding = labelled(rounding)
    if dim in rounding.dims:
        rounding, _ = decreasing(rounding, dim, h)
    errors, rounding, order, _ = select(None, errors, rounding, order)
    r = rounding.values
    require(((r >= 0) & (r < 1)) | np.isnan(r), "rounding must be in [0, 1)")
    # Plain arrays with dim last: labelled ones would be aligned again at each operation.
    e, r = (a.transpose(..., dim).values[..., -last - 1 :] for a in (errors, rounding))
    e, steps = np.where(e > 0, e, np.nan), steps[-last - 1 :]
    points, order = (a.drop_vars(dim, errors="ignore").isel({dim: -1}) for a in (errors, order))
    ratios = -np.diff(np.log(steps))
    slopes = -np.diff(np.log(e)) / ratios
    error_of_log = -np.log1p(-r)
    blur = (error_of_log[..., 1:] + error_of_log[..., :-1]) / ratios
    # The last slope is known to its own blur, and so is the distance of each other one from it.
    drift = (np.abs(slopes - slopes[..., -1:]) + blur)[..., :-1].max(-1)
    constants = e / steps ** order.values[..., None]
    estimate, half, order, tolerance, low, high, excluded = select(
        where,
        points.copy(deep=False, data=slopes[..., -1]),
        points.copy(deep=False, data=drift + 2 * blur[..., -1]),
        order,
        tolerance,
        points.copy(deep=False, data=constants.min(-1)),
        points.copy(deep=False, data=constants.max(-1)),
    )
    if low.size:
        spread = f"error / h^order between {float(low.min()):.4g} and {float(high.max()):.4g}"
        note = remark(note, spread)
    low_edge, high_edge = acceptable(relation, tolerance)
    return Evidence(
        level,
        estimate=estimate,
        lower=estimate - half,
        upper=estimate + half,
        region=(order + low_edge, order + high_edge),
        reason=reason,
        alpha=alpha,
        excluded=excluded,
        note=note,
    )
