"""The points that a check judges: arrays spread over them, and those left out by a condition."""

from __future__ import annotations

import xarray as xr


def labelled(value) -> xr.DataArray:
    """``value`` as a DataArray; itself if it is one, for xarray would copy all its coordinates."""
    return value if isinstance(value, xr.DataArray) else xr.DataArray(value)


def select(where, *arrays: xr.DataArray):
    """Keep only the points at which ``where`` holds; returns the arrays and the number left out.

    Points outside a claim's conditions are left out by name and counted, never turned into NaN.

    Args:
        where: None or True (keep everything) or a boolean DataArray.
        *arrays: arrays that broadcast against each other and against ``where``.

    Returns:
        ``(kept arrays..., excluded)``; with a condition, several dimensions are stacked into
        ``cell``.

    Raises:
        ValueError: if coordinates differ (they are never joined) or ``where`` is not boolean.
    """
    if where is None or where is True:
        return (*_broadcast(*arrays), 0)
    if not isinstance(where, xr.DataArray) or where.dtype != bool:
        raise ValueError("where= takes a boolean DataArray, e.g. where=dataset.sigma > 1")
    *full, condition = _broadcast(*arrays, where)  # dimensions in the order of the arrays
    if condition.ndim == 0:
        condition, *full = (array.expand_dims("cell") for array in (condition, *full))
        keep = condition.values.nonzero()[0]
        return (*(array.isel(cell=keep) for array in full), int((~condition).sum()))
    if condition.ndim > 1:
        name = "cell" if "cell" not in condition.dims else "judged_cell"
        stack = {name: condition.dims}
        condition, *full = (array.stack(stack) for array in (condition, *full))
    keep = {condition.dims[0]: condition.values.nonzero()[0]}
    return (*(array.isel(keep) for array in full), int((~condition).sum()))


def _broadcast(*arrays) -> tuple[xr.DataArray, ...]:
    arrays = [labelled(array) for array in arrays]
    full = next((array for array in arrays if array.ndim), arrays[0])
    quick = [_spread_over(full, array) for array in arrays]
    if all(array is not None for array in quick):
        return tuple(quick)
    try:
        # Exact: an outer join would turn points that only some arrays have into NaN.
        aligned = xr.align(*arrays, join="exact", copy=False)
    except ValueError as error:
        raise ValueError(f"the arrays of a check have different coordinates: {error}") from None
    return xr.broadcast(*aligned)


def _spread_over(full: xr.DataArray, array: xr.DataArray) -> xr.DataArray | None:
    """``array`` at every point of ``full``, or None where that takes more than copying.

    The common case by itself: xarray's general way takes a hundred times as long.
    """
    if not same_coordinates(array, full):
        return None
    if array.dims == full.dims:
        return array
    if set(array.dims) <= set(full.dims) and set(array.coords) <= set(array.dims):
        return full.copy(deep=False, data=array.variable.set_dims(dict(full.sizes)).values)
    return None


def same_coordinates(array: xr.DataArray, other: xr.DataArray) -> bool:
    """Whether both have the same points along each dimension of ``array``, in one order."""
    if any(array.sizes[dim] != other.sizes.get(dim) for dim in array.dims):
        return False
    own, others = array.xindexes, other.xindexes
    along = {name for name, v in others.variables.items() if set(v.dims) <= set(array.dims)}
    return set(own) == along and all(
        own[name] is others[name] or own[name].equals(others[name]) for name in along
    )
