r"""The farthest pair of a finite set, whether it is an exposed edge, and what follows far away.

Let :math:`D = |x_i - x_j|` be the diameter of a finite set with integer coordinates. If a direction
u has :math:`\langle u, x_i\rangle = \langle u, x_j\rangle > \langle u, x_k\rangle` for all other k,
the pair is an exposed edge of the convex hull, and along :math:`y_t = (x_i+x_j)/2 + tu` the
posterior under noise of any variance v tends to the pair with its prior weights made equal by the
tie: its largest covariance eigenvalue tends to :math:`D^2/4`, which no posterior exceeds
(Popoviciu). The blurred law is then log-concave exactly from :math:`v = D^2/4` on.

Everything here is exact: integers, and balls of python-flint where an exponential is needed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from flint import arb, fmpq
from scipy.optimize import linprog
from torch import Tensor

_BLOCK = 2048
_CUTS = 300  # constraints added in one round
_SCALE = 2**14  # a direction is rounded to multiples of 1 / _SCALE


class Pair(NamedTuple):
    """Indices first < second and their squared distance, an exact integer."""

    first: int
    second: int
    squared_distance: int


class ExposedEdge(NamedTuple):
    r"""direction: (d,) integers as Python ints; gaps: for every point k the exact integer
    :math:`\langle u, x_i - x_k\rangle`, 0 for the pair alone and positive for all others."""

    direction: list[int]
    gaps: list[int]


def farthest_pair(points: Tensor) -> Pair:
    """The farthest two points of a set of integer points, exactly; of several the first found.

    Points are sorted by their distance r to the mean, and a pair with r_i + r_j below the best
    distance so far is never formed. Products of integers in float64 are exact below 2^53.

    Args:
        points: (m, d), integers with d max|x|^2 < 2^51.

    Raises:
        ValueError: fewer than two points, not integers, or too large to be exact.
    """
    rows = _integers(points).to(torch.float64)
    centred = rows - rows.mean(0)
    radius = centred.norm(dim=1)
    order = radius.argsort(descending=True, stable=True)
    rows, radius = rows[order], radius[order] * (1 + 1e-9)  # above their rounding
    squares = rows.square().sum(1)
    best, pair = -1.0, (0, 1)

    def improve(a: slice, b: slice) -> None:
        nonlocal best, pair
        between = squares[a, None] + squares[b] - 2 * rows[a] @ rows[b].T
        at = int(between.argmax())
        if float(between.flatten()[at]) > best:
            best = float(between.flatten()[at])
            pair = (a.start + at // between.shape[1], b.start + at % between.shape[1])

    # A few sweeps to the farthest point give a good distance to prune with.
    improve(slice(0, 1), slice(0, len(rows)))
    for _ in range(4):
        improve(slice(pair[1], pair[1] + 1), slice(0, len(rows)))
        pair = pair[::-1]
    for start in range(0, len(rows), _BLOCK):
        reach = best**0.5
        if 2 * float(radius[start]) < reach:
            break
        partners = int((radius + radius[start] >= reach).sum())
        for other in range(start, partners, _BLOCK):
            improve(slice(start, start + _BLOCK), slice(other, min(other + _BLOCK, partners)))
    first, second = sorted(int(order[i]) for i in pair)
    return Pair(first, second, int(best))


def exposed_edge(points: Tensor, pair: Pair) -> ExposedEdge | None:
    """An integer direction that exposes the pair as an edge of the convex hull; None if not found.

    A linear program (the direction of largest gap, |u|_inf <= 1, with constraints added where the
    last direction violates them) proposes u; it is rounded, made exactly orthogonal to
    e = x_i - x_j by ``|e|^2 u - <u, e> e``, and verified in integers against every point. None
    means that no direction was found within the rounding, not that there is none.

    Raises:
        ValueError: as :func:`farthest_pair`.
    """
    rows = _integers(points)
    floats = rows.to(torch.float64).numpy()
    i, j = pair.first, pair.second
    edge, size = floats[i] - floats[j], float(np.abs(floats).max())
    middle = (floats[i] + floats[j]) / 2 - floats.mean(0)
    u, active = middle - edge * (middle @ edge) / (edge @ edge), np.zeros(0, dtype=int)
    while True:
        gaps = (floats[i] - floats) @ u
        gaps[[i, j]] = np.inf
        found = _verified(rows, pair, u / (np.abs(u).max() or 1.0))
        if found is not None:
            return found
        worst = np.argsort(gaps, kind="stable")[:_CUTS]
        grown = np.union1d(active, worst)
        if grown.size == active.size:
            return None
        active = grown
        inequalities = np.column_stack([(floats[active] - floats[i]) / size, np.ones(len(active))])
        program = linprog(
            np.append(np.zeros(len(edge)), -1.0),
            A_ub=inequalities,
            b_ub=np.zeros(len(active)),
            A_eq=np.append(edge / size, 0.0)[None],
            b_eq=[0.0],
            bounds=[(-1, 1)] * len(edge) + [(0, None)],
        )
        if program.status != 0 or program.x[-1] <= 0:
            return None
        u = program.x[:-1]


def edge_curvature(
    points: Tensor, pair: Pair, edge: ExposedEdge, v: fmpq, deficit: int = 60
) -> tuple[arb, Tensor]:
    r""":math:`v\,e^\top\nabla^2\log q(y_t)\,e/|e|^2` enclosed by a ball, far along the direction.

    With uniform weights and noise of variance v (in the points' units), at the first
    :math:`y_t = (x_i+x_j)/2 + tu` at which every other point has lost ``deficit`` in log weight.
    Positive: the blurred law is not log-concave, with :math:`y_t` as witness.

    Returns:
        the ball, at flint's precision, and :math:`y_t` (d,) rounded to float64.
    """
    rows = _integers(points)
    i, j = pair.first, pair.second
    sums = rows[i] + rows[j]
    # 8 v times the log weight at the midpoint, up to a constant; exact integers.
    fours = (sums - 2 * rows).square().sum(1).tolist()
    along = (rows @ (rows[i] - rows[j])).tolist()
    need = [
        (deficit * v + fmpq(fours[i] - fours[k], 8)) / gap
        for k, gap in enumerate(edge.gaps)
        if gap > 0
    ]
    t = max([*need, fmpq(0)])
    total = first = second = arb(0)
    for k, gap in enumerate(edge.gaps):
        weight = (arb(fmpq(fours[i] - fours[k], 8) - t * gap) / v).exp()
        offset = along[k] - along[i]
        total += weight
        first += weight * offset
        second += weight * offset**2
    mean = first / total
    variance = second / total - mean * mean  # flint's power of a ball across 0 is NaN
    step = torch.tensor([float(t * c) for c in map(fmpq, edge.direction)], dtype=torch.float64)
    return variance / (v * pair.squared_distance) - 1, sums / 2 + step


def _verified(rows: Tensor, pair: Pair, u: np.ndarray) -> ExposedEdge | None:
    whole = torch.from_numpy(np.rint(u * _SCALE)).to(torch.int64)
    edge = rows[pair.first] - rows[pair.second]
    square, slope = int(edge @ edge), int(whole @ edge)
    # <|e|^2 u - <u, e> e, x>, put together in Python's integers, which do not overflow.
    heights = [
        square * a - slope * b
        for a, b in zip((rows @ whole).tolist(), (rows @ edge).tolist(), strict=True)
    ]
    gaps = [heights[pair.first] - h for h in heights]
    if any(g <= 0 for k, g in enumerate(gaps) if k not in pair[:2]):
        return None
    direction = [square * a - slope * b for a, b in zip(whole.tolist(), edge.tolist(), strict=True)]
    return ExposedEdge(direction, gaps)


def _integers(points: Tensor) -> Tensor:
    if points.dim() != 2 or len(points) < 2:
        raise ValueError(f"points: got shape {tuple(points.shape)}, allowed: (m, d) with m >= 2")
    if points.is_floating_point() or points.is_complex() or points.dtype == torch.bool:
        raise ValueError(f"points: got dtype {points.dtype}, allowed: integers, to be exact")
    rows = points.to(torch.int64)
    largest = int(rows.abs().max())
    if rows.shape[1] * largest**2 >= 2**51:
        raise ValueError(f"points: entries up to {largest} are too large for exact distances")
    return rows
