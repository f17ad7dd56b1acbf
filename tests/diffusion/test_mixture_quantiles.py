"""Mixtures on the line: distribution function and quantiles against SciPy and each other."""

import math

import numpy as np
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion.distributions import GaussianMixture

EPS = torch.finfo(torch.float64).eps


def line():
    return GaussianMixture.isotropic([0.25, 0.6, 0.15], [[-3.0], [0.5], [9.0]], [0.2, 1.5, 0.01])


def test_cdf_agrees_with_scipy():
    x = torch.linspace(-5, 12, 301).double()
    for sigma in (0.0, 0.7):
        expected = sum(
            w * scipy.stats.norm(m, math.hypot(s, sigma)).cdf(x.numpy())
            for w, m, s in [(0.25, -3.0, 0.2), (0.6, 0.5, 1.5), (0.15, 9.0, 0.01)]
        )
        np.testing.assert_allclose(line().cdf(x, sigma), expected, rtol=1e-12, atol=0)


@settings(derandomize=True, deadline=None)
@given(
    p=st.lists(st.floats(1e-300, 1 - 1e-16), min_size=1, max_size=5),
    sigma=st.sampled_from([0.0, 1e-6, 0.3, 1e6]),
)
def test_quantile_inverts_the_cdf_to_rounding(p, sigma):
    mixture, p = line(), torch.tensor(p, dtype=torch.float64)
    x = mixture.quantile(p, sigma)
    slack = 4 * EPS * x.abs() + 1e-300
    rounding = 8 * EPS * p * (1 - p.log())
    assert bool((mixture.cdf(x + slack, sigma) >= p - rounding).all())
    assert bool((mixture.cdf(x - slack, sigma) <= p + rounding).all())


def test_quantile_of_one_normal_agrees_with_scipy_and_with_its_mirror_image():
    p = torch.tensor([1e-200, 1e-12, 0.1, 0.5, 0.9, 1 - 1e-12], dtype=torch.float64)
    normal = GaussianMixture.isotropic(None, [[2.0]], 3.0)
    expected = scipy.stats.norm(2.0, 5.0).ppf(p.numpy())
    np.testing.assert_allclose(normal.quantile(p, 4.0), expected, rtol=1e-12, atol=1e-12)
    mirror = GaussianMixture.isotropic(line().weights, -line().means, [0.2, 1.5, 0.01])
    half = torch.tensor([0.125, 0.375, 0.75], dtype=torch.float64)
    np.testing.assert_allclose(mirror.quantile(half), -line().quantile(1 - half), rtol=1e-12)


def test_quantiles_of_points_are_the_points():
    mixture = GaussianMixture.isotropic([0.25, 0.25, 0.5], [[-1.0], [0.0], [2.0]], 0.0)
    p = torch.tensor([0.1, 0.25, 0.26, 0.5, 0.51, 0.99], dtype=torch.float64)
    expected = [-1.0, -1.0, 0.0, 0.0, 2.0, 2.0]
    np.testing.assert_allclose(mixture.quantile(p), expected, rtol=1e-15, atol=1e-15)
    # at the point, not a rounding error below it, where the step has yet to come
    assert bool((mixture.cdf(mixture.quantile(p)) >= p - 1e-15).all())
    np.testing.assert_allclose(mixture.cdf([-1.5, -1.0, 1.0, 2.0]), [0, 0.25, 0.5, 1])
