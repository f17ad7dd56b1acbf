"""Gaussian mixtures against automatic differentiation, SciPy, quadrature and each other."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion import mixture_density
from theorylab.diffusion.distributions import GaussianMixture

# ---- against other libraries ------------------------------------------------------------------


def points(dim, n=7, seed=1, scale=2.0):
    return torch.from_numpy(scale * np.random.default_rng(seed).normal(size=(n, dim)))


def reference_log_density(law, x, sigma):
    """log q_sigma at one x of shape (d,), written for automatic differentiation."""
    covariances = torch.from_numpy(law.covariances()) + sigma**2 * torch.eye(len(x), dtype=x.dtype)
    components = torch.distributions.MultivariateNormal(
        torch.from_numpy(law[1]), covariances, validate_args=False
    )
    return (torch.tensor(law[0], dtype=x.dtype).log() + components.log_prob(x)).logsumexp(0)


def test_score_and_hessian_agree_with_automatic_differentiation(family, example):
    mixture, law = example(family, dim=5, seed=3)
    x = points(5)
    for sigma in (0.2, 1.0):

        def log_density(x, sigma=sigma):
            return reference_log_density(law, x, sigma)

        values = torch.stack([log_density(row) for row in x])
        scores = torch.stack([torch.autograd.functional.jacobian(log_density, row) for row in x])
        hessians = torch.stack([torch.autograd.functional.hessian(log_density, row) for row in x])
        torch.testing.assert_close(mixture.log_density(x, sigma), values, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(mixture.score(x, sigma), scores, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(mixture.hessian(x, sigma), hessians, rtol=1e-8, atol=1e-8)


def test_density_agrees_with_scipy(family, example):
    mixture, law = example(family, dim=4, seed=5)
    x = points(4, n=50)
    density = sum(
        w * scipy.stats.multivariate_normal(m, c + 0.49 * np.eye(4)).pdf(x.numpy())
        for w, m, c in zip(law[0], law[1], law.covariances(), strict=True)
    )
    np.testing.assert_allclose(mixture.log_density(x, 0.7).exp().numpy(), density, rtol=1e-11)


@pytest.mark.parametrize("sigma", [0.4, 1.5])
@pytest.mark.parametrize("stds", [[0.3, 1.1], [0.0, 0.8]])
def test_posterior_moments_agree_with_quadrature(sigma, stds):
    """Bayes' rule on the line; a point component adds its own term to each integral."""
    weights, means = [0.35, 0.65], [-1.0, 1.5]
    mixture = GaussianMixture.isotropic(weights, np.array(means)[:, None], stds)
    for x in (-2.0, 0.4):
        likelihood = scipy.stats.norm(x, sigma).pdf

        def moment(power, x=x, likelihood=likelihood):
            total = 0.0
            for w, m, s in zip(weights, means, stds, strict=True):
                if s == 0:
                    total += w * likelihood(m) * m**power
                    continue
                prior = scipy.stats.norm(m, s).pdf
                total += scipy.integrate.quad(
                    lambda z, w=w, prior=prior: w * prior(z) * likelihood(z) * z**power,
                    m - 14 * s,
                    m + 14 * s,
                    points=[m, x] if abs(x - m) < 14 * s else [m],
                    epsabs=1e-12,
                    epsrel=1e-12,
                    limit=200,
                )[0]
            return total

        mean = moment(1) / moment(0)
        variance = moment(2) / moment(0) - mean**2
        assert float(mixture.posterior_mean([[x]], sigma)) == pytest.approx(mean, abs=1e-10)
        assert float(mixture.posterior_covariance([[x]], sigma)) == pytest.approx(
            variance, abs=1e-10
        )
        assert float(mixture.log_density([[x]], sigma).exp()) == pytest.approx(moment(0), rel=1e-10)


# ---- families, batches, structure -------------------------------------------------------------

EVERY_METHOD = (
    "log_density",
    "responsibilities",
    "score",
    "hessian",
    "posterior_mean",
    "posterior_covariance",
    "posterior_covariance_trace",
)


@pytest.mark.parametrize("dim", [1, 2, 12])
def test_every_family_equals_the_full_mixture_of_its_matrices(family, dim, example):
    mixture, law = example(family, dim=dim, seed=dim)
    full = GaussianMixture.full(law.weights, law[1], law.covariances())
    x = points(dim)
    for name in EVERY_METHOD:
        torch.testing.assert_close(
            getattr(mixture, name)(x, 0.6), getattr(full, name)(x, 0.6), rtol=1e-9, atol=1e-10
        )
    for actual, expected in zip(mixture.posterior(x, 0.6), full.posterior(x, 0.6), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(mixture.covariances(), torch.from_numpy(law.covariances()))
    torch.testing.assert_close(mixture.covariance(), full.covariance())


def test_one_sigma_per_row_and_small_chunks_change_nothing(family, monkeypatch, example):
    mixture, _ = example(family, dim=4)
    x, v = points(4, n=9), points(4, n=9, seed=2)
    sigmas = np.array([0.3, 2.0, 0.3, 1e-2, 5.0, 2.0, 0.3, 1.0, 1e3])[:, None]

    def evaluate(x, sigma, v):
        values = {name: getattr(mixture, name)(x, sigma) for name in EVERY_METHOD}
        values["product"] = mixture.hessian_vector_product(x, v, sigma)
        posterior = mixture.posterior(x, sigma)
        return values | {f"posterior.{n}": t for n, t in posterior._asdict().items()}

    together = evaluate(x, sigmas, v)
    rows = [evaluate(x[i : i + 1], float(sigmas[i, 0]), v[i : i + 1]) for i in range(9)]
    monkeypatch.setattr(mixture_density, "CHUNK", 30)  # two rows at a time
    chunked = evaluate(x, sigmas, v)
    for name, value in together.items():
        expected = torch.cat([row[name] for row in rows])
        torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-12, msg=name)
        torch.testing.assert_close(value, chunked[name], rtol=1e-10, atol=1e-12, msg=name)


def test_hessian_vector_product_is_the_product_with_the_hessian(family, example):
    mixture, _ = example(family, dim=6, seed=2)
    x, v = points(6), points(6, seed=8)
    hessian = mixture.hessian(x, 0.5)
    product = mixture.hessian_vector_product(x, v, 0.5)
    torch.testing.assert_close(product, torch.einsum("bde,be->bd", hessian, v))
    torch.testing.assert_close(
        mixture.hessian_vector_product(x, v[0], 0.5), torch.einsum("bde,e->bd", hessian, v[0])
    )


@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0])
def test_tweedie_joins_the_density_and_the_posterior(family, sigma, example):
    """D = x + sigma^2 score, Cov = sigma^2 (I + sigma^2 Hessian): two routes by Bayes' rule."""
    mixture, _ = example(family, dim=4, seed=4)
    x = points(4, scale=3.0)
    mean = x + sigma**2 * mixture.score(x, sigma)
    covariance = sigma**2 * (torch.eye(4) + sigma**2 * mixture.hessian(x, sigma))
    torch.testing.assert_close(mixture(x, sigma), mean, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        mixture.posterior_covariance(x, sigma), covariance, rtol=1e-8, atol=1e-9
    )
    trace = mixture.posterior_covariance(x, sigma).diagonal(dim1=1, dim2=2).sum(1)
    torch.testing.assert_close(mixture.posterior_covariance_trace(x, sigma), trace)
    r, means, covariances = mixture.posterior(x, sigma)
    torch.testing.assert_close(torch.einsum("bk,bkd->bd", r, means), mixture(x, sigma))
    second = torch.einsum("bk,bkde->bde", r, covariances + means[..., None] * means[:, :, None])
    torch.testing.assert_close(
        second - mean[:, :, None] * mean[:, None],
        mixture.posterior_covariance(x, sigma),
        rtol=1e-8,
        atol=1e-9,
    )


@pytest.mark.parametrize("family", ["isotropic", "low_rank", "low_rank_diagonal", "full"])
def test_a_thousand_dimensions(family, example):
    """Against a Cholesky factor of the dense noisy covariances."""
    mixture, law = example(family, dim=1000, seed=6)
    x, v = points(1000, n=3), points(1000, n=3, seed=7)
    sigma = 0.8
    noisy = torch.from_numpy(law.covariances()) + sigma**2 * torch.eye(1000).double()
    lower = torch.linalg.cholesky(noisy)
    delta = (x - torch.from_numpy(law[1])[:, None]).transpose(1, 2)  # (k, d, batch)
    pulls = torch.cholesky_solve(delta, lower)
    logits = (
        torch.tensor(law.weights, dtype=torch.float64).log()[:, None]
        - (delta * pulls).sum(1) / 2
        - lower.diagonal(dim1=1, dim2=2).log().sum(1)[:, None]
        - 500 * math.log(2 * math.pi)
    )
    r = logits.softmax(0)
    score = -torch.einsum("kb,kdb->bd", r, pulls)
    torch.testing.assert_close(
        mixture.log_density(x, sigma), logits.logsumexp(0), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(mixture.score(x, sigma), score, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(mixture(x, sigma), x + sigma**2 * score, rtol=1e-9, atol=1e-9)
    solved = torch.cholesky_solve(v.T.expand(3, -1, -1), lower)
    along = -torch.einsum("kdb,bd->kb", pulls, v)
    spread = r * (along - (r * along).sum(0))
    product = -torch.einsum("kb,kdb->bd", spread, pulls) - torch.einsum("kb,kdb->bd", r, solved)
    torch.testing.assert_close(
        mixture.hessian_vector_product(x, v, sigma), product, rtol=1e-8, atol=1e-9
    )


def test_a_component_of_weight_zero_is_not_there(family, example):
    mixture, law = example(family, weights=[0.4, 0.6, 0.0])
    two = GaussianMixture.full([0.4, 0.6], law[1][:2], law.covariances()[:2])
    x = points(3)
    for name in EVERY_METHOD:
        if name != "responsibilities":
            torch.testing.assert_close(getattr(mixture, name)(x, 0.6), getattr(two, name)(x, 0.6))
    draws = mixture.posterior_sample(x, 1e-3, torch.Generator().manual_seed(0))
    assert bool(draws.isfinite().all())


def test_a_finite_set_of_one_component_is_known_exactly():
    mixture = GaussianMixture.isotropic(None, [[1.0, -2.0]], 0.0)
    x = points(2)
    assert bool((mixture(x, 3.0) == torch.tensor([1.0, -2.0])).all())
    assert float(mixture.posterior_covariance(x, 3.0).abs().max()) == 0
    assert bool((mixture.posterior_sample(x, 3.0, torch.Generator()) == mixture(x, 3.0)).all())


def test_standard_normal():
    mixture = GaussianMixture.standard_normal(50)
    x = points(50)
    torch.testing.assert_close(mixture(x, 2.0), x / 5)
    torch.testing.assert_close(mixture.score(x), -x)
    assert bool((mixture.mean() == 0).all())
    torch.testing.assert_close(mixture.covariance(), torch.eye(50).double())


def test_projection_has_the_projected_moments_and_density(family, example):
    mixture, law = example(family)
    direction = np.array([0.6, -0.8, 0.0])
    projected = mixture.project(direction)
    assert projected.dim == 1
    variance = np.einsum("d,kde,e->k", direction, law.covariances(), direction)
    expected = sum(
        w * scipy.stats.norm(m @ direction, math.sqrt(v + 0.25)).pdf(1.3)
        for w, m, v in zip(law[0], law[1], variance, strict=True)
    )
    assert float(projected.log_density([[1.3]], 0.5).exp()) == pytest.approx(expected, rel=1e-12)
    twice = mixture.project(2 * direction)
    torch.testing.assert_close(twice.covariance(), 4 * projected.covariance())


# ---- properties -------------------------------------------------------------------------------


@st.composite
def mixtures(draw):
    k, dim = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(k))
    means = rng.normal(size=(k, dim)) * draw(st.sampled_from([0.0, 1.0, 30.0]))
    factors = rng.normal(size=(k, dim, draw(st.integers(1, 3))))
    stds = rng.uniform(0, 1, size=(k, dim)) * draw(st.sampled_from([0.0, 1e-3, 1.0]))
    covariances = factors @ factors.transpose(0, 2, 1) + stds[:, :, None] ** 2 * np.eye(dim)
    return draw(
        st.sampled_from(
            [
                lambda: GaussianMixture.low_rank(weights, means, factors, stds),
                lambda: GaussianMixture.low_rank(weights, means, factors, stds[:, 0]),
                lambda: GaussianMixture.diagonal(weights, means, stds),
                lambda: GaussianMixture.isotropic(weights, means, stds[:, 0]),
                lambda: GaussianMixture.full(weights, means, covariances),
            ]
        )
    )()


@settings(derandomize=True, deadline=None, max_examples=60)
@given(mixture=mixtures(), exponent=st.floats(-6, 6), seed=st.integers(0, 1000))
def test_what_holds_for_every_mixture(mixture, exponent, seed):
    sigma = 10**exponent
    generator = torch.Generator().manual_seed(seed)
    x = mixture.sample(4, generator)
    x = x + sigma * torch.randn(x.shape, dtype=torch.float64, generator=generator)
    r = mixture.responsibilities(x, sigma)
    assert bool(((r >= 0) & (r <= 1)).all())
    torch.testing.assert_close(r.sum(1), torch.ones(4).double())
    # a posterior covariance is positive semidefinite, so that Hessian >= -1 / sigma^2
    covariance = mixture.posterior_covariance(x, sigma)
    eigenvalues = torch.linalg.eigvalsh(covariance)
    assert bool((eigenvalues[:, 0] >= -1e-12 * eigenvalues[:, -1].abs() - 1e-300).all())
    curvature = torch.linalg.eigvalsh(sigma**2 * mixture.hessian(x, sigma))
    # squared spreads of s_i enter with the rounding of sigma s_i, which |x - m| / sigma scales
    reach = (mixture.means.abs().max() + x.abs().max()) / sigma
    assert bool((curvature[:, 0] >= -1 - 1e-12 * (1 + reach)).all())
    # moving the mixture moves everything along with it
    moved = GaussianMixture.full(mixture.weights, mixture.means + 1, mixture.covariances())
    if exponent > -1:
        torch.testing.assert_close(moved(x + 1, sigma), mixture(x, sigma) + 1, rtol=1e-7, atol=1e-7)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(mixture=mixtures(), exponent=st.floats(-1, 2))
def test_order_of_equal_components_does_not_matter(mixture, exponent):
    order = torch.arange(len(mixture.weights)).flip(0)
    flipped = GaussianMixture.full(
        mixture.weights[order], mixture.means[order], mixture.covariances()[order]
    )
    x = mixture.means[:1] + 0.5
    torch.testing.assert_close(
        flipped.score(x, 10**exponent), mixture.score(x, 10**exponent), rtol=1e-7, atol=1e-9
    )
