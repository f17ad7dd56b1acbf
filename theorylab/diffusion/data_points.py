"""A finite data set as the streaming kernels see it: chunks about a centre, exact single points."""

from __future__ import annotations

import torch
from torch import Tensor

FLOATS = (torch.float32, torch.float64)


class DataPoints:
    r"""N points of :math:`\mathbb R^d`, held in the type they came in.

    uint8 data stand for :math:`x = u/127.5 - 1 \in [-1, 1]` and stay at one byte a number.
    Points of weight 0 are left out of the set. Besides the data it holds 16 bytes a point
    (24 with weights).

    dim: d. event: the shape of one point, d its size. centre: (d,) float64, the mean of the points;
    half_square, norm: (N,) float64, :math:`|x_i - c|^2/2` and :math:`|x_i - c|`.
    log_weight: (N,) float64 or None where all weights are 1. original: (N,) the rows' places in
    the data given, or None where no point was left out.
    """

    def __init__(self, data: Tensor, weights: Tensor | None = None):
        if data.dtype not in (*FLOATS, torch.uint8):
            raise TypeError(f"data must be float32, float64 or uint8; got {data.dtype}")
        if data.dim() < 2 or data.numel() == 0:
            raise ValueError(
                "data must be (N, *event) with at least one point and one number a point; "
                f"got shape {tuple(data.shape)}"
            )
        self.event = data.shape[1:]
        self.original = self.log_weight = None
        if weights is not None:
            weights = _checked_weights(weights, len(data))
            if not bool((weights > 0).all()):
                self.original = weights.nonzero().squeeze(1)
                data, weights = data[self.original], weights[self.original]
            self.log_weight = weights.log()
        self.raw = data.detach().reshape(len(data), -1)
        self.dim = self.raw.shape[1]
        self.centre = torch.zeros(self.dim, dtype=torch.float64)
        total = sum(self.centred(rows, torch.float64).sum(0) for rows in self.chunks(4096))
        if not bool(total.isfinite().all()):
            raise ValueError("data hold NaN or infinite numbers, or overflow when summed")
        self.centre = total / len(self)
        squares = [self.centred(r, torch.float64).square().sum(1) for r in self.chunks(4096)]
        self.half_square = torch.cat(squares) / 2
        self.norm = (2 * self.half_square).sqrt()

    def __len__(self) -> int:
        return len(self.raw)

    def chunks(self, size: int) -> list[slice]:
        """Consecutive slices of at most ``size`` rows, covering all."""
        return [slice(a, min(a + size, len(self))) for a in range(0, len(self), size)]

    def centred(self, rows: slice, dtype: torch.dtype) -> Tensor:
        """x_i - c for a slice of rows, subtracted in float64, then rounded to ``dtype``."""
        return (self._values(self.raw[rows]) - self.centre).to(dtype)

    def take(self, index: Tensor) -> Tensor:
        """The points x_i themselves, (len(index), d) float64."""
        return self._values(self.raw[index])

    def _values(self, raw: Tensor) -> Tensor:
        if raw.dtype == torch.uint8:
            return raw.double() / 127.5 - 1
        return raw.double()


def _checked_weights(weights: Tensor, n: int) -> Tensor:
    weights = torch.as_tensor(weights, dtype=torch.float64)
    if weights.shape != (n,):
        raise ValueError(f"weights must be one number a point, shape ({n},); got {weights.shape}")
    if not bool(weights.isfinite().all()) or bool((weights < 0).any()):
        raise ValueError("weights must be finite and at least 0")
    if not bool((weights > 0).any()):
        raise ValueError("weights must have a positive sum; all of them are 0")
    return weights
