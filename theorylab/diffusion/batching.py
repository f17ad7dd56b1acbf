"""Evaluate a function of (x, noise) on part of the batch at a time.

x has shape (batch, d), noise = sigma^2 has shape (1, 1) or (batch, 1); any further tensors have
batch rows. The function returns a tensor with one row per row of x.
"""

from collections.abc import Callable

import torch
from torch import Tensor


def by_rows(function: Callable[..., Tensor], rows: int, x: Tensor, noise: Tensor, *more) -> Tensor:
    """``function(x, noise, *more)``, at most ``rows`` rows per call, to bound its memory."""
    if len(x) <= rows:
        return function(x, noise, *more)
    parts = [slice(start, start + rows) for start in range(0, len(x), rows)]
    return torch.cat(
        [
            function(
                x[part], noise[part] if len(noise) > 1 else noise, *(other[part] for other in more)
            )
            for part in parts
        ]
    )


def by_noise(function: Callable[..., Tensor], x: Tensor, noise: Tensor, *more) -> Tensor:
    """``function(x, noise, *more)``, one noise level of shape (1, 1) per call.

    For what has to be built anew at each level, such as a matrix.
    """
    if len(noise) == 1:
        return function(x, noise, *more)
    levels, groups = rows_of_each(noise[:, 0])
    results = [
        function(x[rows], level.reshape(1, 1), *(other[rows] for other in more))
        for level, rows in zip(levels, groups, strict=True)
    ]
    return torch.cat(results)[torch.cat(groups).argsort()]


def rows_of_each(values: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The distinct values of a vector, and for each the rows where it stands."""
    distinct, which = values.unique(return_inverse=True)
    order = which.argsort(stable=True)
    return distinct, order.split(which.bincount(minlength=len(distinct)).tolist())
