"""Gaussian mixtures of every family, beside the laws that they were made of."""

from typing import NamedTuple

import numpy as np
import pytest

from theorylab.diffusion.distributions import GaussianMixture


class Law(NamedTuple):
    """Components in NumPy, with covariances factors @ factors' + diag(stds^2)."""

    weights: list
    means: np.ndarray
    factors: np.ndarray
    stds: np.ndarray

    def covariances(self):
        """As matrices, shape (k, d, d)."""
        diagonal = self.stds[:, :, None] ** 2 * np.eye(self.stds.shape[1])
        return self.factors @ self.factors.transpose(0, 2, 1) + diagonal


@pytest.fixture(
    params=[
        "isotropic",
        "diagonal",
        "low_rank",
        "low_rank_isotropic",
        "low_rank_diagonal",
        "full",
        "points",
        "singular",
    ]
)
def family(request):
    """How the covariances of a mixture are given."""
    return request.param


@pytest.fixture(scope="session")
def example():
    """Makes a mixture of three components of a family, and its law."""
    return _mixture_and_law


def _mixture_and_law(family, dim=3, seed=0, weights=(0.2, 0.5, 0.3)):
    rng = np.random.default_rng(seed)
    weights, k = list(weights), len(weights)
    means = rng.normal(size=(k, dim))
    stds = rng.uniform(0.3, 1.5, size=(k, dim))
    factors = rng.normal(size=(k, dim, 2))
    none, one_std = np.zeros((k, dim, 0)), np.repeat(stds[:, :1], dim, axis=1)
    if family == "isotropic":
        mixture = GaussianMixture.isotropic(weights, means, stds[:, 0])
        return mixture, Law(weights, means, none, one_std)
    if family == "points":
        mixture = GaussianMixture.isotropic(weights, means, 0.0)
        return mixture, Law(weights, means, none, 0 * stds)
    if family == "diagonal":
        return GaussianMixture.diagonal(weights, means, stds), Law(weights, means, none, stds)
    if family == "low_rank":
        mixture = GaussianMixture.low_rank(weights, means, factors)
        return mixture, Law(weights, means, factors, 0 * stds)
    if family == "low_rank_isotropic":
        mixture = GaussianMixture.low_rank(weights, means, factors, stds[:, 0])
        return mixture, Law(weights, means, factors, one_std)
    if family == "low_rank_diagonal":
        mixture = GaussianMixture.low_rank(weights, means, factors, stds)
        return mixture, Law(weights, means, factors, stds)
    law = Law(weights, means, factors, stds if family == "full" else 0 * stds)
    return GaussianMixture.full(weights, means, law.covariances()), law
