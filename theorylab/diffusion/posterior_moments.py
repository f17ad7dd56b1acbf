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

from typing import NamedTuple

import torch
from torch import Tensor

from theorylab.diffusion.data_points import DataPoints

ENTRIES = 1 << 17  # numbers in a block of differences: 1 MiB of float64, inside the cache
PAIRS = 1 << 16  # pairs listed at once when every point is compared
CHUNK = 512
FLOOR = {torch.float32: -70.0, torch.float64: -640.0}  # see dense_moments


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


def nearest_of_pairs(
    points: DataPoints, x: Tensor, query: Tensor, point: Tensor
) -> tuple[Tensor, Tensor]:
    """Squared distance (batch,) and index (batch,) of each query's nearest point among the pairs.

    From exact float64 differences; of equal distances the lowest index. A query without pairs gets
    infinity and the index N.
    """
    parts = [
        (points.take(point[block]) - x[query[block]]).square().sum(1)
        for block in _blocks(len(query), points.dim)
    ]
    squared = torch.cat(parts) if parts else torch.empty(0, dtype=torch.float64)
    least = torch.full((len(x),), torch.inf, dtype=torch.float64)
    least.scatter_reduce_(0, query, squared, "amin")
    index = torch.full((len(x),), len(points), dtype=torch.int64)
    hit = squared == least[query]
    index.scatter_reduce_(0, query[hit], point[hit], "amin")
    return least, index


def pair_moments(
    points: DataPoints, x: Tensor, sigma: Tensor, reference: Tensor, query: Tensor, point: Tensor
) -> Moments:
    """Moments over listed (query, point) pairs, from exact float64 differences to the reference.

    x, reference: (batch, d) float64; sigma: (batch,) float64; query, point: (pairs,) int64.
    """
    top, mass, squares, first, second = empty_moments(*x.shape)
    step = 2 * (reference - x)
    blocks = _blocks(len(query), points.dim)
    exponents = []
    for block in blocks:
        e = points.take(point[block]) - reference[query[block]]
        t = -(e * (e + step[query[block]])).sum(1) / (2 * sigma[query[block]].square())
        exponents.append(t if points.log_weight is None else t + points.log_weight[point[block]])
    t = torch.cat(exponents) if exponents else torch.empty(0, dtype=torch.float64)
    top.scatter_reduce_(0, query, t, "amax")
    p = (t - top[query]).exp()
    mass.index_add_(0, query, p)
    squares.index_add_(0, query, p.square())
    for block in blocks:
        e = points.take(point[block]) - reference[query[block]]
        second.index_add_(0, query[block], p[block] * e.square().sum(1))
        first.index_add_(0, query[block], e.mul_(p[block, None]))
    return Moments(top, mass, squares, first, second)


def direct_nearest(points: DataPoints, x: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance (batch,) and index (batch,) of the nearest point, all points compared."""
    found = []
    for rows in torch.arange(len(x)).split(_queries_at_once(points)):
        least = torch.full((len(rows),), torch.inf, dtype=torch.float64)
        index = torch.zeros(len(rows), dtype=torch.int64)
        for chunk in points.chunks(PAIRS):
            squared, at = nearest_of_pairs(points, x[rows], *_all_pairs(len(rows), chunk))
            index = torch.where(squared < least, at, index)
            least = torch.minimum(squared, least)
        found.append((least, index))
    least, index = zip(*found, strict=True)
    return torch.cat(least), torch.cat(index)


def direct_moments(points: DataPoints, x: Tensor, sigma: Tensor, reference: Tensor) -> Moments:
    """Moments over all points from exact differences: slow, and accurate whatever the data."""
    found = []
    for rows in torch.arange(len(x)).split(_queries_at_once(points)):
        moments = empty_moments(len(rows), points.dim)
        for chunk in points.chunks(PAIRS):
            pairs = _all_pairs(len(rows), chunk)
            part = pair_moments(points, x[rows], sigma[rows], reference[rows], *pairs)
            moments = merged(moments, part)
        found.append(moments)
    return joined(found)


def joined(parts: list[Moments]) -> Moments:
    """The moments of consecutive batches as those of one batch."""
    return Moments(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _queries_at_once(points: DataPoints) -> int:
    return max(1, PAIRS // len(points))


def _all_pairs(batch: int, rows: slice) -> tuple[Tensor, Tensor]:
    point = torch.arange(rows.start, rows.stop)
    return torch.arange(batch).repeat_interleave(len(point)), point.repeat(batch)


def dense_moments(
    points: DataPoints, query: Tensor, sigma: Tensor, dtype: torch.dtype, powers: bool
) -> Moments:
    r"""Moments over all points by two matrix products a chunk, about the data's centre.

    query: (batch, d) float64, :math:`q = x - c`; then
    :math:`t_i = (\langle q, y_i\rangle - |y_i|^2/2)/\sigma^2 + \log w_i`. Products and exponentials
    in ``dtype``. Without ``powers`` the sums of p² and of p|e|², two more elementwise passes, are
    left at zero.

    Online softmax: sums are kept relative to ``top``, a maximum seen so far. Exponents are clamped
    at FLOOR: exp below -87 makes float32 denormals, 200 times slower, and e^-70 N is below every
    rounding here.
    """
    batch, dim = query.shape
    inverse = sigma.square().reciprocal()
    q = (query * inverse[:, None]).to(dtype)
    scale = inverse.to(dtype)[:, None]
    top = torch.full((batch, 1), -torch.inf, dtype=dtype)
    mass = torch.zeros(batch, dtype=torch.float64)
    squares, second = mass.clone(), mass.clone()
    first = torch.zeros(batch, dim, dtype=dtype)
    for rows in points.chunks(CHUNK):
        y = points.centred(rows, dtype)
        half = points.half_square[rows].to(dtype)
        t = torch.addmm(scale * half, q, y.T, beta=-1)
        if points.log_weight is not None:
            t += points.log_weight[rows].to(dtype)
        higher = torch.maximum(top, t.amax(1, keepdim=True))
        factor = (top - higher).exp_()
        factor[factor < 1e-30] = 0.0
        top = higher
        p = t.sub_(top).clamp_(min=FLOOR[dtype]).exp_()
        f = factor[:, 0].double()
        mass = mass * f + p.sum(1)
        first.mul_(factor).addmm_(p, y)
        if powers:
            second = second * f + p @ (2 * half)
            squares = squares * f * f + p.square_().sum(1)
    return Moments(top[:, 0].double(), mass, squares, first.double(), second)


def _blocks(pairs: int, dim: int) -> list[slice]:
    size = max(1, ENTRIES // dim)
    return [slice(a, min(a + size, pairs)) for a in range(0, pairs, size)]
