r"""Which points of a data set can matter to a query: a screening with proven bounds.

For a query :math:`x` and data :math:`x_i`, write :math:`q = x - c`, :math:`y_i = x_i - c` with a
fixed centre :math:`c`. Then

.. math:: T_i = \langle q, y_i\rangle - \tfrac12|y_i|^2 = \tfrac12|q|^2 - \tfrac12|x - x_i|^2,

so ranking by :math:`T` is ranking by distance. One matrix product gives an approximation
:math:`\hat T_i` of all :math:`T_i` of a chunk, with a proven enclosure
:math:`|\hat T_i - T_i| \le s_i`. With :math:`L = \max_j (\hat T_j - s_j) \le \max_j T_j`, every
point with :math:`T_i \ge \max_j T_j - width` passes the test :math:`\hat T_i + s_i \ge L - width`.
The *candidates* that pass are then evaluated exactly elsewhere; what fails lies farther than the
nearest point :math:`x_a` by :math:`|x - x_i|^2 - |x - x_a|^2 > 2\,width`.

**Dropped mass.** Let :math:`\omega_i = w_i e^{-|x-x_i|^2/2\sigma^2}`, N points, weights within a
factor :math:`e^{\lambda}` of each other, and :math:`width = (\tau + \lambda)\sigma^2`. Each dropped
point has :math:`\omega_i < w_i e^{-\tau-\lambda} e^{-|x-x_a|^2/2\sigma^2} \le e^{-\tau}\omega_a`,
so the dropped share of the posterior is below :math:`N e^{-\tau}`. It moves the posterior mean by
at most :math:`\sum \omega_i |x_i - D| / \sum\omega`, and with
:math:`t = (|x-x_i|^2-|x-x_a|^2)/2\sigma^2`, :math:`|x_i - x| \le |x_a - x| + \sigma\sqrt{2t}` and
:math:`e^{-t}\sqrt{2t}` decreasing for :math:`t \ge 1/2`, that is at most
:math:`N e^{-\tau}(|x_a-x| + \sigma\sqrt{2(\tau+\lambda)} + |x-D|)`: no diameter of the data enters.

**Slack of a floating-point product.** With unit roundoff u and
:math:`\gamma_n = nu/(1-nu)`, a product of length d, summed in any order, with or without fused
multiply-add, errs by at most :math:`\gamma_d |q||y_i|` (Higham, *Accuracy and Stability of
Numerical Algorithms*, 2nd ed., eq. 3.5, and Cauchy–Schwarz). Rounding q and the centred data to
the product's type adds 3 factors (1 + u), the rank-two correction below at most 5 more, in terms
bounded by :math:`|q||y_i|`, :math:`|y_i|^2` or the slack itself. Hence
:math:`s_i = g\,(|q||y_i| + |y_i|^2)` with :math:`g = \gamma_{d+12}`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from theorylab.diffusion.data_points import DataPoints

CHUNK = 512  # rows of data at a time: with 256 queries of 784 numbers all stays in a 2 MiB cache
SPARE = 256  # points a query may keep whatever its limit: early on the best is not yet known


class Candidates(NamedTuple):
    """Pairs (query, point) that a screening keeps, sorted by query, then by point.

    query, point: (pairs,) int64. overfull: (batch,) bool, True for a query that kept more than its
    limit: its pairs are absent and it has to be evaluated in another way.
    """

    query: Tensor
    point: Tensor
    overfull: Tensor


def gamma(terms: int, dtype: torch.dtype) -> float:
    r"""Higham's :math:`\gamma_n = nu/(1-nu)`, with :math:`u` the unit roundoff of ``dtype``."""
    nu = terms * torch.finfo(dtype).eps / 2
    return nu / (1 - nu)


def product_slack(points: DataPoints, dtype: torch.dtype) -> float:
    r"""g with :math:`|\hat T_i - T_i| \le g(|q||y_i| + |y_i|^2)`; see the module's derivation."""
    return gamma(points.dim + 12, dtype)


def product_dtype() -> torch.dtype:
    """float32 where torch computes its products in full float32, else float64.

    ``torch.set_float32_matmul_precision("medium")`` lets products run in bfloat16, for which the
    slack above would not hold.
    """
    full = torch.get_float32_matmul_precision() == "highest"
    return torch.float32 if full else torch.float64


def screen(points: DataPoints, query: Tensor, width: Tensor, limit: Tensor) -> Candidates:
    r"""Every point with :math:`T_i \ge \max_j T_j - width`, and few others.

    query: (batch, d) float64, centred as ``points`` are. width: (batch,) float64, at least 0, in
    units of half a squared distance. limit: (batch,) int64, most points a query may keep; the same
    share of the points seen so far holds at every chunk: a hopeless query is given up soon.
    """
    dtype = product_dtype()
    g = product_slack(points, dtype)
    norm_q = query.norm(dim=1)
    q = query.to(dtype)
    # \hat T + s as one product and one rank-two correction [g|q|, 1] @ [|y|; g|y|^2 - |y|^2/2].
    left = torch.stack([g * norm_q, torch.ones_like(norm_q)], 1).to(dtype)
    best = torch.full_like(norm_q, -torch.inf)
    overfull = torch.zeros_like(norm_q, dtype=torch.bool)
    kept = (torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64), q[:0, 0])
    tally = torch.zeros_like(limit)
    for rows in points.chunks(CHUNK):
        norm, half = points.norm[rows], points.half_square[rows]
        right = torch.stack([norm, 2 * g * half - half]).to(dtype)
        upper = torch.addmm(left @ right, q, points.centred(rows, dtype).T)
        top, at = upper.max(dim=1)
        slack = 2 * g * (norm_q * norm[at] + 2 * half[at])
        best = torch.maximum(best, top.double() - slack)
        threshold = _threshold(best - width, overfull, dtype)
        who, where = (upper >= threshold[:, None]).nonzero(as_tuple=True)
        new = (who, where + rows.start, upper[who, where])
        kept = tuple(torch.cat(pair) for pair in zip(kept, new, strict=True))
        tally += torch.bincount(who, minlength=len(query))
        allowed = torch.minimum(limit, SPARE + limit * rows.stop // len(points))
        if bool((tally > allowed).any()) or rows.stop == len(points):
            kept = _pruned(kept, threshold)
            tally = torch.bincount(kept[0], minlength=len(query))
            overfull |= tally > allowed
            kept = _pruned(kept, _threshold(best - width, overfull, dtype))
            tally[overfull] = 0
            if bool(overfull.all()):
                break
    order = torch.argsort(kept[0], stable=True)
    return Candidates(kept[0][order], kept[1][order], overfull)


def _threshold(level: Tensor, overfull: Tensor, dtype: torch.dtype) -> Tensor:
    """``level`` rounded down to ``dtype``; infinite for a query that has been given up."""
    rounded = level.to(dtype)
    down = torch.nextafter(rounded, torch.full_like(rounded, -torch.inf))
    return torch.where(overfull, torch.inf, down)


def _pruned(kept: tuple[Tensor, ...], threshold: Tensor) -> tuple[Tensor, ...]:
    keep = kept[2] >= threshold[kept[0]]
    return tuple(part[keep] for part in kept)
