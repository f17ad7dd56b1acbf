"""What a Gaussian mixture refuses, and the words it uses."""

import math

import numpy as np
import pytest
import torch

from theorylab.diffusion.distributions import GaussianMixture

ONE = [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: GaussianMixture.isotropic([0.5, 0.6], ONE, 1.0), r"weights: sum to 1\.1, allowed"),
        (lambda: GaussianMixture.isotropic([1.5, -0.5], ONE, 1.0), r"weights: got -0\.5"),
        (lambda: GaussianMixture.isotropic([1.0], ONE, 1.0), r"weights: got shape \(1,\)"),
        (lambda: GaussianMixture.isotropic(None, [0.0, 1.0], 1.0), r"means\[:, None\]"),
        (lambda: GaussianMixture.isotropic(None, [[math.nan, 0.0]], 1.0), r"means: 1 of 2 .* NaN"),
        (lambda: GaussianMixture.isotropic(None, ONE, [1.0, -2.0]), r"stds: got -2"),
        (lambda: GaussianMixture.isotropic(None, ONE, [1.0, 1.0, 1.0]), r"stds: got shape \(3,\)"),
        (lambda: GaussianMixture.isotropic(None, ONE, ONE), r"use \.diagonal"),
        (lambda: GaussianMixture.diagonal(None, ONE, [1.0, 1.0]), r"stds of a diagonal mixture"),
        (lambda: GaussianMixture.low_rank(None, ONE, [[1.0, 0.0]]), r"factors: got shape"),
        (lambda: GaussianMixture.full(None, ONE, np.eye(2)), r"covariances: got shape \(2, 2\)"),
        (
            lambda: GaussianMixture.full(None, ONE, [np.eye(2).tolist(), [[1.0, 2.0], [2.0, 1.0]]]),
            r"covariance 1 is not positive semidefinite: its smallest eigenvalue is -1",
        ),
        (
            lambda: GaussianMixture.full(None, [[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]]),
            r"covariance 0 is not symmetric",
        ),
        (lambda: GaussianMixture.isotropic(None, "means", 1.0), r"means: got str"),
        (lambda: GaussianMixture.isotropic(None, torch.zeros(1, 2) > 0, 1.0), r"dtype torch.bool"),
    ],
)
def test_a_bad_mixture_is_refused_with_what_is_allowed(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.score([0.0, 0.0], 1.0), r"x: got shape \(2,\), allowed: \(batch, 2\)"),
        (lambda m: m.score([[0.0] * 3], 1.0), r"x: got shape \(1, 3\)"),
        (lambda m: m.score([[0.0, math.nan]], 1.0), r"x: 1 of 2 entries are NaN"),
        (lambda m: m.score(ONE, -1.0), r"sigma: got -1, allowed: sigma >= 0"),
        (lambda m: m.score(ONE, math.nan), r"sigma: 1 of 1 entries are NaN"),
        (lambda m: m.score(ONE, [1.0, 2.0]), r"sigma: got shape \(2,\), allowed: .* \(2, 1\)"),
        (lambda m: m.hessian_vector_product(ONE, [1.0], 1.0), r"v: got shape \(1,\)"),
        (lambda m: m.project([1.0]), r"direction: got shape \(1,\), allowed: \(2,\)"),
        (lambda m: m.cdf(0.0), r"has dimension 2; use \.project"),
        (lambda m: m.project([1.0, 0.0]).quantile(1.0), r"strictly between 0 and 1"),
        (lambda m: m.project([1.0, 0.0]).cdf(0.0, -1.0), r"sigma: got -1"),
    ],
)
def test_a_bad_argument_is_refused_with_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call(GaussianMixture.isotropic(None, ONE, 1.0))


def test_rounding_is_not_taken_for_an_error():
    weights = torch.full((3,), 1 / 3, dtype=torch.float32)
    mixture = GaussianMixture.isotropic(weights, [[0.0], [1.0], [2.0]], 1.0)
    assert float(mixture.weights.sum()) == pytest.approx(1, abs=4e-16)
    factor = np.random.default_rng(0).normal(size=(1, 30, 3))
    singular = GaussianMixture.full(None, np.zeros((1, 30)), factor @ factor.transpose(0, 2, 1))
    assert int((torch.linalg.eigvalsh(singular.covariance()) > 1e-10).sum()) == 3
