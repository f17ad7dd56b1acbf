r"""Moments of the posterior over a finite data set, by streaming kernels that share one form.

With a reference point a of each query's own, :math:`e_i = x_i - a` and :math:`g = a - x`,

.. math:: t_i = \log w_i - \frac{\langle e_i, e_i + 2g\rangle}{2\sigma^2}
              = \log w_i - \frac{|x - x_i|^2 - |x - a|^2}{2\sigma^2},
          \qquad p_i = e^{t_i - \max_j t_j}.

A kernel returns :math:`\max_j t_j`, :math:`\sum p_i`, :math:`\sum p_i^2`, :math:`\sum p_i e_i` and
:math:`\sum p_i |e_i|^2`; everything a posterior can say follows from them and a. Differences to a
near reference keep what cancels in :math:`|x-x_i|^2 - |x-x_j|^2`: the error of :math:`t_i` is a few
:math:`u|e_i|(|e_i| + 2|g|)/2\sigma^2` instead of :math:`u|x-x_i|^2/\sigma^2`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from theorylab.diffusion.data_points import DataPoints

T = TypeVar("T", bound=tuple)

ENTRIES = 1 << 17  # numbers in a block of differences: 1 MiB of float64, inside the cache
PAIRS = 1 << 16  # pairs listed at once when every point is compared
CHUNK = 1024  # rows of data at a time in the dense way
RISE = 20.0  # e^20, squared, times 10^10 points is far from overflow
FLOOR = {torch.float32: -43.0, torch.float64: -340.0}  # see dense_moments
LEFT_OUT = {torch.float32: 2.0**-30, torch.float64: 2.0**-60}  # of the mass: far below rounding
FEW = 48  # a row gathered costs about as much as 48 entries of a product


class Moments(NamedTuple):
    """top, mass, mass_of_squares and second are (batch,), first is (batch, d), all float64."""

    top: Tensor
    mass: Tensor
    mass_of_squares: Tensor
    first: Tensor
    second: Tensor


def empty_moments(batch: int, dim: int) -> Moments:
    """The moments of no points."""
    zero = torch.zeros(batch, dtype=torch.float64)
    first = torch.zeros(batch, dim, dtype=torch.float64)
    return Moments(torch.full_like(zero, -torch.inf), zero, zero.clone(), first, zero.clone())


def merged(one: Moments, two: Moments) -> Moments:
    """The moments of the union of two disjoint sets of points, about the same reference."""
    top = torch.maximum(one.top, two.top)
    # exp(-inf - -inf) would be NaN: a query that has seen no point keeps its zeros.
    f, g = (torch.where(m.top > -torch.inf, (m.top - top).exp(), 0.0) for m in (one, two))
    return Moments(
        top,
        f * one.mass + g * two.mass,
        f * f * one.mass_of_squares + g * g * two.mass_of_squares,
        f[:, None] * one.first + g[:, None] * two.first,
        f * one.second + g * two.second,
    )


class Nearest(NamedTuple):
    """half_excess (batch,): half of |x - x_i|^2 - |x - a|^2 at its least; index (batch,): where.

    Of equal values the lowest index; infinity and the largest int64 where nothing was compared.
    """

    half_excess: Tensor
    index: Tensor


def nearer(one: Nearest, two: Nearest) -> Nearest:
    """The nearer of two for each query, about the same reference; ties to the lower index."""
    first = (one.half_excess < two.half_excess) | (
        (one.half_excess == two.half_excess) & (one.index < two.index)
    )
    return Nearest(*(torch.where(first, a, b) for a, b in zip(one, two, strict=True)))


def pair_moments(
    points: DataPoints, x: Tensor, sigma: Tensor, reference: Tensor, query: Tensor, point: Tensor
) -> tuple[Moments, Nearest]:
    """Moments and nearest over listed (query, point) pairs, from exact float64 differences.

    x, reference: (batch, d) float64; sigma: (batch,) float64; query, point: (pairs,) int64, sorted
    by query. A query without pairs gets the moments of no points.
    """
    batch = len(x)
    moments, step = empty_moments(*x.shape), 2 * (reference - x)
    nearest = Nearest(moments.top.neg(), torch.full((batch,), torch.iinfo(torch.int64).max))
    size = max(1, ENTRIES // points.dim)
    for low in range(0, len(query), size):
        where, index = query[low : low + size], point[low : low + size]
        # The queries of a block are consecutive numbers; within it they count from 0.
        first, last = int(where[0]), int(where[-1]) + 1
        span, local = slice(first, last), where - first
        e = points.take(index).sub_(reference[where])
        square = e.square().sum(1)
        excess = (square + step[where].mul_(e).sum(1)) / 2
        t = -excess / sigma[where].square()
        if points.log_weight is not None:
            t += points.log_weight[index]
        part = empty_moments(last - first, points.dim)
        part.top.scatter_reduce_(0, local, t, "amax")
        p = (t - part.top[local]).exp()
        part.mass.index_add_(0, local, p)
        part.mass_of_squares.index_add_(0, local, p.square())
        part.second.index_add_(0, local, p * square)
        # The weighted sum of each query's rows, in order: twice as fast as index_add_.
        starts = torch.searchsorted(local, torch.arange(last - first))
        part.first.copy_(
            embedding_bag(torch.arange(len(e)), e, starts, mode="sum", per_sample_weights=p)
        )
        least = torch.full((last - first,), torch.inf, dtype=torch.float64)
        least.scatter_reduce_(0, local, excess, "amin")
        hit = excess == least[local]
        lowest = torch.full((last - first,), torch.iinfo(torch.int64).max)
        lowest.scatter_reduce_(0, local[hit], index[hit], "amin")
        put(moments, span, merged(Moments(*(m[span] for m in moments)), part))
        so_far = Nearest(*(n[span] for n in nearest))
        put(nearest, span, nearer(so_far, Nearest(least, lowest)))
    return moments, nearest


def put(whole: tuple[Tensor, ...], rows: Tensor | slice, part: tuple[Tensor, ...]) -> None:
    """Write each tensor of ``part`` into those rows of its counterpart in ``whole``."""
    for values, new in zip(whole, part, strict=True):
        values[rows] = new


def direct_moments(
    points: DataPoints, x: Tensor, sigma: Tensor, reference: Tensor
) -> tuple[Moments, Nearest]:
    """As `pair_moments` with every pair: slow, and accurate whatever the data."""
    found = []
    for rows in torch.arange(len(x)).split(max(1, PAIRS // len(points))):
        parts = []
        for chunk in points.chunks(PAIRS):
            point = torch.arange(chunk.start, chunk.stop)
            query = torch.arange(len(rows)).repeat_interleave(len(point))
            pairs = query, point.repeat(len(rows))
            parts.append(pair_moments(points, x[rows], sigma[rows], reference[rows], *pairs))
        moments, nearest = zip(*parts, strict=True)
        found.append((functools.reduce(merged, moments), functools.reduce(nearer, nearest)))
    moments, nearest = zip(*found, strict=True)
    return joined(moments), joined(nearest)


def joined(parts: Sequence[T]) -> T:
    """Named tuples of tensors of consecutive batches as one of the whole batch."""
    return type(parts[0])(*(torch.cat(column) for column in zip(*parts, strict=True)))


def dense_moments(
    points: DataPoints, x: Tensor, sigma: Tensor, dtype: torch.dtype, powers: bool
) -> Moments:
    r"""Moments over all points by two matrix products a chunk, about the data's centre.

    x: (batch, d) float64, sigma: (batch,) float64. With :math:`q = x - c`, :math:`y_i = x_i - c`,
    :math:`t_i = (\langle q, y_i\rangle - |y_i|^2/2)/\sigma^2 + \log w_i`. Products and exponentials
    in ``dtype``. Without ``powers`` the sums of p² and of p|e|², two more elementwise passes, are
    left at zero.

    Online softmax: sums are relative to ``top``, the largest exponent when it was last raised; it
    is raised again, and the sums scaled down, only where an exponent exceeds it by RISE. Where few
    of a chunk's exponents matter (`_Few`), those alone are summed, without the second product.
    Otherwise exponents are clamped at FLOOR, where N e^FLOOR is still below the rounding of the
    sums: smaller ones, their squares, or their products with small data would be denormals (in
    float32 below 1e-38), which make exp 200 times slower and the product 6 times.
    """
    batch, unit = len(x), points.unit
    # Queries in the data's unit, so that bytes enter the products as they are.
    scale = (unit / sigma)[:, None].square()
    q = ((x - points.centre) / unit * scale).to(dtype)
    if bool((scale == scale[:1]).all()):
        scale = scale[:1]  # one row of offsets instead of a matrix
    top = torch.full((batch, 1), -torch.inf, dtype=dtype)
    mass, squares, second = (torch.zeros(batch, 1, dtype=dtype) for _ in range(3))
    first = torch.zeros(batch, points.dim, dtype=dtype)
    few = _Few(math.log(len(points) / LEFT_OUT[dtype]))
    for rows in points.chunks(CHUNK):
        y = points.centred(rows, dtype)
        offset = scale * -points.half_square[rows]
        if points.log_weight is not None:
            offset += points.log_weight[rows]
        t = torch.addmm(offset.to(dtype), q, y.T)
        peak = t.amax(1, keepdim=True)
        if bool((peak > top + RISE).any()):
            higher = torch.where(peak > top + RISE, peak, top)
            factor = (top - higher).exp_()
            # What is e^FLOOR of the new best at most would only end in denormals.
            factor[factor < math.exp(FLOOR[dtype] - RISE)] = 0
            top = higher
            for sums in (mass, second, first):
                sums *= factor
            squares *= factor.square()
        t.sub_(top)
        square = 2 * points.half_square[rows].to(dtype)
        kept = few.of(t)
        if kept is None:
            p = t.clamp_(min=FLOOR[dtype]).exp_()
            mass += p.sum(1, keepdim=True)
            first.addmm_(p, y)
            if powers:
                second += p @ square[:, None]
                squares += p.square_().sum(1, keepdim=True)
            continue
        query, point = kept
        p = t[query, point].exp_()
        mass[:, 0].index_add_(0, query, p)
        starts = torch.searchsorted(query, torch.arange(batch))
        first += embedding_bag(point, y, starts, mode="sum", per_sample_weights=p)
        if powers:
            second[:, 0].index_add_(0, query, p * square[point])
            squares[:, 0].index_add_(0, query, p.square_())
    scalars = (part[:, 0].double() for part in (top, mass, squares))
    return Moments(*scalars, first.double() * unit, second[:, 0].double() * unit**2)


class _Few:
    """Finds the exponents of a chunk that matter, where they are few.

    All that are more than ``depth`` below the best of N weigh less than N e^-depth together.
    Looking costs a pass over the chunk: after a chunk with many, the next 1, 2, 4, ... are taken
    to be alike.
    """

    def __init__(self, depth: float):
        self.depth, self.wait, self.skipped = depth, 0, 1

    def of(self, t: Tensor) -> tuple[Tensor, Tensor] | None:
        """(query, point) of each, both (kept,), sorted by query; None: they are many."""
        if self.wait:
            self.wait -= 1
            return None
        # NumPy counts and lists booleans ten times faster than torch.
        kept = (t > -self.depth).numpy()
        if np.count_nonzero(kept) * FEW > kept.size:
            self.wait, self.skipped = self.skipped, 2 * self.skipped
            return None
        self.skipped = 1
        place = torch.from_numpy(np.flatnonzero(kept))
        return place // kept.shape[1], place % kept.shape[1]
