r"""Posterior of $x_0$ given $x = x_0 + \sigma\epsilon$ for a Gaussian mixture, from its components.

$x_0 \mid x \sim \sum_i r_i N(\mu_i, \Gamma_i)$, $\mu_i = m_i + \Sigma_i S_i^{-1}(x - m_i)$,
$\Gamma_i = \sigma^2 \Sigma_i S_i^{-1}$; shapes as in :mod:`theorylab.diffusion.mixture_density`.
"""

import torch
from torch import Tensor

from theorylab.diffusion.batching import by_noise, by_rows
from theorylab.diffusion.mixture_density import Components, average, log_joint


def mean(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """D = sum_i r_i mu_i, shape (batch, d)."""
    noisy = components.covariances.at(noise)
    if components.covariances.isotropic:
        r = log_joint(components, x, noisy).softmax(0) / noisy.scale[..., 0]
        to_x = (r * components.covariances.diagonal).sum(0)[:, None]
        return (r * noise.T).T @ components.means + x * to_x
    r, means = _component_means(components, x, noisy)
    return average(r, means)


def component_means(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """mu_i, shape (batch, k, d)."""

    def of_rows(x: Tensor, noise: Tensor) -> Tensor:
        _, means = _component_means(components, x, components.covariances.at(noise))
        return means.transpose(0, 1)

    return by_rows(of_rows, components.rows, x, noise)


def component_covariances(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """Gamma_i, shape (batch, k, d, d), for one sigma: the same matrices at every x."""
    return components.covariances.at(noise).posteriors().expand(len(x), -1, -1, -1)


def covariance(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """sum_i r_i [Gamma_i + (mu_i - D)(mu_i - D)'], shape (batch, d, d); noise of shape (1, 1)."""
    noisy = components.covariances.at(noise)
    within = noisy.posteriors()

    def of_rows(x: Tensor, _: Tensor) -> Tensor:
        r, means = _component_means(components, x, noisy)
        spread = means - average(r, means)
        outer = torch.einsum("kbd,kbe->bde", r[..., None] * spread, spread)
        return outer + torch.einsum("kb,kde->bde", r, within)

    return by_rows(of_rows, components.rows, x, noise)


def covariance_trace(components: Components, x: Tensor, noise: Tensor) -> Tensor:
    """sum_i r_i [tr Gamma_i + |mu_i - D|^2], shape (batch,)."""

    def of_rows(x: Tensor, noise: Tensor) -> Tensor:
        noisy = components.covariances.at(noise)
        r, means = _component_means(components, x, noisy)
        distance = torch.linalg.vector_norm(means - average(r, means), dim=-1)
        return (r * (noisy.posterior_traces + distance.square())).sum(0)

    return by_rows(of_rows, components.rows, x, noise)


def shrink(covariance, residual: Tensor, noise: Tensor) -> Tensor:
    """Sigma S^-1 residual for the covariance of one component; residual has shape (batch, d)."""

    def at_once(residual: Tensor, noise: Tensor) -> Tensor:
        noisy = covariance.at(noise)
        return noisy.shrink(noisy.coordinates(residual[None]))[0]

    return at_once(residual, noise) if covariance.one_frame else by_noise(at_once, residual, noise)


def _component_means(components: Components, x: Tensor, noisy) -> tuple[Tensor, Tensor]:
    """r_i, shape (k, batch), and mu_i, shape (k, batch, d)."""
    means = components.means[:, None]
    coordinates = noisy.coordinates(x - means)
    r = log_joint(components, x, noisy, coordinates).softmax(0)
    return r, means + noisy.shrink(coordinates)
