"""Gaussian mixtures against mpmath, automatic differentiation, SciPy, quadrature and exact laws."""

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion import mixture_density
from theorylab.diffusion.distributions import GaussianMixture

EPS = torch.finfo(torch.float64).eps
WEIGHTS = [0.2, 0.5, 0.3]
FAMILIES = [
    "isotropic",
    "diagonal",
    "low_rank",
    "low_rank_isotropic",
    "low_rank_diagonal",
    "full",
    "points",
    "singular",
]
WITH_DENSITY = [f for f in FAMILIES if f not in ("low_rank", "points", "singular")]


def example(family, dim=3, seed=0, weights=WEIGHTS):
    """A mixture of three components, and the same law as (weights, means, factors, stds), with
    covariances factors @ factors' + diag(stds^2), in NumPy."""
    rng = np.random.default_rng(seed)
    k = len(weights)
    means = rng.normal(size=(k, dim))
    stds = rng.uniform(0.3, 1.5, size=(k, dim))
    factors = rng.normal(size=(k, dim, 2))
    none, one_std = np.zeros((k, dim, 0)), np.repeat(stds[:, :1], dim, axis=1)
    if family == "isotropic":
        mixture = GaussianMixture.isotropic(weights, means, stds[:, 0])
        return mixture, (weights, means, none, one_std)
    if family == "points":
        mixture = GaussianMixture.isotropic(weights, means, 0.0)
        return mixture, (weights, means, none, 0 * stds)
    if family == "diagonal":
        return GaussianMixture.diagonal(weights, means, stds), (weights, means, none, stds)
    if family == "low_rank":
        mixture = GaussianMixture.low_rank(weights, means, factors)
        return mixture, (weights, means, factors, 0 * stds)
    if family == "low_rank_isotropic":
        mixture = GaussianMixture.low_rank(weights, means, factors, stds[:, 0])
        return mixture, (weights, means, factors, one_std)
    if family == "low_rank_diagonal":
        mixture = GaussianMixture.low_rank(weights, means, factors, stds)
        return mixture, (weights, means, factors, stds)
    law = (weights, means, factors, stds if family == "full" else 0 * stds)
    return GaussianMixture.full(weights, means, dense(law)), law


def dense(law):
    """The covariances as matrices, shape (k, d, d)."""
    _, _, factors, stds = law
    return factors @ factors.transpose(0, 2, 1) + stds[:, :, None] ** 2 * np.eye(stds.shape[1])


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


# ---- against many digits ----------------------------------------------------------------------


def assert_close(actual, expected, tolerance, what):
    error = np.abs(np.asarray(actual) - expected).max()
    assert error <= tolerance * np.abs(expected).max() + 1e-30, what


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
def test_every_quantity_agrees_with_mpmath(family, sigma):
    mixture, law = example(family)
    if sigma == 0 and family not in WITH_DENSITY:
        for name in ("log_density", "score", "hessian", "posterior_mean", "posterior"):
            with pytest.raises(ValueError, match="no density without noise"):
                getattr(mixture, name)([[0.1, -0.4, 0.7]], sigma)
        return
    for x in ([0.1, -0.4, 0.7], [3.0, 1.0, -2.0]):
        for name, expected in in_many_digits(law, x, sigma).items():
            assert_close(getattr(mixture, name)([x], sigma)[0], expected, 2e-14, (name, x))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("sigma", "distance"),
    [(1e-6, 1e-6), (1e-6, 3.0), (1e-3, 1e4), (0.5, 1e4), (1e6, 1.0), (1e6, 1e6)],
)
def test_extreme_noise_and_far_tails_agree_with_mpmath(family, sigma, distance):
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


# ---- against other libraries ------------------------------------------------------------------


def points(dim, n=7, seed=1, scale=2.0):
    return torch.from_numpy(scale * np.random.default_rng(seed).normal(size=(n, dim)))


def reference_log_density(law, x, sigma):
    """log q_sigma at one x of shape (d,), written for automatic differentiation."""
    covariances = torch.from_numpy(dense(law)) + sigma**2 * torch.eye(len(x), dtype=x.dtype)
    components = torch.distributions.MultivariateNormal(
        torch.from_numpy(law[1]), covariances, validate_args=False
    )
    return (torch.tensor(law[0], dtype=x.dtype).log() + components.log_prob(x)).logsumexp(0)


@pytest.mark.parametrize("family", FAMILIES)
def test_score_and_hessian_agree_with_automatic_differentiation(family):
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


@pytest.mark.parametrize("family", FAMILIES)
def test_density_agrees_with_scipy(family):
    mixture, law = example(family, dim=4, seed=5)
    x = points(4, n=50)
    density = sum(
        w * scipy.stats.multivariate_normal(m, c + 0.49 * np.eye(4)).pdf(x.numpy())
        for w, m, c in zip(law[0], law[1], dense(law), strict=True)
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


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dim", [1, 2, 12])
def test_every_family_equals_the_full_mixture_of_its_matrices(family, dim):
    mixture, law = example(family, dim=dim, seed=dim)
    full = GaussianMixture.full(WEIGHTS, law[1], dense(law))
    x = points(dim)
    for name in EVERY_METHOD:
        torch.testing.assert_close(
            getattr(mixture, name)(x, 0.6), getattr(full, name)(x, 0.6), rtol=1e-9, atol=1e-10
        )
    for actual, expected in zip(mixture.posterior(x, 0.6), full.posterior(x, 0.6), strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(mixture.covariances(), torch.from_numpy(dense(law)))
    torch.testing.assert_close(mixture.covariance(), full.covariance())


@pytest.mark.parametrize("family", FAMILIES)
def test_one_sigma_per_row_and_small_chunks_change_nothing(family, monkeypatch):
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


@pytest.mark.parametrize("family", FAMILIES)
def test_hessian_vector_product_is_the_product_with_the_hessian(family):
    mixture, _ = example(family, dim=6, seed=2)
    x, v = points(6), points(6, seed=8)
    hessian = mixture.hessian(x, 0.5)
    product = mixture.hessian_vector_product(x, v, 0.5)
    torch.testing.assert_close(product, torch.einsum("bde,be->bd", hessian, v))
    torch.testing.assert_close(
        mixture.hessian_vector_product(x, v[0], 0.5), torch.einsum("bde,e->bd", hessian, v[0])
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0])
def test_tweedie_joins_the_density_and_the_posterior(family, sigma):
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
def test_a_thousand_dimensions(family):
    """Against a Cholesky factor of the dense noisy covariances."""
    mixture, law = example(family, dim=1000, seed=6)
    x, v = points(1000, n=3), points(1000, n=3, seed=7)
    sigma = 0.8
    noisy = torch.from_numpy(dense(law)) + sigma**2 * torch.eye(1000).double()
    lower = torch.linalg.cholesky(noisy)
    delta = (x - torch.from_numpy(law[1])[:, None]).transpose(1, 2)  # (k, d, batch)
    pulls = torch.cholesky_solve(delta, lower)
    logits = (
        torch.tensor(WEIGHTS, dtype=torch.float64).log()[:, None]
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


@pytest.mark.parametrize("family", FAMILIES)
def test_a_component_of_weight_zero_is_not_there(family):
    mixture, law = example(family, weights=[0.4, 0.6, 0.0])
    two = GaussianMixture.full([0.4, 0.6], law[1][:2], dense(law)[:2])
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


@pytest.mark.parametrize("family", FAMILIES)
def test_projection_has_the_projected_moments_and_density(family):
    mixture, law = example(family)
    direction = np.array([0.6, -0.8, 0.0])
    projected = mixture.project(direction)
    assert projected.dim == 1
    variance = np.einsum("d,kde,e->k", direction, dense(law), direction)
    expected = sum(
        w * scipy.stats.norm(m @ direction, math.sqrt(v + 0.25)).pdf(1.3)
        for w, m, v in zip(law[0], law[1], variance, strict=True)
    )
    assert float(projected.log_density([[1.3]], 0.5).exp()) == pytest.approx(expected, rel=1e-12)
    twice = mixture.project(2 * direction)
    torch.testing.assert_close(twice.covariance(), 4 * projected.covariance())


# ---- sampling: exact laws, DKW at level 1e-9 --------------------------------------------------


def kolmogorov_distance(values, cdf):
    values = values.sort().values
    n = len(values)
    exact = cdf(values)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return max(float((steps[1:] - exact).max()), float((exact - steps[:-1]).max()))


def band(n, level=1e-9):
    return math.sqrt(math.log(2 / level) / (2 * n))


DIRECTIONS = [[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.5, -0.5, math.sqrt(0.5)]]


@pytest.mark.parametrize("family", [f for f in FAMILIES if f != "points"])
def test_samples_follow_every_projected_law(family):
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


def test_samples_of_a_finite_set_have_its_frequencies():
    mixture, law = example("points")
    n = 400_000  # sees a frequency that is one per cent off
    draws = mixture.sample(n, torch.Generator().manual_seed(2)).numpy()
    counts = [(draws == m).all(1).sum() for m in law[1]]
    assert sum(counts) == n
    for count, w in zip(counts, WEIGHTS, strict=True):
        assert scipy.stats.binomtest(int(count), n, w).pvalue > 1e-9


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sigma", [1e-6, 0.7, 1e6])
def test_posterior_samples_follow_the_posterior(family, sigma):
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


def test_a_pair_of_posterior_sample_and_noise_level_per_row():
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


def test_the_generator_alone_decides_the_draws():
    mixture, _ = example("full")
    state = torch.get_rng_state()
    draws = [mixture.sample(5, torch.Generator().manual_seed(9)) for _ in range(2)]
    assert bool((draws[0] == draws[1]).all())
    assert bool((torch.get_rng_state() == state).all())


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
    law = (weights, means, factors, stds)
    return draw(
        st.sampled_from(
            [
                lambda: GaussianMixture.low_rank(weights, means, factors, stds),
                lambda: GaussianMixture.low_rank(weights, means, factors, stds[:, 0]),
                lambda: GaussianMixture.diagonal(weights, means, stds),
                lambda: GaussianMixture.isotropic(weights, means, stds[:, 0]),
                lambda: GaussianMixture.full(weights, means, dense(law)),
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
