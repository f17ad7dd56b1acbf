r"""Enclosures of the half squared distances of a query to all points, by one matrix product.

In units of the data (a byte's step for bytes), q = x - c and y_i = x_i - c as in `screening.py`,
:math:`T_i = \langle q, y_i\rangle - |y_i|^2/2`. Both ways below give :math:`\hat T_i` and a slack
:math:`s_i` with :math:`|\hat T_i - T_i - const| \le s_i`, const a number of the query's own that
moves no comparison. u is the unit roundoff of the product's type and
:math:`\gamma_n = nu/(1-nu)`.

**Floating-point product.** A product of length d, summed in any order, with or without fused
multiply-add, errs by at most :math:`\gamma_d|q||y_i|` (Higham, *Accuracy and Stability of
Numerical Algorithms*, 2nd ed., eq. 3.5, and Cauchy–Schwarz). Rounding q, and the data's centring
and rounding, bring at most 3 factors (1 + u); adding the correction of rank two, its coefficients
rounded, at most 6 in terms bounded by :math:`|q||y_i|`, :math:`|y_i|^2/2` or the slack. Hence

.. math:: s_i = g\,|q|\,|y_i| + g\,|y_i|^2, \qquad g = \gamma_{d+12}.

**Bytes.** Here c is the byte 128, so that :math:`y_i = u_i - 128` is an int8 vector. Write
:math:`q = s k + \delta` with :math:`s = \max|q|/127` and k an int8 vector. The integer product
:math:`\langle k, y_i\rangle` is exact; with the data's mean m,
:math:`\langle\delta, y_i\rangle = \langle\delta, y_i - m\rangle + const` and
:math:`|\langle\delta, y_i - m\rangle| \le |\delta||y_i - m|`. What is rounded is the integer on its
way to float32 (nothing below 2^24, that is for d up to 1,024) and the correction of rank three, at
most 8 factors (1 + u) on terms bounded by :math:`|sk||y_i|`, :math:`|y_i|^2/2` and
:math:`|\delta||y_i - m|`. Hence, with :math:`g = \gamma_{12}`,

.. math:: s_i = |\delta|(1 + g)|y_i - m| + g(|q| + |\delta|)(|y_i| + 1) + g|y_i|^2.

The + 1, and 2^-50 (|q| + 256 sqrt(d)) added to :math:`|\delta|`, cover float64's rounding of q and
of x_i = u_i/127.5 - 1.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

import torch
from torch import Tensor

from theorylab.diffusion.data_points import DataPoints


def gamma(terms: int, dtype: torch.dtype) -> float:
    r"""Higham's :math:`\gamma_n = nu/(1-nu)`, with :math:`u` the unit roundoff of ``dtype``."""
    nu = terms * torch.finfo(dtype).eps / 2
    return nu / (1 - nu)


def product_error(points: DataPoints, dtype: torch.dtype) -> float:
    r"""g with :math:`|\hat T_i - T_i| \le g(|q||y_i| + |y_i|^2)` for a floating-point product."""
    return gamma(points.dim + 12, dtype)


class FloatEnclosure:
    r"""Bounds from a floating-point product, for a batch x (batch, d) of float64 queries.

    dtype: that of the bounds. unit: (batch,) float64, the bounds' unit for each query, in half
    squared distances of the data.
    """

    def __init__(self, points: DataPoints, x: Tensor):
        self.dtype = torch.float32 if float32_is_safe(points, x) else torch.float64
        self.points, self.error = points, product_error(points, self.dtype)
        self.unit = torch.full((len(x),), points.unit**2, dtype=torch.float64)
        query = (x - points.centre) / points.unit
        self.length = query.norm(dim=1)
        self.query = query.to(self.dtype)
        row = torch.stack([self.error * self.length, torch.ones_like(self.length)], 1)
        self.row = row.to(self.dtype)

    def upper(self, rows: slice) -> Tensor:
        r""":math:`\hat T_i + s_i`, (batch, rows) in dtype."""
        points, g = self.points, self.error
        norm, half = points.norm[rows], points.half_square[rows]
        # The last term outweighs what underflow can take from a sum.
        column = torch.stack([norm, (2 * g - 1) * half + 1e-35]).to(self.dtype)
        data = points.centred(rows, self.dtype)
        return torch.mm(self.row, column).addmm_(self.query, data.T)

    def slack(self, query: Tensor, point: Tensor) -> Tensor:
        """s_i for pairs, (pairs,) float64."""
        norm = self.points.norm[point]
        return self.error * norm * (self.length[query] + norm) + 2e-35

    def keep(self, mask: Tensor) -> None:
        """Go on with the queries of a mask (batch,) alone."""
        self.query, self.row = self.query[mask], self.row[mask]
        self.unit, self.length = self.unit[mask], self.length[mask]


class ByteEnclosure:
    """Bounds from an exact product of int8 vectors, for uint8 data; as `FloatEnclosure`."""

    dtype = torch.float32

    def __init__(self, points: DataPoints, x: Tensor):
        self.points, self.error = points, gamma(12, torch.float32)
        query = (x - points.centre) / points.unit
        self.step = query.abs().amax(1).clamp(min=1) / 127
        self.unit = self.step * points.unit**2
        self.query = (query / self.step[:, None]).round().to(torch.int8)
        length = query.norm(dim=1)
        residual = (query - self.step[:, None] * self.query).norm(dim=1)
        residual += 2.0**-50 * (length + 256 * points.dim**0.5)
        self.residual = residual * (1 + self.error) / self.step
        self.length = self.error * (length + residual) / self.step
        self.row = torch.stack([self.residual, self.length, 1 / self.step], 1).float()

    def upper(self, rows: slice) -> Tensor:
        """As `FloatEnclosure.upper`."""
        points = self.points
        half = (2 * self.error - 1) * points.half_square[rows]
        column = torch.stack([points.spread[rows], points.norm[rows] + 1, half])
        product = torch._int_mm(self.query, points.signed_bytes(rows).T)
        return torch.mm(self.row, column.float()).add_(product)

    def slack(self, query: Tensor, point: Tensor) -> Tensor:
        """As `FloatEnclosure.slack`."""
        points, step = self.points, self.step[query]
        residual = self.residual[query] * points.spread[point]
        rounding = self.length[query] * (points.norm[point] + 1)
        return residual + rounding + 2 * self.error * points.half_square[point] / step

    def keep(self, mask: Tensor) -> None:
        """As `FloatEnclosure.keep`."""
        self.query, self.row, self.step = self.query[mask], self.row[mask], self.step[mask]
        self.unit, self.residual = self.unit[mask], self.residual[mask]
        self.length = self.length[mask]


Enclosure: TypeAlias = FloatEnclosure | ByteEnclosure


def enclosure(points: DataPoints, x: Tensor) -> Enclosure:
    """The cheapest enclosure that holds on this machine for these numbers."""
    if points.bytes and points.dim <= 1024 and byte_products_are_exact(points.dim):
        return ByteEnclosure(points, x)
    return FloatEnclosure(points, x)


def float32_is_safe(points: DataPoints, x: Tensor) -> bool:
    """Whether float32 products of these numbers are what the bounds take them for.

    They must not overflow, and torch must compute them in float32:
    ``torch.set_float32_matmul_precision("medium")`` lets it take bfloat16.
    """
    size = max(float(points.norm.max()) * points.unit, float(x.abs().max()) if len(x) else 0.0)
    return size < 1e15 and torch.get_float32_matmul_precision() == "highest"


@functools.cache
def byte_products_are_exact(dim: int) -> bool:
    """Whether this torch and processor multiply int8 vectors of this length exactly.

    Without the processor's int8 dot product, sums of two products are kept in 16 bits and saturate;
    torch 2.13 returns uninitialised memory for length 1.
    """
    product = getattr(torch, "_int_mm", None)
    if product is None or dim < 2:
        return False
    extremes = torch.tensor([[-128, -128], [127, 127], [-128, 127], [127, -128], [-127, 126]])
    vectors = extremes.repeat(7, dim // 2 + 1)[:, :dim]
    try:
        found = product(vectors.to(torch.int8).contiguous(), vectors.to(torch.int8).T)
    except RuntimeError:
        return False
    return torch.equal(found.long(), vectors @ vectors.T)
