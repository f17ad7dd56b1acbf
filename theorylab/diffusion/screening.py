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
SPARE = 8  # points a query may keep beyond its share: early on the best is not yet known


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


def screen(
    points: DataPoints, x: Tensor, width: Tensor, limit: Tensor, optional: Tensor
) -> Candidates:
    r"""Every point with :math:`T_i \ge \max_j T_j - width`, and few others.

    x: (batch, d) float64. width: (batch,) float64, at least 0, in units of half a squared distance.
    limit: (batch,) int64, most points a query may keep. optional: (batch,) bool, queries with
    another good way: they must keep to their limit's share of the points seen so far at every
    chunk, so that the hopeless are given up soon, and are given up together when few are left.
    """
    alive = torch.arange(len(x))  # the queries still screened; what follows is theirs, in order
    bounds = enclosure(points, x)
    reach = width / bounds.unit
    best = torch.full((len(x),), -torch.inf, dtype=torch.float64)  # L, and an upper bound beside it
    highest = best.clone()
    # By query, whether still screened or not.
    near = torch.zeros(len(x), dtype=torch.int64)
    tally = near.clone()
    kept = [near[:0], near[:0], torch.empty(0, dtype=bounds.dtype)]
    for rows in points.chunks(CHUNK) if len(x) else []:
        upper = bounds.upper(rows)
        top = upper.amax(1)
        rise = (top > highest).nonzero()[:, 0]
        if len(rise):
            at = upper[rise].argmax(1) + rows.start
            highest[rise] = top[rise].double()
            lower = highest[rise] - 2 * bounds.slack(rise, at)
            better = lower > best[rise]
            best[rise[better]] = lower[better]
            near[alive[rise[better]]] = at[better]
        threshold = _rounded_down(best - reach, bounds.dtype)
        hit = (top >= threshold).nonzero()[:, 0]
        some = upper[hit]
        who, where = (some >= threshold[hit, None]).nonzero(as_tuple=True)
        new = (alive[hit[who]], where + rows.start, some[who, where])
        kept = [torch.cat(pair) for pair in zip(kept, new, strict=True)]
        tally += torch.bincount(new[0], minlength=len(x))
        share = SPARE + limit * rows.stop // len(points)
        allowed = torch.where(optional, torch.minimum(limit, share), limit)
        if bool((tally > allowed).any()) or rows.stop == len(points):
            level = torch.full((len(x),), torch.inf, dtype=bounds.dtype)
            level[alive] = threshold
            kept = _where(kept[2] >= level[kept[0]], kept)
            tally = torch.bincount(kept[0], minlength=len(x))
            fits = tally <= allowed
            if 4 * int((fits & optional)[alive].sum()) < int(optional.sum()):
                fits &= ~optional
            if not bool(fits[alive].all()):
                kept = _where(fits[kept[0]], kept)
                tally[~fits] = 0
                stay = fits[alive]
                alive, reach, best, highest = _where(stay, [alive, reach, best, highest])
                bounds.keep(stay)
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
