"""A finite data set as the streaming kernels see it: chunks about a centre, exact single points."""

from __future__ import annotations

import torch
from torch import Tensor

FLOATS = (torch.float32, torch.float64)
PIXEL = 1 / 127.5  # one step of a byte, for images scaled to [-1, 1]
CHUNK = 4096  # rows at a time where only sums over the data are wanted


class DataPoints:
    r"""N points of :math:`\mathbb R^d`, held in the type they came in, and their centre c.

    uint8 data stand for :math:`x = u/127.5 - 1 \in [-1, 1]` and stay at one byte a number. Points
    of weight 0 are left out of the set. Besides the data it holds 16 bytes a point, 8
    more for bytes and 8 more with weights.

    event: the shape of one point; dim: its size d. centre: (d,) float64; for bytes u = 128, else
    the mean of the points, or 0 where that at most doubles the largest norm: bytes, and such data,
    enter the products exactly and without a second copy. unit: :func:`centred` counts in it (1, or
    a byte's step). half_square, norm: (N,) float64, :math:`|x_i - c|^2/2` and :math:`|x_i - c|` in
    that unit. spread: (N,) float64, for bytes only, the distance from the mean in that unit.
    log_weight: (N,) float64, None where all weights are 1. original: (N,) int64, the points' places
    in the data given, None where none was left out.
    """

    def __init__(self, data: Tensor, weights: Tensor | None = None):
        if data.dtype not in (*FLOATS, torch.uint8):
            raise TypeError(f"data must be float32, float64 or uint8; got {data.dtype}")
        if data.dim() < 2 or data.numel() == 0:
            raise ValueError(
                "data must be (N, *event) with at least one point and one number a point; "
                f"got shape {tuple(data.shape)}"
            )
        self.event = tuple(data.shape[1:])
        self.original = self.log_weight = None
        if weights is not None:
            weights = _checked_weights(weights, len(data))
            if not bool((weights > 0).all()):
                self.original = weights.nonzero().squeeze(1)
                data, weights = data[self.original], weights[self.original]
            self.log_weight = weights.log()
        self.raw = data.detach().reshape(len(data), -1).contiguous()
        self.dim = self.raw.shape[1]
        self.bytes = data.dtype == torch.uint8
        self.unit = PIXEL if self.bytes else 1.0
        mean = sum(self.raw[rows].double().sum(0) for rows in self.chunks(CHUNK)) / len(self)
        if not bool(mean.isfinite().all()):
            raise ValueError("data hold NaN or infinite numbers, or overflow when summed")
        about_mean = self._squares_about(mean.float().double())
        if self.bytes:
            self._shift, squares = None, self._squares_about(torch.full_like(mean, 128))
            self.spread = about_mean.sqrt()
        else:
            self._shift, squares = mean.float().double(), about_mean
            about_zero = self._squares_about(torch.zeros_like(mean))
            if float(about_zero.max()) <= 4 * float(squares.max()):
                self._shift, squares = None, about_zero
        self.half_square, self.norm = squares / 2, squares.sqrt()
        self.centre = torch.zeros_like(mean) if self._shift is None else self._shift
        if self.bytes:
            self.centre = self.centre + (128 / 127.5 - 1)

    def __len__(self) -> int:
        return len(self.raw)

    def chunks(self, size: int) -> list[slice]:
        """Consecutive slices of at most ``size`` rows, covering all."""
        return [slice(a, min(a + size, len(self))) for a in range(0, len(self), size)]

    def centred(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """(x_i - c)/unit for a slice of rows in ``dtype``: exact for bytes, else rounded.

        Each number is rounded once; twice where float64 data go to float32.
        """
        if self.bytes:
            return self.signed_bytes(rows).to(dtype)
        raw = self.raw[rows]
        if self._shift is None:
            return raw.to(dtype)
        wide = torch.float64 if raw.dtype == torch.float64 else dtype
        return (raw.to(wide) - self._shift.to(wide)).to(dtype)

    def signed_bytes(self, rows: slice) -> Tensor:
        """u_i - 128 as int8, for bytes only."""
        return self.raw[rows].bitwise_xor(128).view(torch.int8)

    def _squares_about(self, point: Tensor) -> Tensor:
        return torch.cat(
            [(self.raw[r].double() - point).square().sum(1) for r in self.chunks(CHUNK)]
        )

    def take(self, index: Tensor) -> Tensor:
        """The points x_i themselves, (len(index), d) float64."""
        values = self.raw[index].double()
        return values.div_(127.5).sub_(1) if self.bytes else values


def _checked_weights(weights: Tensor, n: int) -> Tensor:
    weights = torch.as_tensor(weights, dtype=torch.float64)
    if weights.shape != (n,):
        raise ValueError(
            f"weights must be one number a point, shape ({n},); got {tuple(weights.shape)}"
        )
    if not bool(weights.isfinite().all()) or bool((weights < 0).any()):
        raise ValueError("weights must be finite and at least 0")
    if not bool((weights > 0).any()):
        raise ValueError("weights must have a positive sum; all of them are 0")
    return weights
