"""Means whose law is known exactly: chi-square sums of squares, normals of known variance."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import special

from ..evidence import ALPHA, Evidence
from .intervals import acceptable, require, tail
from .points import select


def chi_square_mean(
    total,
    dof,
    target,
    margin,
    reason: str,
    *,
    relation: str = "==",
    where=None,
    alpha: float = ALPHA,
    level: str = "statistics",
    note: str = "",
) -> Evidence:
    r"""The mean of a sum of squares of independent centred normals of equal variance.

    If ``total = scale * chi2(dof)`` then ``E[total] = scale * dof`` lies in
    :math:`[\,total\cdot dof/\chi^2_{1-q},\ total\cdot dof/\chi^2_{q}\,]`, exactly, with
    ``q = alpha / points / 2``. The judged deviation is relative: ``E[total] / target - 1``.

    Args:
        total: the sum of squares, over samples and dimensions.
        dof: its degrees of freedom (number of squares), not necessarily an integer.
        target: what the claim says ``E[total]`` is (or its bound), positive.
        margin: largest relative deviation that does not matter.
    """
    total, dof, target, margin, excluded = select(where, total, dof, target, margin)
    require(target > 0, "target must be positive: the judged deviation is relative to it")
    require(dof > 0, "dof must be positive")
    q = tail(alpha, total.size)
    low, high = xr.apply_ufunc(lambda k: chi_square_quantiles(k, q), dof, output_core_dims=[[], []])
    ratio = total / target
    return Evidence(
        level,
        estimate=ratio - 1,
        lower=ratio * dof / high - 1,
        upper=ratio * dof / low - 1,
        region=acceptable(relation, margin),
        reason=reason,
        alpha=alpha,
        samples=dof,
        excluded=excluded,
        note=note,
    )


def normal_mean(
    average,
    standard_error,
    target,
    margin,
    reason: str,
    *,
    scale=1.0,
    relation: str = "==",
    where=None,
    alpha: float = ALPHA,
    level: str = "statistics",
    note: str = "",
) -> Evidence:
    """The mean of normal samples whose variance is known.

    ``average +- z_q * standard_error`` with ``standard_error = sd / sqrt(n)`` *known* (not
    estimated: use ``mean`` then) and ``q = alpha / points / 2``. The judged deviation is
    ``(mean - target) / scale``.
    """
    average, error, target, scale, margin, excluded = select(
        where, average, standard_error, target, scale, margin
    )
    require((error >= 0) | error.isnull(), "a standard error is negative")
    require(scale > 0, "scale must be positive")
    half = -special.ndtri(tail(alpha, average.size)) * error / scale
    deviation = (average - target) / scale
    return Evidence(
        level,
        estimate=deviation,
        lower=deviation - half,
        upper=deviation + half,
        region=acceptable(relation, margin),
        reason=reason,
        alpha=alpha,
        excluded=excluded,
        note=note,
    )


def chi_square_quantiles(dof, q: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper q-quantiles of chi-square.

    Above 1e6 degrees SciPy's inverse loses its lower tail (at 2e9 degrees and q = 5e-8 the
    probability is off by a quarter); there Cornish and Fisher's expansion is exact to 1e-6
    standard deviations.
    """
    dof = np.asarray(dof, dtype=float)
    small, z = np.minimum(dof, 1e6), special.ndtri(q)

    def expansion(z):
        root = np.sqrt(2 * dof)
        return dof + z * root + 2 * (z**2 - 1) / 3 + z * (z**2 - 7) / (9 * root)

    exact = 2 * special.gammaincinv(small / 2, q), 2 * special.gammainccinv(small / 2, q)
    return tuple(
        np.where(dof > 1e6, expansion(s * z), e) for s, e in zip((1, -1), exact, strict=True)
    )
