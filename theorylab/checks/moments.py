"""Moments of samples: what the check of a mean needs to know of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr


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
