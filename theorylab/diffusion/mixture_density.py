r"""Density of a noisy Gaussian mixture and its derivatives, as functions of its components.

$q_\sigma = \sum_i w_i N(m_i, S_i)$ with $S_i = \Sigma_i + \sigma^2 I$; responsibilities
$r_i = w_i N(x; m_i, S_i) / q_\sigma$; $s_i = -S_i^{-1}(x - m_i)$, $s = \sum_i r_i s_i$.
Points x have shape (batch, d), ``noise`` is $\sigma^2$ of shape (1, 1) or (batch, 1); inside, the
component axis comes first.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from theorylab.diffusion.batching import by_rows
from theorylab.diffusion.mixture_covariances import Full, LowRankPlusDiagonal

# Rows of x are taken so many at a time that the largest array holds at most this many numbers:
# 4 MiB stay near the cache, and in d = 1000 still fill the matrix products.
CHUNK = 2**19


class Components(NamedTuple):
    """Weights' logarithms (k,), means (k, d), and covariances of a mixture's components."""

    log_weights: Tensor
    means: Tensor
    covariances: LowRankPlusDiagonal | Full

    @property
    def rows(self) -> int:
        """How many rows of x to take at a time where an array (k, rows, d) is formed."""
        return max(1, CHUNK // self.means.numel())

    @property
    def rows_reduced(self) -> int:
        """The same where isotropic covariances need only an array (k, rows)."""
        return max(1, CHUNK // len(self.means)) if self.covariances.isotropic else self.rows


def log_joint(components: Components, x: Tensor, noisy, coordinates=None) -> Tensor:
    """log w_i N(x; m_i, S_i), shape (k, batch); ``noisy`` is the covariances at this noise.

    ``coordinates`` are those of x - m_i, where they are needed anyway.
    """
    log_weights, means, covariances = components
    if covariances.isotropic:
        # Differences, not |x|^2 - 2<x, m> + |m|^2, which cancels when sigma is small.
        distance = torch.cdist(means, x, compute_mode="donot_use_mm_for_euclid_dist")
        squares = (distance / noisy.scale[..., 0].sqrt()).square()
    else:
        if coordinates is None:
            coordinates = noisy.coordinates(x - means[:, None])
        squares = noisy.mahalanobis(coordinates)
    constant = means.shape[1] * math.log(2 * math.pi)
    return log_weights[:, None] - (squares + noisy.log_det + constant) / 2


def average(r: Tensor, values: Tensor) -> Tensor:
    """sum_i r_i values_i for r (k, batch) and values (k, batch, d)."""
    return (r[..., None] * values).sum(0)


def log_density(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """log q_sigma(x), shape (batch,)."""
    return log_joint(components, x, components.covariances.at(noise)).logsumexp(0)


def responsibilities(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """r_i(x), shape (batch, k)."""
    return log_joint(components, x, components.covariances.at(noise)).softmax(0).T


def score(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """s = sum_i r_i s_i, shape (batch, d)."""
    noisy = components.covariances.at(noise)
    if components.covariances.isotropic:
        pulls = log_joint(components, x, noisy).softmax(0) / noisy.scale[..., 0]
        return pulls.T @ components.means - x * pulls.sum(0)[:, None]
    r, scores = _component_scores(components, x, noisy)
    return average(r, scores)


def hessian(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """sum_i r_i [(s_i - s)(s_i - s)' - S_i^-1], shape (batch, d, d); noise of shape (1, 1)."""
    noisy = components.covariances.at(noise)
    precisions = noisy.precisions()

    def of_rows(x: Tensor, _: Tensor) -> Tensor:
        r, scores = _component_scores(components, x, noisy)
        spread = scores - average(r, scores)
        outer = torch.einsum("kbd,kbe->bde", r[..., None] * spread, spread)
        return outer - torch.einsum("kb,kde->bde", r, precisions)

    return by_rows(of_rows, components.rows, x, noise)


def hessian_vector_product(components: Components, x: Tensor, noise: Tensor, v: Tensor) -> Tensor:
    """sum_i r_i [(s_i - s) <s_i - s, v> - S_i^-1 v], shape (batch, d), as is v."""
    noisy = components.covariances.at(noise)
    if components.covariances.isotropic:
        # The weights c_i = r_i <s_i - s, v> sum to zero, so that sum c_i (s_i - s) = sum c_i s_i.
        scale = noisy.scale[..., 0]
        r = log_joint(components, x, noisy).softmax(0)
        along = (components.means @ v.T - (x * v).sum(1)) / scale
        pulls = r * (along - (r * along).sum(0)) / scale
        from_spread = pulls.T @ components.means - x * pulls.sum(0)[:, None]
        return from_spread - v * (r / scale).sum(0)[:, None]
    r, scores = _component_scores(components, x, noisy)
    spread = scores - average(r, scores)
    along = (spread * v).sum(-1)
    pulled = noisy.solve(noisy.coordinates(v.expand(len(components.means), -1, -1)))
    return average(r * along, spread) - average(r, pulled)


def _component_scores(components: Components, x: Tensor, noisy) -> tuple[Tensor, Tensor]:
    """r_i, shape (k, batch), and s_i, shape (k, batch, d)."""
    coordinates = noisy.coordinates(x - components.means[:, None])
    r = log_joint(components, x, noisy, coordinates).softmax(0)
    return r, -noisy.solve(coordinates)
