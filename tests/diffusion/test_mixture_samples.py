"""Samples of Gaussian mixtures and of posteriors against their exact laws, by DKW at level 1e-9."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from theorylab.diffusion.distributions import GaussianMixture

#: All families but the finite sets, whose distribution functions have jumps.
CONTINUOUS = (
    "isotropic",
    "diagonal",
    "low_rank",
    "low_rank_isotropic",
    "low_rank_diagonal",
    "full",
    "singular",
)


def kolmogorov_distance(values, cdf):
    values = values.sort().values
    n = len(values)
    exact = cdf(values)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return max(float((steps[1:] - exact).max()), float((exact - steps[:-1]).max()))


def band(n, level=1e-9):
    return math.sqrt(math.log(2 / level) / (2 * n))


DIRECTIONS = [[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.5, -0.5, math.sqrt(0.5)]]


@pytest.mark.parametrize("family", CONTINUOUS)
def test_samples_follow_every_projected_law(family, example):
    mixture, _ = example(family)
    n = 40_000
    draws = mixture.sample(n, torch.Generator().manual_seed(1))
    for direction in DIRECTIONS:
        u = torch.tensor(direction, dtype=torch.float64)
        assert kolmogorov_distance(draws @ u, mixture.project(u).cdf) < band(n)
    # The band is narrow enough to see a covariance that is 10 per cent too wide.
    wide = mixture.mean() + 1.1 * (draws - mixture.mean())
    u = torch.tensor(DIRECTIONS[0], dtype=torch.float64)
    assert kolmogorov_distance(wide @ u, mixture.project(u).cdf) > band(n)


def test_samples_of_a_finite_set_have_its_frequencies(example):
    mixture, law = example("points")
    n = 400_000  # sees a frequency that is one per cent off
    draws = mixture.sample(n, torch.Generator().manual_seed(2)).numpy()
    counts = [(draws == m).all(1).sum() for m in law[1]]
    assert sum(counts) == n
    for count, w in zip(counts, law.weights, strict=True):
        assert scipy.stats.binomtest(int(count), n, w).pvalue > 1e-9


@pytest.mark.parametrize("sigma", [1e-6, 0.7, 1e6])
def test_posterior_samples_follow_the_posterior(family, sigma, example):
    mixture, law = example(family)
    n = 20_000
    x = law[1].mean(0) + sigma * np.array([0.3, -0.2, 0.1])
    generator = torch.Generator().manual_seed(3)
    draws = mixture.posterior_sample(np.tile(x, (n, 1)), sigma, generator)
    r, means, covariances = (part[0] for part in mixture.posterior(x[None], sigma))
    for direction in DIRECTIONS:
        u = torch.tensor(direction, dtype=torch.float64)
        if family == "points":
            assert {float(value) for value in draws @ u} <= {float(m) for m in mixture.means @ u}
            continue
        stds = torch.einsum("d,kde,e->k", u, covariances, u).clamp_min(0).sqrt()
        exact = GaussianMixture.isotropic(r, (means @ u)[:, None], stds)
        assert kolmogorov_distance(draws @ u, exact.cdf) < band(n)


def test_a_pair_of_posterior_sample_and_noise_level_per_row(example):
    """If x = x0 + sigma noise, a posterior sample given x has the law of x0."""
    mixture, _ = example("low_rank_diagonal")
    n = 20_000
    generator = torch.Generator().manual_seed(4)
    sigma = torch.tensor([0.1, 1.0, 5.0], dtype=torch.float64).repeat(n)[:n, None]
    noise = torch.randn(n, 3, dtype=torch.float64, generator=generator)
    x = mixture.sample(n, generator) + sigma * noise
    draws = mixture.posterior_sample(x, sigma, generator)
    for direction in DIRECTIONS:
        u = torch.tensor(direction, dtype=torch.float64)
        assert kolmogorov_distance(draws @ u, mixture.project(u).cdf) < band(n)


def test_the_generator_alone_decides_the_draws(example):
    mixture, _ = example("full")
    state = torch.get_rng_state()
    draws = [mixture.sample(5, torch.Generator().manual_seed(9)) for _ in range(2)]
    assert bool((draws[0] == draws[1]).all())
    assert bool((torch.get_rng_state() == state).all())
