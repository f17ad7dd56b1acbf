"""Paired comparisons: one difference per seed, query or initial noise."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from scipy import special

from ..evidence import ALPHA, Evidence
from .intervals import acceptable, tail
from .means import mean
from .moments import central_moments
from .points import select


def paired_mean(
    first, second, margin, reason: str, *, dim: str = "sample", target=0.0, **options
) -> Evidence:
    """The mean of ``first - second``, paired along ``dim`` by common random numbers.

    The differences go to :func:`theorylab.checks.mean`; with common random numbers their variance
    is that of what differs, not of what both share. ``options`` as there (``scale``,
    ``relation``, ``where`` over the other dimensions, ``alpha``, ``level``, ``note``).
    """
    difference = _difference(first, second, dim)
    return mean(*central_moments(difference, dim), target, margin, reason, **options)


def observation(
    first,
    second,
    margin,
    reason: str,
    setting: str,
    *,
    dim: str = "seed",
    method: str = "t",
    relation: str = "<=",
    where=None,
    alpha: float = ALPHA,
) -> Evidence:
    """An empirical effect ``first - second``, paired over seeds; level ``observation``.

    The pairs must be independent replicates of all that the statement generalises over: a claim
    about training needs networks trained from different seeds, and initial noises of one network
    speak of that network only. ``setting`` says which, and stands first in the note.

    - ``method="t"``: Student's interval on the mean effect. It assumes normal differences, which
      a handful of seeds cannot contradict; at 1e-4 five seeds give +- 7.0 standard deviations of
      the differences, ten +- 2.1, twenty +- 1.1.
    - ``method="sign"``: exact interval on the median effect between two order statistics, with
      no assumption on its law; finite only if ``n >= 1 + log2(points / alpha)`` (15 at 1e-4).

    Args:
        first, second: with dimension ``dim``; the same seeds in the same order.
        relation: ``"<="``: first is at most second plus ``margin``; ``">="``, ``"=="``.
        where: conditions of the claim, over the dimensions other than ``dim``.
    """
    difference = _difference(first, second, dim)
    n = difference.sizes[dim]
    if n < 2:
        raise ValueError(f"one {dim} shows no spread: at least two pairs are needed")
    if method not in ("t", "sign"):
        raise ValueError(f"method {method!r} is not 't' or 'sign'")
    reduced = difference.isel({dim: 0}, drop=True)
    kept, _ = select(where, reduced)
    q = tail(alpha, kept.size)
    if method == "t":
        estimate = difference.mean(dim, skipna=False)
        deviation = difference.std(dim, ddof=1, skipna=False)
        half = -special.stdtrit(n - 1, q) * deviation / math.sqrt(n)
        lower, upper = estimate - half, estimate + half
    else:
        estimate = difference.median(dim, skipna=False)
        lower, upper = _order_statistics(difference, dim, q)
    estimate, lower, upper, allowed, excluded = select(where, estimate, lower, upper, margin)
    return Evidence(
        "observation",
        estimate=estimate,
        lower=lower,
        upper=upper,
        region=acceptable(relation, allowed),
        reason=reason,
        alpha=alpha,
        samples=xr.full_like(estimate, n),
        excluded=excluded,
        note=f"{setting}; {'mean' if method == 't' else 'median'} over {n} pairs along {dim}",
    )


def _order_statistics(difference: xr.DataArray, dim: str, q: float):
    """Order statistics that the median passes with probability at most q on each side."""
    n = difference.sizes[dim]
    # Below the k-th smallest (from 0) lies the median if at most k of n fair coins show heads.
    below = special.bdtr(np.arange(n), n, 0.5)
    k = int(np.searchsorted(below, q, side="right")) - 1
    ordered = np.sort(difference.transpose(..., dim).values, axis=-1)
    reduced = difference.isel({dim: 0}, drop=True)
    hole = np.isnan(ordered[..., -1])
    ends = (-math.inf, math.inf) if k < 0 else (ordered[..., k], ordered[..., n - 1 - k])
    return (reduced.copy(data=np.where(hole, np.nan, end)) for end in ends)


def _difference(first, second, dim: str) -> xr.DataArray:
    first, second = xr.DataArray(first), xr.DataArray(second)
    for array in (first, second):
        if dim not in array.dims:
            raise ValueError(f"both arrays need the dimension {dim!r}; one has {array.dims}")
    try:
        first, second = xr.align(first, second, join="exact", copy=False)
    except ValueError as error:
        raise ValueError(f"the two arrays are not paired along {dim!r}: {error}") from None
    return first - second
