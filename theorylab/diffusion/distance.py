r"""Distance, its gradient, and the smoothed distance.

For a closed set K and a point ``x`` with one nearest point ``p = proj_K(x)`` (Federer 1959,
Thm 4.8):

    grad (1/2) dist_K(x)^2 = x - p,          grad dist_K(x) = (x - p)/dist_K(x)   (x not in K).

For a finite set with weights ``w_i`` the smoothed squared distance is

    dist_K^2(x, sigma) = -2 sigma^2 log sum_i w_i exp(-|x - x_i|^2 / (2 sigma^2)),

so that ``grad (1/2) dist_K^2(x, sigma) = sigma eps*(x, sigma) = x - D(x, sigma)`` with D the ideal
denoiser for those weights, and ``dist_K^2(x, sigma) -> dist_K(x)^2`` as sigma -> 0.
"""

import math

import torch
from torch import Tensor

from theorylab.diffusion.denoisers import Sigma, expand_sigma


def half_squared_distance_gradient(x: Tensor, projection: Tensor) -> Tensor:
    """``grad (1/2) dist_K^2 = x - proj_K(x)``, shape of ``x``; 0 on K."""
    return x - projection


def distance_gradient(x: Tensor, projection: Tensor) -> Tensor:
    """``grad dist_K = (x - proj_K(x))/dist_K(x)``: unit vectors, shape of ``x (batch, *event)``.

    Raises ``ValueError`` where ``x`` lies on K: the distance has no gradient there.
    """
    offset = x - projection
    length = offset.flatten(1).norm(dim=1).reshape(-1, *(1,) * (x.ndim - 1))
    if not bool((length > 0).all()):
        count = int((length == 0).sum())
        raise ValueError(f"{count} of {len(x)} points lie on the set, where dist has no gradient")
    return offset / length


def smoothed_distance_squared(
    x: Tensor, points: Tensor, sigma: Sigma, weights: Tensor | None = None
) -> Tensor:
    r"""``-2 sigma^2 log sum_i w_i exp(-|x - x_i|^2/(2 sigma^2))``, ``(batch,)``.

    ``x (batch, *event)``, ``points (m, *event)``, ``weights (m,)`` positive, used as they are: 1
    each by default (the sum over the set, between ``dist^2 - 2 sigma^2 log m`` and ``dist^2``);
    ``1/m`` each gives the mean, which is at least ``dist^2``. Differentiable in ``x`` twice.
    Permenter & Yuan 2024 (arXiv 2306.04848), smoothed distance, with the square and the factor 2
    that its gradient identity needs.

    The definition, for small sets: it forms ``batch x m x event``. The smallest exponent is taken
    out before the sum, so the value tends to ``dist^2`` without rounding as sigma -> 0.
    """
    if x.shape[1:] != points.shape[1:] or len(points) == 0:
        raise ValueError(
            f"points must have shape (m, {', '.join(map(str, x.shape[1:]))}) with m >= 1, "
            f"got {tuple(points.shape)}"
        )
    squared = (x.flatten(1)[:, None] - points.flatten(1)[None]).square().sum(-1)
    nearest = squared.amin(1)
    variance = expand_sigma(sigma, x, allow_zero=False).reshape(-1).square()
    terms = torch.exp((nearest[:, None] - squared) / (2 * variance[:, None]))
    if weights is not None:
        if weights.shape != (len(points),) or not bool((weights > 0).all()):
            raise ValueError(f"weights must be {len(points)} positive numbers, got {weights}")
        terms = terms * weights
    return nearest - 2 * variance * terms.sum(1).log()


def smoothed_distance_squared_from_log_density(
    log_density: Tensor, sigma: Sigma, ambient_dim: int
) -> Tensor:
    r"""``-2 sigma^2 (log p_sigma(x) + (n/2) log(2 pi sigma^2))``, ``(batch,)``, for any law.

    ``log_density (batch,)`` is ``log p_sigma`` of ``x0 + sigma * noise`` in ``n = ambient_dim``
    dimensions. For a finite set with probabilities ``w_i`` it is
    :func:`smoothed_distance_squared` with those weights.
    """
    levels = sigma.reshape(-1) if isinstance(sigma, Tensor) else sigma
    variance = expand_sigma(levels, log_density, allow_zero=False).square()
    constant = ambient_dim / 2 * torch.log(2 * math.pi * variance)
    return -2 * variance * (log_density + constant)
