r"""Distribution function and quantiles of a mixture of normals on the line.

$F(x) = \sum_i w_i\, \Phi((x - m_i) / s_i)$, where a component with $s_i = 0$ is a point: a step,
continuous from the right. Weights, means and stds have shape (k,), float64.
"""

import math

import torch
from torch import Tensor


def cdf(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """F(x), of the shape of x."""
    return _log_tail(x, weights.log(), means, stds, torch.ones_like(x)).exp()


def quantile(p: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """The least x with F(x) >= p, of the shape of p, as exact as the rounding of F allows.

    The quantile of a mixture lies between the least and the greatest of its components' quantiles.
    That bracket is closed by Newton's method on the logarithm of the smaller tail, and halved
    wherever Newton's step would leave it or is not half as long as the step before.

    Raises:
        ValueError: p outside (0, 1).
    """
    if not bool(((p > 0) & (p < 1)).all()):
        raise ValueError("p: allowed are probabilities strictly between 0 and 1")
    live = weights > 0
    mixture = weights[live].log(), means[live], stds[live]
    shape, p = p.shape, p.reshape(-1)
    result, todo = torch.empty_like(p), torch.arange(len(p), device=p.device)
    ends = mixture[1] + mixture[2] * torch.special.ndtri(p)[:, None]
    low, high = ends.amin(1), ends.amax(1)
    # Solve for whichever tail is smaller: a probability near 1 has no digits left to solve with.
    sign = torch.where(p <= 0.5, 1.0, -1.0).to(p)
    target = torch.where(p <= 0.5, p.log(), (-p).log1p())
    eps = torch.finfo(p.dtype).eps
    # Where the quantile is 0 a relative resolution would never be reached.
    floor = eps**2 * torch.maximum(low.abs(), high.abs())
    x, step = (low + high) / 2, high - low
    while len(todo):
        tail = _log_tail(x, *mixture, sign)
        slope = (_log_density(x, *mixture) - tail).exp()
        excess = sign * (tail - target)  # increasing in x
        low, high = torch.where(excess < 0, x, low), torch.where(excess >= 0, x, high)
        # On a flat part, where F >= p begins further left than here, only the bracket decides.
        solved = (excess.abs() <= eps * (1 - target)) & (slope > 0)
        closed = high - low <= eps * x.abs() + floor
        result[todo] = torch.where(solved, x, high)
        newton = -excess / slope
        safe = (x + newton > low) & (x + newton < high) & (2 * newton.abs() <= step.abs())
        step = torch.where(safe, newton, (low + high) / 2 - x)
        x = torch.where(safe, x + newton, (low + high) / 2)
        left = ~(solved | closed)
        todo, low, high, x, step, sign, target, floor = (
            state[left] for state in (todo, low, high, x, step, sign, target, floor)
        )
    return result.reshape(shape)


def _log_tail(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor, sign: Tensor) -> Tensor:
    """log P(X <= x) where sign is 1, log P(X > x) where it is -1."""
    offset = x[..., None] - means
    # A point is infinitely far below what lies at or above it, and infinitely far above the rest.
    from_points = torch.where(offset >= 0, torch.inf, -torch.inf).to(x)
    standard = torch.where(stds > 0, offset / stds, from_points)
    return (log_weights + torch.special.log_ndtr(sign[..., None] * standard)).logsumexp(-1)


def _log_density(x: Tensor, log_weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """Logarithm of the density of those components that have one."""
    standard = (x[..., None] - means) / stds
    terms = log_weights - standard.square() / 2 - (stds * math.sqrt(2 * math.pi)).log()
    return torch.where(stds > 0, terms, -torch.inf).logsumexp(-1)
