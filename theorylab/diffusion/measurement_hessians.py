r"""Hessians of the laws of one and of several Gaussian measurements, and when they are negative.

With :math:`Y_i = X + \sigma N_i`, :math:`i = 1, \dots, m`, the measurements enter through their
mean :math:`\bar y`, which is X under noise of level :math:`\sigma/\sqrt m` (Saremi, Park & Bach
2024, "Chain of log-concave Markov chains", arXiv 2305.19473):

.. math:: \nabla^2_{y_m}\log p(y_m \mid y_{1:m-1})
     = -\frac1{\sigma^2}\Big[I - \frac1{\sigma^2}\mathrm{Cov}(X \mid y_{1:m})\Big]
     = -\frac1{\sigma^2}\Big(1 - \frac1m\Big) I
       + \frac1{m^2}\nabla^2\log q_{\sigma/\sqrt m}(\bar y),

so that everything turns on the largest eigenvalue of a posterior covariance.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor


class _Law(Protocol):
    def hessian(self, x: Tensor, sigma: float) -> Tensor: ...


def conditional_hessian(law: _Law, measurements: Tensor, sigma: float) -> Tensor:
    r"""Hessian in :math:`y_m` of the log density of :math:`Y_m` given the earlier measurements.

    From the density of the mean of the measurements: the second form above.

    Args:
        law: of X; ``law.hessian(x, sigma)`` is the Hessian of its noised log density.
        measurements: :math:`y_1, \dots, y_m`, shape (batch, m, d).
        sigma: noise level of one measurement, positive.

    Returns:
        (batch, d, d).

    Raises:
        ValueError: another shape, no measurement, or sigma not above 0.
    """
    if measurements.dim() != 3 or measurements.shape[1] == 0:
        raise ValueError(
            f"measurements: got shape {tuple(measurements.shape)}, allowed: (batch, m, d), m >= 1"
        )
    if not 0 < sigma < math.inf:
        raise ValueError(f"sigma: got {sigma:g}, allowed: a positive number")
    m = measurements.shape[1]
    of_mean = law.hessian(measurements.mean(1), sigma / math.sqrt(m))
    identity = torch.eye(of_mean.shape[-1], dtype=of_mean.dtype, device=of_mean.device)
    return of_mean / m**2 - (1 - 1 / m) / sigma**2 * identity


def log_concave_variance(points: Tensor) -> float:
    r""":math:`D^2/4` for a finite set (m, d) of diameter D, float64, all pairs compared.

    A mixture with these means and covariances :math:`\tau^2 I` under noise of level sigma is
    log-concave if :math:`\sigma^2 + \tau^2 \ge D^2/4`, whatever the weights and the dimension:
    Popoviciu's inequality bounds the posterior variance along every direction.
    """
    rows = points.to(torch.float64)
    distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
    return float(distances.max()) ** 2 / 4


def largest_posterior_eigenvalue(points: Tensor, y: Tensor, sigma: float) -> Tensor:
    r""":math:`\lambda_{\max}\mathrm{Cov}(X \mid y)` for equally likely points, differentiable in y.

    Args:
        points: (m, d); y: (batch, d). Forms batch x m x d numbers.

    Returns:
        (batch,).
    """
    share = torch.softmax(-torch.cdist(y, points).square() / (2 * sigma**2), 1)
    spread = points - (share @ points)[:, None]
    return torch.linalg.eigvalsh((spread * share[..., None]).transpose(1, 2) @ spread)[:, -1]


def climb_posterior_eigenvalue(points: Tensor, y: Tensor, sigma: float, steps: int) -> float:
    r"""The largest :math:`\lambda_{\max}\mathrm{Cov}(X \mid y)` met by gradient ascent from y.

    Steps of length :math:`\sigma/(2 + k/10)` along the normalised gradient: a local search. It
    finds no supremum at infinity.
    """
    best = 0.0
    for step in range(steps):
        y = y.detach().requires_grad_()
        value = largest_posterior_eigenvalue(points, y, sigma)
        (slope,) = torch.autograd.grad(value.sum(), y)
        best = max(best, float(value.detach().max()))
        length = slope.norm(dim=-1, keepdim=True).clamp_min(1e-300)
        y = y + sigma / (2 + step / 10) * slope / length
    return best
