"""Gaussian mixtures against mpmath in many digits, at any noise and far out in the tails."""

import mpmath as mp
import numpy as np
import pytest
import torch

from theorylab.diffusion.distributions import GaussianMixture

EPS = torch.finfo(torch.float64).eps
WITHOUT_DENSITY = ("low_rank", "points", "singular")


def in_many_digits(law, x, sigma, digits=120):
    """Every quantity at one x by mpmath, from dense inverses: log q, score and Hessian from the
    derivatives of the density itself, the posterior from Bayes' rule."""
    with mp.workdps(digits):

        def exact(values):
            return mp.matrix([[mp.mpf(float(value)) for value in row] for row in values])

        dim = len(x)
        s2 = mp.mpf(float(sigma)) ** 2
        point = exact(np.reshape(x, (dim, 1)))
        total, gradient, curvature = mp.mpf(0), mp.zeros(dim, 1), mp.zeros(dim)
        joint, posterior_means, posterior_covariances = [], [], []
        for w, m, factor, std in zip(*law, strict=True):
            covariance = exact(np.diag(std)) ** 2
            if factor.size:
                covariance += exact(factor) * exact(factor).T
            noisy = covariance + s2 * mp.eye(dim)
            inverse = noisy**-1
            delta = point - exact(m[:, None])
            pull = inverse * delta
            density = (
                mp.mpf(float(w))
                * mp.exp(-(delta.T * pull)[0] / 2)
                / mp.sqrt((2 * mp.pi) ** dim * mp.det(noisy))
            )
            total += density
            gradient -= density * pull
            curvature += density * (pull * pull.T - inverse)
            joint.append(density)
            posterior_means.append(point - s2 * pull)
            posterior_covariances.append(covariance - covariance * inverse * covariance)
        score = gradient / total
        hessian = curvature / total - score * score.T
        mean, second = mp.zeros(dim, 1), mp.zeros(dim)
        for r, m, c in zip(joint, posterior_means, posterior_covariances, strict=True):
            mean += r / total * m
            second += r / total * (c + m * m.T)
        covariance = second - mean * mean.T

        def rounded(matrix):
            return np.array(matrix.tolist(), dtype=float)

        return {
            "log_density": float(mp.log(total)),
            "score": rounded(score)[:, 0],
            "hessian": rounded(hessian),
            "posterior_mean": rounded(mean)[:, 0],
            "posterior_covariance": rounded(covariance),
        }


def assert_close(actual, expected, tolerance, what):
    error = np.abs(np.asarray(actual) - expected).max()
    assert error <= tolerance * np.abs(expected).max() + 1e-30, what


@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
def test_every_quantity_agrees_with_mpmath(family, sigma, example):
    mixture, law = example(family)
    if sigma == 0 and family in WITHOUT_DENSITY:
        for name in ("log_density", "score", "hessian", "posterior_mean", "posterior"):
            with pytest.raises(ValueError, match="no density without noise"):
                getattr(mixture, name)([[0.1, -0.4, 0.7]], sigma)
        return
    for x in ([0.1, -0.4, 0.7], [3.0, 1.0, -2.0]):
        for name, expected in in_many_digits(law, x, sigma).items():
            assert_close(getattr(mixture, name)([x], sigma)[0], expected, 2e-14, (name, x))


@pytest.mark.parametrize(
    ("sigma", "distance"),
    [(1e-6, 1e-6), (1e-6, 3.0), (1e-3, 1e4), (0.5, 1e4), (1e6, 1.0), (1e6, 1e6)],
)
def test_extreme_noise_and_far_tails_agree_with_mpmath(family, sigma, distance, example):
    mixture, law = example(family)
    x = law[1][1] + distance * np.array([0.48, -0.64, 0.6])
    for name, expected in in_many_digits(law, x, sigma).items():
        tolerance = 1e-13
        if name == "score" and family == "points":
            tolerance += 4 * EPS * np.abs(x).max() / sigma  # an ulp of x in units of sigma
        assert_close(getattr(mixture, name)(x[None], sigma)[0], expected, tolerance, name)
        if name == "hessian":
            v = np.array([0.3, 1.0, -0.5])
            product = mixture.hessian_vector_product(x[None], v, sigma)[0]
            error = np.abs(product.numpy() - expected @ v).max()
            assert error <= 3 * tolerance * np.abs(expected).max()


def test_far_from_both_of_two_equal_components_the_squared_distance_limits_the_digits():
    mixture = GaussianMixture.isotropic(None, [[0.0, 1.0], [0.0, -1.0]], 0.5)
    x = torch.tensor([[1e4, 0.3], [3e3, -0.2]], dtype=torch.float64)
    variance = 0.25 + 0.04
    expected = torch.special.expit(2 * x[:, 1] / variance)
    error = (mixture.responsibilities(x, 0.2)[:, 0] - expected).abs()
    assert bool((error <= 2 * EPS * x.square().sum(1) / variance).all())
