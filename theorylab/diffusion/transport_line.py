r"""Wasserstein-2 distances on the line, where the monotone coupling is optimal:

    W2(mu, nu)^2 = int_0^1 (Q_mu(u) - Q_nu(u))^2 du,   Q the quantile functions.

Source: C. Villani, "Topics in optimal transportation" (2003), theorem 2.18 and remark 2.19.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike

__all__ = ["Quadrature", "discrete_w2_1d", "law_weights", "w2_1d", "w2_squared_from_quantiles"]


class Quadrature(NamedTuple):
    """An integral and an estimate of its absolute error (truncation, discretisation, rounding)."""

    value: float
    error: float


def w2_1d(x: ArrayLike, y: ArrayLike) -> float:
    """W2 between two samples of one size on the line: the root mean square of sorted differences.

    Raises ValueError unless both have shape `(n,)` with one n, and are finite.
    """
    x, y = _on_the_line(x, "x"), _on_the_line(y, "y")
    if x.shape != y.shape:
        raise ValueError(
            f"w2_1d pairs samples of one size; got {len(x)} and {len(y)}. "
            "discrete_w2_1d(x, None, y, None) takes any sizes."
        )
    # numpy's sort is several times faster than torch's
    return float(np.linalg.norm(np.sort(x) - np.sort(y)) / math.sqrt(len(x)))


def discrete_w2_1d(x: ArrayLike, a: ArrayLike | None, y: ArrayLike, b: ArrayLike | None) -> float:
    """W2 between sum_i a_i delta_{x_i} and sum_j b_j delta_{y_j} on the line, exact for any sizes.

    The quantile functions are steps: their squared difference is summed over the common refinement
    of both sets of cumulative weights, in O((n + m) log(n + m)). Weights of None are uniform. Given
    weights are what they are in float64: mass misplaced by their rounding, of the order 1e-16,
    counts, so that W2^2 (not W2) is good to 1e-16 of the squared diameter.

    Raises ValueError for points not of shape `(n,)` or not finite, and for weights that are
    negative, of another length, or do not sum to 1 within 1e-9 (the rest is divided out).
    """
    x, y = _on_the_line(x, "x"), _on_the_line(y, "y")
    if a is None and b is None:
        # In units of 1/(n m) the steps of both laws are integers: no sliver from 1/3 != 1/6 + 1/6.
        up, down = np.arange(1, len(x) + 1) * len(y), np.arange(1, len(y) + 1) * len(x)
        x, y, unit = np.sort(x), np.sort(y), len(x) * len(y)
    else:
        x, up = _steps(x, law_weights(a, len(x), "a"))
        y, down = _steps(y, law_weights(b, len(y), "b"))
        unit = 1
    ends = np.union1d(up, down)
    # On the interval that ends at e, a quantile function is the first point that reaches e.
    gaps = x[np.searchsorted(up, ends)] - y[np.searchsorted(down, ends)]
    widths = np.diff(ends, prepend=ends.dtype.type(0))
    return math.sqrt(math.fsum(widths * gaps**2) / unit)


def _steps(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted points and the probability reached at each, the last exactly 1."""
    order = np.argsort(points)
    # Extended precision where there is one: a cumulative weight that is off is a misplaced sliver.
    reached = np.cumsum(weights[order], dtype=np.longdouble)
    return points[order], reached / reached[-1]


def law_weights(weights: ArrayLike | None, count: int, name: str) -> np.ndarray:
    """Weights as float64 `(count,)` with sum 1; None is uniform. Raises ValueError otherwise."""
    if weights is None:
        return np.full(count, 1 / count)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (count,):
        raise ValueError(f"{name} must have shape ({count},), one per point; got {weights.shape}")
    total = math.fsum(weights)
    # Written so that NaN fails too.
    if not ((weights >= 0).all() and abs(total - 1) <= 1e-9):
        raise ValueError(
            f"{name} must be weights >= 0 with sum 1 (within 1e-9); they sum to {total}"
        )
    return weights / total


# Normal scores +-8.1 are the last whose probability a float64 below 1 can name: beyond lie 6e-16.
_REACH, _LEFT_OUT = 8.1, 2.8e-16


def _clenshaw_curtis(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n + 1 nodes cos(pi k / n) on [-1, 1], ends included, and their weights."""
    nodes = np.cos(np.pi * np.arange(n, -1, -1) / n)
    moments = [0.0 if k % 2 else 2 / (1 - k * k) for k in range(n + 1)]
    return nodes, np.linalg.solve(np.polynomial.chebyshev.chebvander(nodes, n).T, moments)


# Every second node of the 17-point rule makes the 9-point rule. For one jump, wherever it lies, the
# fine rule's error is at most 1.37 times their difference; Gauss rules, which leave the panel's
# ends out, both miss a jump beyond their last nodes, and agree.
_NODES, _FINE = _clenshaw_curtis(16)
_COARSE, _COARSEST = _clenshaw_curtis(8)[1], _clenshaw_curtis(4)[1]
_MAX_PANELS = 20_000
# How far from a given jump a panel stops: far enough that rounding cannot carry the probability
# across, while the mass left out, 1e-12 of the density there, is below what is asked for.
_ASIDE = 1e-12


def w2_squared_from_quantiles(
    quantile1: Callable[[torch.Tensor], torch.Tensor],
    quantile2: Callable[[torch.Tensor], torch.Tensor],
    rtol: float = 1e-10,
    jumps: ArrayLike = (),
) -> Quadrature:
    r"""W2^2 between two laws on the line, by adaptive quadrature of their quantile functions.

        W2^2 = int_0^1 (Q1(u) - Q2(u))^2 du = int (Q1 - Q2)^2(Phi(t)) phi(t) dt.

    A quantile function takes probabilities in (0, 1), a float64 tensor `(n,)`, and returns n
    values: `GaussianMixture.quantile`, or a step function. In the normal score t the integrand of a
    normal mixture is smooth and its tails are polynomial. Panels of 17 Clenshaw-Curtis
    nodes are cut in four where the 9-point rule disagrees, until the sum of disagreements is below
    rtol W2^2. As both functions are monotone, nothing large can hide between two nodes. Where a
    function is a step function, give the probabilities at which it jumps: panels then end there,
    and a law of k points costs k + 1 smooth pieces instead of a search for k jumps.

    The error returned adds to that sum what float64 does: values good to 4 ulp, probabilities to
    half an ulp (so a difference carried by mass m above the median has relative error 1e-16/m), and
    the probability 6e-16 left out. Equal laws give 0 within rounding.

    Raises ValueError for quantile functions that return NaN, infinity or another shape,
    RuntimeError when rtol is not reached.
    """
    if not 0 < rtol < 1:
        raise ValueError(f"rtol must lie between 0 and 1; got {rtol}")
    panels = _panels(quantile1, quantile2, *_first_panels(np.asarray(jumps, dtype=np.float64)))
    while True:
        value = math.fsum(panels.integral)
        rounding = _rounding(panels)
        disagreement = math.fsum(panels.error)
        allowed = max(rtol * value, rounding)
        if disagreement <= allowed:
            return Quadrature(value, float(disagreement + rounding))
        # Those left whole are at most half of what is allowed, together.
        split = panels.error > allowed / (2 * len(panels.error))
        cuts = np.linspace(panels.low[split], panels.high[split], 5)
        if len(panels.low) > _MAX_PANELS or not (np.diff(cuts, axis=0) > 0).all():
            raise RuntimeError(
                f"W2^2 = {value:.6g} was reached within a factor 1 +- {disagreement / value:.2g}, "
                f"not {rtol:g}: the quantile functions may be noisy; ask for a larger rtol"
            )
        fresh = _panels(quantile1, quantile2, cuts[:-1].flatten(), cuts[1:].flatten())
        columns = [np.concatenate([o[~split], n]) for o, n in zip(panels, fresh, strict=True)]
        order = np.argsort(columns[0])
        panels = _Panels(*(column[order] for column in columns))


def _first_panels(jumps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the panels to begin with; beside a jump they stop short, each on its own side."""
    if jumps.ndim != 1 or not ((jumps > 0) & (jumps < 1)).all():
        raise ValueError("jumps must be probabilities strictly between 0 and 1, of shape (k,)")
    scores = torch.special.ndtri(torch.from_numpy(np.unique(jumps))).numpy()
    scores = scores[np.abs(scores) < _REACH]
    regular = np.linspace(-_REACH, _REACH, 33)
    regular = regular[(np.abs(regular[:, None] - scores) > 2 * _ASIDE).all(1)]
    low = np.sort(np.concatenate([regular[:-1], scores + _ASIDE]))
    high = np.sort(np.concatenate([regular[1:], scores - _ASIDE]))
    return low, high


class _Panels(NamedTuple):
    """Panels of the normal score, in increasing order, with what the quadrature knows of each."""

    low: np.ndarray
    high: np.ndarray
    integral: np.ndarray
    error: np.ndarray  # estimated from rules of 17, 9 and 5 nodes
    noise: np.ndarray  # what an error of 4 ulp in both quantiles does to the integral
    squared: np.ndarray  # (Q1 - Q2)^2 at the nodes, (panels, 17)


def _panels(
    quantile1: Callable[[torch.Tensor], torch.Tensor],
    quantile2: Callable[[torch.Tensor], torch.Tensor],
    low: np.ndarray,
    high: np.ndarray,
) -> _Panels:
    half = (high - low)[:, None] / 2
    scores = torch.from_numpy((low + high)[:, None] / 2 + half * _NODES)
    u = torch.special.ndtr(scores).flatten()
    first, second = (
        _values(quantile, u, name).reshape(scores.shape)
        for quantile, name in ((quantile1, "quantile1"), (quantile2, "quantile2"))
    )
    gap = first - second
    density = half * torch.exp(-scores.square() / 2).numpy() / math.sqrt(2 * math.pi)
    slack = 4 * np.finfo(np.float64).eps * (np.abs(first) + np.abs(second))
    squared = gap**2
    integrand = density * squared
    fine, coarse, coarsest = (
        integrand[:, ::step] @ rule for step, rule in ((1, _FINE), (2, _COARSE), (4, _COARSEST))
    )
    # The two finest rules agree by accident where the integrand is not smooth (a jump, or the
    # logarithmic pole where a gap parts two modes). So their difference is weighed against the
    # integrand's mean deviation on the panel, as in QUADPACK, and must be about as small as the
    # step before foretells: on smooth panels differences square from rule to rule.
    mean = fine / (density @ _FINE)
    deviation = (density * np.abs(squared - mean[:, None])) @ _FINE
    scale = np.where(deviation > 0, deviation, 1.0)
    last, before = np.abs(fine - coarse) / scale, np.abs(coarse - coarsest) / scale
    doubt = np.minimum(1, (200 * np.maximum(last, 10 * before**2)) ** 1.5)
    error = scale * np.maximum(2 * last, doubt)
    noise = (density * (2 * np.abs(gap) + slack) * slack) @ _FINE
    return _Panels(low, high, fine, error, noise, squared)


def _values(
    quantile: Callable[[torch.Tensor], torch.Tensor], u: torch.Tensor, name: str
) -> np.ndarray:
    values = np.asarray(quantile(u), dtype=np.float64)
    if values.shape != tuple(u.shape):
        raise ValueError(f"{name} must return shape {tuple(u.shape)}; got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} returned a value that is not finite, for a probability in (0, 1)")
    return values


def _rounding(panels: _Panels) -> float:
    squared = panels.squared.flatten()
    # Moving every probability by half an ulp of 1 moves the integral by at most that times the
    # total variation; the tails beyond the last node are guessed from the last value, four times.
    moved = 2.0**-53 * np.abs(np.diff(squared)).sum()
    return math.fsum(panels.noise) + moved + 4 * _LEFT_OUT * max(squared[0], squared[-1])


def _on_the_line(points: ArrayLike, name: str) -> np.ndarray:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 1 or points.size == 0 or not np.isfinite(points).all():
        raise ValueError(f"{name} must be finite numbers of shape (n,); got shape {points.shape}")
    return points
