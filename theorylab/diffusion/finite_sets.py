r"""A finite set held in blocks, for oracles: plain sums over float64 differences, nothing screened.

It shares no step with the streaming denoiser of ``ideal.py`` or the projection of
``point_cloud.py``, which it is there to judge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

BLOCK = 4096  # points at a time: 25 MB of float64 for images of 784 pixels


class FiniteSet:
    """The set ``{x_1, ..., x_m}`` of ``R^d`` with the uniform law on it.

    points: ``(m, d)``, float64, or uint8 standing for ``u/127.5 - 1``, as in the ideal denoiser.
    mean: ``(d,)``. spread: root of the trace of the covariance.

    Raises ``ValueError`` unless the points are a non-empty matrix of one of these types.
    """

    def __init__(self, points: torch.Tensor):
        if points.ndim != 2 or not len(points):
            raise ValueError(f"points must be (m, d) with m >= 1, got {tuple(points.shape)}")
        if points.dtype not in (torch.float64, torch.uint8):
            raise ValueError(f"points must be float64 or uint8, got {points.dtype}")
        self.points = points
        self.mean = sum(block.sum(0) for block in self.blocks()) / len(points)
        squares = sum(((block - self.mean) ** 2).sum() for block in self.blocks())
        self.spread = math.sqrt(squares / len(points))

    def blocks(self) -> Iterator[np.ndarray]:
        """All points in order, float64, ``BLOCK`` at a time."""
        return (_values(rows) for rows in self.points.split(BLOCK))

    def take(self, index) -> np.ndarray:
        """The points of these indices, ``(len(index), d)``."""
        return _values(self.points[torch.as_tensor(index)])

    def noisy(self, sigma: float, count: int, rng: np.random.Generator) -> NoisyPoints:
        """``count`` draws of ``x_0``, uniform on the set, and ``x_0 + sigma * noise``."""
        start = self.take(rng.integers(len(self.points), size=count))
        return NoisyPoints(start, start + sigma * rng.standard_normal(start.shape))

    def squared_distances(self, x: np.ndarray) -> np.ndarray:
        """``|x - x_i|^2`` as sums of squared differences, ``(len(x), m)``."""
        columns = [np.stack([((block - q) ** 2).sum(1) for q in x]) for block in self.blocks()]
        return np.concatenate(columns, axis=1)

    def project(self, directions: np.ndarray) -> np.ndarray:
        """``<x_i, u>`` for the rows u of ``directions (k, d)``; ``(k, m)``."""
        return np.concatenate([block @ directions.T for block in self.blocks()]).T

    def average(self, weights: np.ndarray) -> np.ndarray:
        """``sum_i weights_i x_i`` for rows of weights ``(k, m)``; ``(k, d)``."""
        starts = range(0, len(self.points), BLOCK)
        return sum(
            weights[:, a : a + BLOCK] @ block
            for a, block in zip(starts, self.blocks(), strict=True)
        )

    def neighbours(self, count: int, rng: np.random.Generator) -> Neighbours:
        """``count`` random points of the set, each with its nearest other point, ``(count, d)``.

        A point that occurs twice has none and is left out; where fewer points are left than
        wanted, they come again.
        """
        index = rng.permutation(len(self.points))[:count]
        first = self.take(index)
        squared = self.squared_distances(first)
        squared[np.arange(len(index)), index] = np.inf
        alone = np.flatnonzero(squared.min(1) > 0)
        rows = alone[np.arange(count) % len(alone)]
        return Neighbours(first[rows], self.take(squared[rows].argmin(1)))


class NoisyPoints(NamedTuple):
    """Points of a set and their noisy copies, each ``(count, d)``."""

    clean: np.ndarray
    noisy: np.ndarray


class Neighbours(NamedTuple):
    """Points of a set and the nearest other point of each, ``(count, d)``."""

    first: np.ndarray
    second: np.ndarray


def _values(rows: torch.Tensor) -> np.ndarray:
    values = rows.double()
    return (values / 127.5 - 1 if rows.dtype == torch.uint8 else values).numpy()
