"""Sequences in a step size h: the dimension they run along, ordered by decreasing h."""

from __future__ import annotations

import numpy as np
import xarray as xr


def along(values, dim: str) -> xr.DataArray:
    """``values`` as a DataArray with dimension ``dim``; a list or 1-D array gets that dimension."""
    if not isinstance(values, xr.DataArray):
        values = xr.DataArray(np.asarray(values), dims=dim)
    if dim not in values.dims:
        raise ValueError(f"there is no dimension {dim!r}; there are {', '.join(values.dims)}")
    return values


def decreasing(values: xr.DataArray, dim: str, h=None) -> tuple[xr.DataArray, np.ndarray]:
    """Values ordered by decreasing step size, with the step sizes as floats.

    Args:
        h: step sizes; by default the coordinate ``dim``.

    Raises:
        ValueError: if there are no step sizes, or they are not positive, distinct and as many.
    """
    if h is None and dim not in values.coords:
        raise ValueError(f"give h=, or step sizes as the coordinate {dim!r}")
    steps = np.asarray(values[dim] if h is None else h, dtype=float)
    if steps.shape != (values.sizes[dim],):
        raise ValueError(f"step sizes of shape {steps.shape} for {values.sizes[dim]} values")
    if not (steps > 0).all() or len(np.unique(steps)) < steps.size:
        raise ValueError(f"step sizes must be positive and distinct, not {steps}")
    order = np.argsort(-steps)
    return values.isel({dim: order}), steps[order]
