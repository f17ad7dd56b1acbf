r"""Distribution function and quantiles of a mixture of normals on the line.

$F(x) = \sum_i w_i\, \Phi((x - m_i) / s_i)$, where a component with $s_i = 0$ is a point: a step,
continuous from the right. Weights, means and stds have shape (k,), float64.
"""

import math

import torch
from torch import Tensor


def cdf(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """F(x), of the shape of x."""
    flat = x.reshape(-1)
    return _log_tail(_standard(flat, means, stds), weights.log()).exp().reshape(x.shape)


def quantile(p: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """The least x with F(x) >= p, of the shape of p, as exact as the rounding of F allows.

    The quantile of points is looked up. That of a mixture lies between the least and the greatest
    of its components' quantiles; the bracket is closed by Newton's method on the logarithm of the
    smaller tail, and halved wherever Newton's step would leave it or is not half as long as the
    step before.

    Raises:
        ValueError: p outside (0, 1).
    """
    if not bool(((p > 0) & (p < 1)).all()):
        raise ValueError("p: allowed are probabilities strictly between 0 and 1")
    live = weights > 0
    weights, means, stds = weights[live], means[live], stds[live]
    if not bool(stds.any()):
        return _quantile_of_points(p, weights, means)
    log_weights = weights.log()
    # Logarithm of each component's density at its mean; a point has none.
    heights = log_weights - (stds * math.sqrt(2 * math.pi)).log()
    heights = torch.where(stds > 0, heights, -torch.inf)[:, None]
    shape, p = p.shape, p.reshape(-1)
    result, todo = torch.empty_like(p), torch.arange(len(p), device=p.device)
    ends = means[:, None] + stds[:, None] * torch.special.ndtri(p)
    low, high = ends.amin(0), ends.amax(0)
    # Solve for whichever tail is smaller: a probability near 1 has no digits left to solve with.
    sign = torch.where(p <= 0.5, 1.0, -1.0).to(p)
    target = torch.where(p <= 0.5, p.log(), (-p).log1p())
    eps = torch.finfo(p.dtype).eps
    # Where the quantile is 0 a relative resolution would never be reached.
    floor = eps**2 * torch.maximum(low.abs(), high.abs())
    x, step = (low + high) / 2, high - low
    while len(todo):
        standard = _standard(x, means, stds)
        tail = _log_tail(sign * standard, log_weights)
        slope = (heights - standard.square() / 2 - tail).exp().sum(0)
        excess = sign * (tail - target)  # increasing in x
        below = excess < 0
        low, high = torch.where(below, x, low), torch.where(below, high, x)
        newton = -excess / slope
        # On a flat part, where F >= p begins further left than here, only the bracket decides.
        solved = (excess.abs() <= 2 * eps * (1 - target)) & (slope > 0)
        # A step that x cannot resolve: the bracket would take fifty halvings to say the same.
        solved |= newton.abs() <= eps * x.abs()
        closed = high - low <= eps * x.abs() + floor
        result[todo] = torch.where(solved, x, high)
        safe = (x + newton > low) & (x + newton < high) & (2 * newton.abs() <= step.abs())
        step = torch.where(safe, newton, (low + high) / 2 - x)
        x = torch.where(safe, x + newton, (low + high) / 2)
        left = (~(solved | closed)).nonzero()[:, 0]
        if len(left) < len(todo):
            todo, low, high, x, step, sign, target, floor = (
                state[left] for state in (todo, low, high, x, step, sign, target, floor)
            )
    return result.reshape(shape)


def _quantile_of_points(p: Tensor, weights: Tensor, means: Tensor) -> Tensor:
    points, order = means.sort()
    reached = weights[order].cumsum(0)
    # The sum of all the weights may fall short of 1 by rounding.
    return points[torch.searchsorted(reached, p.contiguous()).clamp_max(len(points) - 1)]


def _standard(x: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """(x - m_i) / s_i, (k, n): a point is infinitely far below what lies at or above it."""
    standard = (x - means[:, None]) / stds[:, None]
    return standard.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-torch.inf)


def _log_tail(standard: Tensor, log_weights: Tensor) -> Tensor:
    """log P(X <= x), (n,), from the standardised x, or log P(X > x) from their negatives."""
    return (log_weights[:, None] + torch.special.log_ndtr(standard)).logsumexp(0)
