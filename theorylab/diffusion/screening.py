r"""Which points of a data set can matter to a query: a screening with proven bounds.

For a query :math:`x` and data :math:`x_i`, write :math:`q = x - c`, :math:`y_i = x_i - c` with a
fixed centre :math:`c`. Then

.. math:: T_i = \langle q, y_i\rangle - \tfrac12|y_i|^2 = \tfrac12|q|^2 - \tfrac12|x - x_i|^2,

so ranking by :math:`T` is ranking by distance. One matrix product (`enclosures.py`) gives an
approximation :math:`\hat T_i` of all :math:`T_i` of a chunk, up to a constant of the query's own,
with a proven enclosure :math:`|\hat T_i - T_i| \le s_i`. With
:math:`L = \max_j (\hat T_j - s_j) \le \max_j T_j`, every point with
:math:`T_i \ge \max_j T_j - width` passes the test :math:`\hat T_i + s_i \ge L - width`. The
*candidates* that pass are then evaluated exactly elsewhere; what fails lies farther than the
nearest point :math:`x_a` by :math:`|x - x_i|^2 - |x - x_a|^2 > 2\,width`.

**Dropped mass.** Let :math:`\omega_i = w_i e^{-|x-x_i|^2/2\sigma^2}`, N points, weights within a
factor :math:`e^{\lambda}` of each other, and :math:`width = (\tau + \lambda)\sigma^2`. Each dropped
point has :math:`\omega_i < w_i e^{-\tau-\lambda} e^{-|x-x_a|^2/2\sigma^2} \le e^{-\tau}\omega_a`,
so the dropped share of the posterior is below :math:`N e^{-\tau}`. It moves the posterior mean by
at most :math:`\sum \omega_i |x_i - D| / \sum\omega`, and with
:math:`t = (|x-x_i|^2-|x-x_a|^2)/2\sigma^2`, :math:`|x_i - x| \le |x_a - x| + \sigma\sqrt{2t}` and
:math:`e^{-t}\sqrt{2t}` decreasing for :math:`t \ge 1/2`, that is at most
:math:`N e^{-\tau}(|x_a-x| + \sigma\sqrt{2(\tau+\lambda)} + |x-D|)`: no diameter of the data enters.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from theorylab.diffusion.data_points import DataPoints
from theorylab.diffusion.enclosures import enclosure

CHUNK = 512  # rows of data at a time: beside 256 queries of 784 numbers they stay in the cache
SPARE = 32  # points a query may keep beyond its share: early on the best is not yet known


class Candidates(NamedTuple):
    """Pairs (query, point) that a screening keeps, sorted by query, then by point.

    query, point: (pairs,) int64. near: (batch,) int64, a point nearly as near as the nearest among
    those seen. overfull: (batch,) bool, True for a query that kept more than its limit: its pairs
    are absent and it has to be evaluated in another way.
    """

    query: Tensor
    point: Tensor
    near: Tensor
    overfull: Tensor


def screen(points: DataPoints, x: Tensor, width: Tensor, limit: Tensor) -> Candidates:
    r"""Every point with :math:`T_i \ge \max_j T_j - width`, and few others.

    x: (batch, d) float64. width: (batch,) float64, at least 0, in units of half a squared distance.
    limit: (batch,) int64, most points a query may keep; the same share of the points seen so far
    holds at every chunk, so that a hopeless query is given up soon.
    """
    alive = torch.arange(len(x))  # the queries still screened
    near = torch.zeros(len(x), dtype=torch.int64)
    bounds = enclosure(points, x)
    width = width / bounds.unit
    best = torch.full((len(x),), -torch.inf, dtype=torch.float64)  # L, and the upper bound above it
    highest = best.clone()
    tally = torch.zeros(len(x), dtype=torch.int64)
    kept = [alive[:0], alive[:0], torch.empty(0, dtype=bounds.dtype)]
    for rows in points.chunks(CHUNK) if len(x) else []:
        upper = bounds.upper(alive, rows)
        top = upper.amax(1).double()
        rise = (top > highest[alive]).nonzero()[:, 0]
        if len(rise):
            at = upper[rise].argmax(1)
            who = alive[rise]
            highest[who] = top[rise]
            lower = top[rise] - 2 * bounds.slack(who, at + rows.start)
            better = lower > best[who]
            best[who[better]] = lower[better]
            near[who[better]] = at[better] + rows.start
        threshold = _rounded_down(best - width, bounds.dtype)
        hit = (top.to(bounds.dtype) >= threshold[alive]).nonzero()[:, 0]
        some = upper[hit]
        who, where = (some >= threshold[alive[hit], None]).nonzero(as_tuple=True)
        kept[0] = torch.cat([kept[0], alive[hit[who]]])
        kept[1] = torch.cat([kept[1], where + rows.start])
        kept[2] = torch.cat([kept[2], some[who, where]])
        tally += torch.bincount(alive[hit[who]], minlength=len(x))
        allowed = torch.minimum(limit, SPARE + limit * rows.stop // len(points))
        if bool((tally > allowed).any()) or rows.stop == len(points):
            kept = _where(kept[2] >= threshold[kept[0]], kept)
            tally = torch.bincount(kept[0], minlength=len(x))
            fits = tally <= allowed
            kept = _where(fits[kept[0]], kept)
            alive = alive[fits[alive]]
            tally[~fits] = 0
            if not len(alive):
                break
    overfull = torch.ones(len(x), dtype=torch.bool)
    overfull[alive] = False
    order = torch.argsort(kept[0], stable=True)
    return Candidates(kept[0][order], kept[1][order], near, overfull)


def _rounded_down(level: Tensor, dtype: torch.dtype) -> Tensor:
    rounded = level.to(dtype)
    return torch.nextafter(rounded, torch.full_like(rounded, -torch.inf))


def _where(keep: Tensor, parts: list[Tensor]) -> list[Tensor]:
    return [part[keep] for part in parts]
