r"""A finite set K with exact distance and projection, streamed over blocks of points.

Distances are sums of squared float64 *differences*. Forming them for every pair is slow, so a
matrix product screens each block first: with queries ``q`` and points ``p`` shifted to the mean,

    | fl(|q|^2 + |p|^2 - 2 q.p) - |x - x_i|^2 | <= slack (|q|^2 + |p|^2),  slack = 4 (d + 8) 2^-53,

only points whose lower bound is within the best distance found so far are re-evaluated. The nearest
point is therefore never dropped, and no array of batch x N x d is formed. (Three inner products of
length d err by at most about ``(d + 2) 2^-53`` relative to ``|q|^2``, ``|p|^2`` and ``|q||p|`` in
any summation order, the two shifts move the squared distance by ``4 * 2^-53``, and the few sums
after them add as much again: below half of the slack.)
"""

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

_BLOCK_ENTRIES = 1 << 21  # 16 MiB of float64: stays near the cache, amortises the product's start
_QUERY_ROWS = 512


class Nearest(NamedTuple):
    """``distance (batch,)``, ``index (batch,)`` int64, ``point (batch, *event)``; float64."""

    distance: Tensor
    index: Tensor
    point: Tensor


class PointCloud:
    r"""The set ``K = {x_1, ..., x_m}`` with the law ``sum_i w_i delta_{x_i}`` on it.

    ``points``: ``(m, *event)``. uint8 stands for the image value ``u/127.5 - 1`` in [-1, 1], as in
    the ideal denoiser, and stays one byte a number in memory; other types are taken as they are.
    ``weights``: ``(m,)`` positive, normalised to sum 1; default uniform. They matter to
    :meth:`sample` only. All results are float64. Raises ``ValueError`` on an empty set, non-finite
    points, or weights that are not positive.
    """

    dim = 0

    def __init__(self, points: Tensor, weights: Tensor | None = None):
        if points.ndim < 2 or points.numel() == 0:
            raise ValueError(f"points must have shape (m, *event), got {tuple(points.shape)}")
        # By the extremes, which NaN reaches too: isfinite makes temporaries larger than the points.
        if points.is_floating_point() and not bool(torch.stack(points.aminmax()).isfinite().all()):
            raise ValueError("points hold NaN or infinite entries")
        if weights is None:
            weights = torch.ones(len(points), dtype=torch.float64)
        if weights.shape != (len(points),):
            raise ValueError(
                f"weights must have shape ({len(points)},), got {tuple(weights.shape)}"
            )
        weights = weights.to(torch.float64)
        if not bool((torch.isfinite(weights) & (weights > 0)).all()):
            raise ValueError("weights must be finite and positive: leave out points of weight 0")
        self.points = points
        self.weights = weights / weights.sum()
        self.event_shape = points.shape[1:]
        self._rows = points.reshape(len(points), -1)

    @property
    def ambient_dim(self) -> int:
        return self._rows.shape[1]

    def nearest(self, x: Tensor) -> Nearest:
        """Distance to K, and index and value of its nearest point, for ``x (batch, *event)``.

        Among points at equal computed distance the one of smallest index is taken.
        """
        if x.shape[1:] != self.event_shape:
            raise ValueError(
                f"x must have shape (batch, {', '.join(map(str, self.event_shape))}), "
                f"got {tuple(x.shape)}"
            )
        queries = x.reshape(len(x), -1).to(torch.float64)
        if not bool(torch.isfinite(queries).all()):
            raise ValueError("x holds NaN or infinite entries")
        parts = [
            _nearest(part, self._rows, self._centre) for part in queries.split(_QUERY_ROWS)
        ] or [(queries.new_zeros(0), torch.zeros(0, dtype=torch.int64))]
        squared, index = (torch.cat(column) for column in zip(*parts, strict=True))
        return Nearest(squared.sqrt(), index, _values(self.points[index]))

    def distance(self, x: Tensor) -> Tensor:
        """``dist_K(x) = min_i |x - x_i|``, ``(batch,)``."""
        return self.nearest(x).distance

    def project(self, x: Tensor) -> Tensor:
        """``proj_K(x)``, ``(batch, *event)``; where not unique, the point of smallest index."""
        return self.nearest(x).point

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """``n`` independent draws of the points by their weights, ``(n, *event)``."""
        ends = self.weights.cumsum(0)
        levels = torch.rand(n, dtype=torch.float64, generator=generator) * ends[-1]
        index = torch.searchsorted(ends, levels, right=True).clamp(max=len(ends) - 1)
        return _values(self.points[index])

    @cached_property
    def spacing(self) -> float:
        """The smallest distance between two different points of K; infinite for a single point.

        Repeated points count once. Costs about ``2 m^2 d`` operations, once.
        """
        distinct = torch.unique(self._rows, dim=0)
        smallest = torch.inf
        for start in range(0, len(distinct), _QUERY_ROWS):
            queries = _values(distinct[start : start + _QUERY_ROWS])
            squared, _ = _nearest(queries, distinct, self._centre, skip_from=start)
            smallest = min(smallest, float(squared.min()))
        return smallest**0.5

    @property
    def reach(self) -> float:
        """Half the smallest spacing: the supremum of tau with a unique projection in dist < tau."""
        return self.spacing / 2

    @cached_property
    def _centre(self) -> Tensor:
        """The mean (to rounding): shifting by it shrinks the screening's slack, nothing else."""
        total = torch.zeros(self.ambient_dim, dtype=torch.float64)
        for block in self._rows.split(_block_rows(self.ambient_dim)):
            total += _values(block).sum(0)
        return total / len(self._rows)


def _values(points: Tensor) -> Tensor:
    """What stored points stand for: a new float64 tensor."""
    if points.dtype == torch.uint8:
        return points.to(torch.float64).div_(127.5).sub_(1)
    return points.to(torch.float64, copy=True)


def _block_rows(dim: int) -> int:
    return max(1, min(_BLOCK_ENTRIES // dim, _BLOCK_ENTRIES // _QUERY_ROWS))


def _nearest(
    queries: Tensor, points: Tensor, centre: Tensor, skip_from: int | None = None
) -> tuple[Tensor, Tensor]:
    """Squared distance and index of the nearest of ``points (m, d)`` for ``queries (batch, d)``.

    With ``skip_from = s`` query j leaves out point ``s + j``, which is itself.
    """
    batch, dim = queries.shape
    slack = 4 * (dim + 8) * 2.0**-53
    shifted_queries = queries - centre
    query_norms = _squared_norms(shifted_queries)[:, None]
    best = queries.new_full((batch,), torch.inf)
    index = torch.zeros(batch, dtype=torch.int64)
    start = 0
    for block in points.split(_block_rows(dim)):
        shifted = _values(block).sub_(centre)
        norms = query_norms + _squared_norms(shifted)
        lower = torch.addmm(norms, shifted_queries, shifted.T, alpha=-2).sub_(norms, alpha=slack)
        if skip_from is not None:
            own = torch.arange(batch) + (skip_from - start)
            inside = (own >= 0) & (own < len(block))
            lower[inside.nonzero()[:, 0], own[inside]] = torch.inf
        # The most promising point of the block first, so that few others pass the screen.
        first = lower.argmin(1)
        rows = torch.arange(batch)
        allowed = lower[rows, first] < torch.inf
        _improve(best, index, queries, block, rows[allowed], first[allowed], start)
        # (1 + slack): the best distance is itself a rounded sum of squares. Infinite marks a point
        # left out, so the threshold stays finite.
        threshold = (best * (1 + slack)).clamp(max=torch.finfo(torch.float64).max)
        rows, columns = (lower <= threshold[:, None]).nonzero(as_tuple=True)
        step = max(1, _BLOCK_ENTRIES // dim)
        for at in range(0, len(rows), step):
            chosen = slice(at, at + step)
            _improve(best, index, queries, block, rows[chosen], columns[chosen], start)
        start += len(block)
    return best, index


def _squared_norms(rows: Tensor) -> Tensor:
    return torch.linalg.vector_norm(rows, dim=1).square()  # no temporary of the size of rows


def _improve(
    best: Tensor,
    index: Tensor,
    queries: Tensor,
    block: Tensor,
    rows: Tensor,
    columns: Tensor,
    start: int,
) -> None:
    """Update ``best`` and ``index`` in place by the exact distances of the given pairs."""
    exact = (queries[rows] - _values(block[columns])).square().sum(1)
    previous = best.clone()
    best.scatter_reduce_(0, rows, exact, "amin")
    index[best < previous] = torch.iinfo(torch.int64).max
    ties = exact == best[rows]
    index.scatter_reduce_(0, rows[ties], columns[ties] + start, "amin")
