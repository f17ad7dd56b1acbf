"""Means judged from samples: exact laws where there is one, else bounded or skewness-corrected."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import special

from ..evidence import ALPHA, Evidence, select
from .intervals import acceptable, require, tail


class Moments(NamedTuple):
    """Number of samples, average, variance (divisor n - 1) and third central moment (divisor n)."""

    n: xr.DataArray
    average: xr.DataArray
    variance: xr.DataArray
    third: xr.DataArray


def central_moments(samples, dim: str = "sample") -> Moments:
    """Moments of ``samples`` over ``dim``; what ``mean`` takes first.

    NaN is not skipped: a NaN sample makes its point NaN, which is never supported. A numpy array
    is reduced over its first axis.
    """
    if not isinstance(samples, xr.DataArray):
        samples = np.asarray(samples, dtype=float)
        samples = xr.DataArray(samples, dims=(dim, *(f"axis_{i}" for i in range(1, samples.ndim))))
    n = samples.sizes[dim]
    average = samples.mean(dim, skipna=False)
    centred = samples - average
    variance = (centred**2).sum(dim, skipna=False) / max(n - 1, 1)
    third = (centred**3).mean(dim, skipna=False)
    return Moments(xr.full_like(average, n), average, variance, third)


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


def bounded_mean(
    n,
    average,
    variance,
    low,
    high,
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
    r"""The mean of independent samples that lie in [low, high], valid for every n.

    Empirical Bernstein bound (Maurer and Pontil 2009, Theorem 4), on each side with probability
    at least ``1 - q``, ``q = alpha / points / 2``:

    .. math:: |mean - average| \le \sqrt{2 V \ln(2/q) / n} + \frac{7 (high-low) \ln(2/q)}{3 (n-1)}

    with the sample variance V (divisor n - 1). The interval is cut at [low, high].

    Args:
        n, average, variance: as from ``central_moments``.
        low, high: proven range of a sample, not the range that was seen.
        target, scale: the judged deviation is ``(mean - target) / scale``.
    """
    n, average, variance, low, high, target, scale, margin, excluded = select(
        where, n, average, variance, low, high, target, scale, margin
    )
    # A mean of identical samples may leave the range by rounding.
    slack = 1e-9 * (high - low)
    inside = (average >= low - slack) & (average <= high + slack)
    require(inside | average.isnull(), "an average lies outside [low, high]: the range is wrong")
    require(scale > 0, "scale must be positive")
    log = np.log(2 / tail(alpha, average.size))
    spread = (high - low) * 7 * log / (3 * (n - 1).clip(min=0))
    half = np.sqrt(2 * variance * log / n) + spread
    # With one sample the bound says nothing; min and max would hide a NaN.
    lower = xr.where(half.isnull(), np.nan, np.maximum(average - half, low))
    upper = xr.where(half.isnull(), np.nan, np.minimum(average + half, high))
    return Evidence(
        level,
        estimate=(average - target) / scale,
        lower=(lower - target) / scale,
        upper=(upper - target) / scale,
        region=acceptable(relation, margin),
        reason=reason,
        alpha=alpha,
        samples=n,
        excluded=excluded,
        note=note,
    )


def mean(
    n,
    average,
    variance,
    third,
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
    r"""The mean of independent samples of unknown law, by a skewness-corrected t interval.

    Hall's transformation (1992) of ``T = (average - mean) / s`` with sample skewness g,

    .. math:: \sqrt n\,(T + g T^2/3 + g^2 T^3/27 + g/(6n)) \approx N(0, 1),

    is monotone and inverted in closed form; Student's quantiles with n - 1 degrees replace the
    normal ones. A bare t interval is 4 to 40 times too optimistic at 1e-4 for squared errors.

    Where a law is known use ``chi_square_mean``, ``normal_mean`` or ``proportion``; where the
    range is known, ``bounded_mean``. Reduce the variance first: pass the moments of paired
    differences with common random numbers (``mean(*central_moments(x - y, "sample"), ...)``).

    Args:
        n, average, variance, third: ``*central_moments(samples, dim)``.
        target, scale: the judged deviation is ``(mean - target) / scale``.
    """
    n, average, variance, third, target, scale, margin, excluded = select(
        where, n, average, variance, third, target, scale, margin
    )
    require((variance >= 0) | variance.isnull(), "a variance is negative")
    require(scale > 0, "scale must be positive")
    q = tail(alpha, average.size)
    below, above = xr.apply_ufunc(
        lambda *m: hall_interval(*m, q), n, variance, third, output_core_dims=[[], []]
    )
    return Evidence(
        level,
        estimate=(average - target) / scale,
        lower=(average - below - target) / scale,
        upper=(average + above - target) / scale,
        region=acceptable(relation, margin),
        reason=reason,
        alpha=alpha,
        samples=n,
        excluded=excluded,
        note=note,
    )


def hall_interval(n, variance, third, q: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances from the average down and up to the limits that the mean passes with chance q."""
    n, variance, third = (np.asarray(v, dtype=float) for v in (n, variance, third))
    sd = np.sqrt(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = np.where(variance > 0, third / sd**3, 0.0)
        quantile = -special.stdtrit(np.maximum(n - 1, 1), q) / np.sqrt(n)
        below, above = (sign * _inverse_hall(sign * quantile, skew, n) for sign in (1, -1))
    hopeless = n < 2
    return np.where(hopeless, np.inf, sd * below), np.where(hopeless, np.inf, sd * above)


def _inverse_hall(u, skew, n):
    """T with T + g T^2/3 + g^2 T^3/27 + g/(6n) = u: ((1 + g (u - g/(6n)))^(1/3) - 1) 3/g."""
    v = u - skew / (6 * n)
    # By expm1 and log1p a skewness near 0 loses no digits; beyond -1 the real cube root is taken.
    inner = skew * v
    root = np.where(
        inner > -0.5,
        np.expm1(np.log1p(np.maximum(inner, -0.5)) / 3),
        np.cbrt(1 + inner) - 1,
    )
    return np.where(skew == 0, v, 3 * root / np.where(skew == 0, 1.0, skew))


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
