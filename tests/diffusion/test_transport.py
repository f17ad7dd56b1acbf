"""Wasserstein distances against closed forms, brute force, linear programming and mpmath."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, sparse, special, stats

from theorylab.diffusion import transport
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.transport import (
    diagonal_gaussian_w2,
    dirac_w2,
    discrete_w2,
    discrete_w2_1d,
    gaussian_w2,
    w2_1d,
    w2_shift,
    w2_squared_from_quantiles,
)


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


def spd(rng, dim, rank=None):
    factor = rng.standard_normal((dim, rank or dim + 2))
    return factor @ factor.T


def bures_by_mpmath(s1, s2):
    """tr(S1 + S2 - 2 (S1^{1/2} S2 S1^{1/2})^{1/2}) at 50 digits."""
    with mpmath.workdps(50):

        def root(matrix):
            values, vectors = mpmath.eigsy(matrix)
            roots = mpmath.diag([mpmath.sqrt(max(v, 0)) for v in values])
            return vectors * roots * vectors.T

        first, second = mpmath.matrix(s1.tolist()), mpmath.matrix(s2.tolist())
        half = root(first)
        inner = root(half * second * half)
        return float(sum(first[i, i] + second[i, i] - 2 * inner[i, i] for i in range(len(s1))))


@settings(derandomize=True, deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), dim=st.integers(1, 5), scale=st.floats(-4, 4))
def test_gaussian_against_mpmath(seed, dim, scale):
    rng = np.random.default_rng(seed)
    s1, s2 = spd(rng, dim), spd(rng, dim) * 10.0**scale
    m1, m2 = rng.standard_normal((2, dim))
    exact = math.sqrt(float(((m1 - m2) ** 2).sum()) + bures_by_mpmath(s1, s2))
    assert float(gaussian_w2(m1, s1, m2, s2)) == pytest.approx(exact, rel=1e-13)
    assert float(gaussian_w2(m2, s2, m1, s1)) == pytest.approx(exact, rel=1e-13)


def test_gaussian_against_matrix_square_roots_in_high_dimension():
    rng = np.random.default_rng(1)
    s1, s2 = spd(rng, 60), spd(rng, 60)
    half = scipy.linalg.sqrtm(s1)
    squared = np.trace(s1 + s2 - 2 * scipy.linalg.sqrtm(half @ s2 @ half).real)
    assert float(gaussian_w2(np.zeros(60), s1, np.zeros(60), s2)) ** 2 == pytest.approx(squared)


@pytest.mark.parametrize("epsilon", [1e-3, 1e-6, 1e-9, 1e-12])
def test_gaussian_keeps_the_digits_of_close_laws(epsilon):
    """W2(N(0, S), N(0, (1 + e)^2 S)) = e sqrt(tr S); by the trace form W2^2 would be rounding."""
    s = spd(np.random.default_rng(2), 6)
    exact = epsilon * math.sqrt(np.trace(s))
    got = float(gaussian_w2(np.zeros(6), s, np.zeros(6), s * (1 + epsilon) ** 2))
    assert got == pytest.approx(exact, rel=1e-12 + 1e-14 / epsilon)
    values = np.linalg.eigvalsh(s @ s * (1 + epsilon) ** 2)
    trace_form = np.trace(s) * (1 + (1 + epsilon) ** 2) - 2 * np.sqrt(values.clip(0)).sum()
    if epsilon <= 1e-9:
        assert abs(trace_form - exact**2) > 0.5 * exact**2


def test_gaussian_singular_covariances():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 7))
    zero = np.zeros(7)
    lines = math.sqrt(a @ a + b @ b - 2 * abs(a @ b))  # the closed form for two rank-one laws
    got = gaussian_w2(zero, np.outer(a, a), zero, np.outer(b, b))
    assert float(got) == pytest.approx(lines, rel=1e-13)
    s = spd(rng, 7)
    to_point = math.sqrt(np.trace(s) + a @ a)
    assert float(gaussian_w2(a, s, zero, np.zeros((7, 7)))) == pytest.approx(to_point, rel=1e-14)
    assert float(dirac_w2(a, np.trace(s), zero)) == pytest.approx(to_point, rel=1e-14)
    assert float(gaussian_w2(zero, np.outer(a, a), zero, np.outer(a, a))) < 1e-14


def test_gaussian_batches_and_diagonal_laws():
    rng = np.random.default_rng(4)
    means, stds = rng.standard_normal((2, 3, 4)), rng.random((2, 3, 4))
    covs = torch.from_numpy(stds**2).diag_embed()
    got = gaussian_w2(means[0], covs[0], means[1], covs[1])
    assert got.shape == (3,)
    by_hand = np.sqrt(((means[0] - means[1]) ** 2 + (stds[0] - stds[1]) ** 2).sum(-1))
    assert got.numpy() == pytest.approx(by_hand, rel=1e-13)
    assert diagonal_gaussian_w2(means[0], stds[0], means[1], stds[1]).numpy() == pytest.approx(
        by_hand, rel=1e-14
    )
    # isotropic: |m|^2 + d (s1 - s2)^2 = 4 + 9 * 16 in d = 16
    assert float(diagonal_gaussian_w2(torch.full((16,), 0.5), 5.0, torch.zeros(16), 2.0)) == (
        math.sqrt(4 + 9 * 16)
    )


def test_shift():
    v = f64(3.0, 4.0)
    assert float(w2_shift(v)) == 5
    s = spd(np.random.default_rng(5), 2)
    assert float(gaussian_w2(v, s, f64(0.0, 0.0), s)) == pytest.approx(5, rel=1e-14)
    x = np.random.default_rng(6).standard_normal((40, 2))
    assert discrete_w2(x, None, x + v.numpy(), None) == pytest.approx(5, rel=1e-14)


def by_linear_program(x, a, y, b):
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    n, m = cost.shape
    rows = sparse.kron(sparse.eye(n), np.ones((1, m)))
    columns = sparse.kron(np.ones((1, n)), sparse.eye(m))
    solved = optimize.linprog(
        cost.flatten(), A_eq=sparse.vstack([rows, columns]), b_eq=np.concatenate([a, b])
    )
    return math.sqrt(solved.fun)


laws = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(0, 10**6))


@settings(derandomize=True, deadline=None, max_examples=30)
@given(law=laws, dim=st.integers(1, 3))
def test_discrete_against_highs(law, dim):
    n, m, seed = law
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, dim)), rng.standard_normal((m, dim)) + 1
    a, b = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(m))
    a[0], a[-1] = (a[0] + a[-1], 0.0) if n > 1 else (a[0], a[0])  # a point without weight
    exact = by_linear_program(x, a, y, b)
    assert discrete_w2(x, a, y, b) == pytest.approx(exact, rel=1e-9)
    assert discrete_w2(y, b, x, a) == pytest.approx(exact, rel=1e-9)
    if dim == 1:
        assert discrete_w2_1d(x[:, 0], a, y[:, 0], b) == pytest.approx(exact, rel=1e-9)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(n=st.integers(1, 6), dim=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_equal_samples_against_every_permutation(n, dim, seed):
    x, y = np.random.default_rng(seed).standard_normal((2, n, dim))
    best = min(((x - y[list(order)]) ** 2).sum() / n for order in itertools.permutations(range(n)))
    assert discrete_w2(x, None, y, None) == pytest.approx(math.sqrt(best), rel=1e-13)
    if dim == 1:
        assert w2_1d(x[:, 0], y[:, 0]) == pytest.approx(math.sqrt(best), rel=1e-13)


def test_two_solvers_agree_on_a_larger_problem():
    """The network simplex (weights given) and the Hungarian method (None) take separate routes."""
    x, y = np.random.default_rng(7).standard_normal((2, 300, 5))
    uniform = np.full(300, 1 / 300)
    by_matching = discrete_w2(x, None, y, None)
    assert discrete_w2(x, uniform, y, uniform) == pytest.approx(by_matching, rel=1e-12)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(n=st.integers(1, 40), m=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_unequal_samples_are_repeated_to_one_size(n, m, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(n), rng.standard_normal(m) * 2
    exact = w2_1d(np.repeat(x, m), np.repeat(y, n))
    assert discrete_w2_1d(x, None, y, None) == pytest.approx(exact, rel=1e-13)
    assert discrete_w2_1d(x, np.full(n, 1 / n), y, np.full(m, 1 / m)) == pytest.approx(
        exact, rel=1e-12
    )
    assert discrete_w2_1d(x, None, np.repeat(x, 6), None) == 0


def test_distant_points_that_differ_little():
    x = np.linspace(0, 1, 50)[:, None] + 1e6
    y = x + 2.0**-20
    for distance in (discrete_w2(x, None, y, None), w2_1d(x[:, 0], y[:, 0])):
        assert distance == pytest.approx(2.0**-20, rel=1e-14)


@pytest.mark.parametrize(
    ("first", "second", "exact"),
    [
        (stats.norm(0, 1), stats.norm(0.5, 2), 1.25),
        (stats.norm(0, 1), stats.norm(1e-5, 1), 1e-10),
        (stats.norm(3, 1), stats.norm(3, 1 + 1e-6), 1e-12),
        (stats.logistic(1, 2), stats.logistic(0, 1), 1 + math.pi**2 / 3),
        (stats.expon(0, 3), stats.expon(0, 1), 8.0),
        (stats.uniform(0, 1), stats.uniform(0.5, 3), (0.5 + 1) ** 2 + 4 / 12),
        (stats.uniform(0, 1), stats.expon(), 1 / 3 + 2 - 2 * 0.75),
    ],
)
def test_quantiles_against_closed_forms(first, second, exact):
    got = w2_squared_from_quantiles(first.ppf, second.ppf)
    assert abs(got.value - exact) <= got.error
    # 4 ulp of quantiles near 10 against a difference of 1e-6 is 1e-8
    assert got.error <= (1e-8 if exact < 1e-9 else 1e-9) * exact


def test_equal_laws_are_at_distance_zero():
    got = w2_squared_from_quantiles(stats.norm(5, 2).ppf, stats.norm(5, 2).ppf)
    assert got.value == 0 and got.error < 1e-25


@pytest.mark.parametrize("sigma", [1e-4, 0.01, 0.3, 1.0, 4.0])
def test_two_points_and_their_blur(sigma):
    """X = +-1, Y = X + sigma noise: the coupling is X = sign(Y), W2^2 = E(|Y| - 1)^2."""
    mixture = GaussianMixture.isotropic(f64(0.5, 0.5), f64([-1.0], [1.0]), f64(0.0, 0.0))

    def integrand(y):
        densities = stats.norm.pdf(y, 1, sigma) + stats.norm.pdf(y, -1, sigma)
        return (y - 1) ** 2 * densities

    pieces = sorted({0.0, *(max(0.0, 1 + k * sigma) for k in (-12, -4, -1, 0, 1, 4, 12))})
    exact = math.fsum(
        integrate.quad(integrand, low, high, epsabs=1e-13 * sigma**2, epsrel=1e-12)[0]
        for low, high in itertools.pairwise(pieces)
    )
    got = w2_squared_from_quantiles(
        lambda u: mixture.quantile(u, sigma), lambda u: torch.where(u <= 0.5, -1.0, 1.0)
    )
    assert abs(got.value - exact) <= got.error + 1e-11 * exact
    assert got.error < 1e-9 * exact


@pytest.mark.parametrize("block", range(5))
def test_error_covers_the_logarithmic_pole_between_two_modes(block):
    """Far apart modes: W2^2 = sigma^2 exactly, and at u = weight the integrand is infinite.

    The first cases are those where rules of 17 and 9 nodes agree by accident: an error taken from
    their difference alone is up to 100 times too small there.
    """
    rng, sigma = np.random.default_rng(block), 0.01
    cases = [(0.6066357757671799, 1.28e-4), (0.6291081515397092, 3.1e-3), (0.80971077591, 8.4e-6)]
    cases += [(rng.random(), 10 ** rng.uniform(-10, -2)) for _ in range(60)]
    for weight, rtol in cases:

        def blurred(u, weight=weight):
            left = np.clip(u.numpy() / weight, 1e-17, 1 - 2e-16)
            right = np.clip((u.numpy() - weight) / (1 - weight), 1e-17, 1 - 2e-16)
            within = np.where(u <= weight, special.ndtri(left), special.ndtri(right))
            return np.where(u <= weight, -1, 1) + sigma * within

        def points(u, weight=weight):
            return np.where(u <= weight, -1, 1)

        got = w2_squared_from_quantiles(blurred, points, rtol)
        assert abs(got.value - sigma**2) <= got.error <= 1.1 * rtol * sigma**2


def enclosure(quantile1, quantile2, n=6_000):
    """Bounds of W2^2 between u = 1/n and 1 - 1/n, from the monotonicity of both functions alone."""
    u = torch.arange(1, n, dtype=torch.float64) / n
    first, second = quantile1(u).numpy(), quantile2(u).numpy()
    highest, lowest = first[1:] - second[:-1], first[:-1] - second[1:]
    above = np.maximum(highest**2, lowest**2)
    below = np.where(highest * lowest < 0, 0, np.minimum(highest**2, lowest**2))
    return below.sum() / n, above.sum() / n


@pytest.mark.parametrize(
    ("weights", "means", "stds"),
    [
        ((0.4, 0.2, 0.4), (-10.0, 0.0, 10.0), (0.5, 0.5, 0.5)),
        ((0.7, 0.3), (0.0, 1.0), (1.0, 0.05)),
        ((0.999, 0.001), (0.0, 30.0), (1.0, 1.0)),
    ],
)
def test_mixtures_lie_in_the_monotone_enclosure(weights, means, stds):
    first = GaussianMixture.isotropic(f64(*weights), f64(*means)[:, None], f64(*stds))
    second = GaussianMixture.isotropic(f64(0.5, 0.5), f64([-3.0], [4.0]), f64(1.0, 2.0))
    got = w2_squared_from_quantiles(first.quantile, second.quantile, rtol=1e-6)
    below, above = enclosure(first.quantile, second.quantile)
    # the two ends left out of the enclosure: probability 2/6000, gaps below 8 (31 in the last case)
    ends = 2 / 6_000 * (31**2 if max(means) == 30 else 8**2)
    assert below <= got.value <= above + ends
    assert above + ends - below < 0.1 * got.value


@pytest.mark.parametrize("seed", range(12))
def test_quantiles_of_discrete_laws_agree_with_their_sum(seed):
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.standard_normal(5)), np.sort(rng.standard_normal(4)) + 1
    a, b = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(4))

    def step(points, weights):
        reached = np.cumsum(weights)[:-1]
        return lambda u: points[np.searchsorted(reached, u.numpy())]

    got = w2_squared_from_quantiles(step(x, a), step(y, b))
    exact = discrete_w2_1d(x, a, y, b) ** 2
    assert abs(got.value - exact) <= got.error < 1e-9 * exact


def test_quantile_refusals():
    normal = stats.norm.ppf
    with pytest.raises(ValueError, match=r"quantile2 must return shape \(544,\)"):
        w2_squared_from_quantiles(normal, lambda u: 0.0)
    with pytest.raises(ValueError, match="quantile1 returned a value that is not finite"):
        w2_squared_from_quantiles(lambda u: np.where(u > 0.9, np.nan, u), normal)
    with pytest.raises(ValueError, match="rtol must lie between 0 and 1; got 0"):
        w2_squared_from_quantiles(normal, normal, rtol=0)
    rng = np.random.default_rng(9)
    with pytest.raises(RuntimeError, match="ask for a larger rtol"):
        w2_squared_from_quantiles(lambda u: normal(u) + rng.standard_normal(len(u)), normal)


def test_weights_and_points_are_checked():
    x = np.arange(6.0).reshape(3, 2)
    for distance, points in ((discrete_w2, x), (discrete_w2_1d, x[:, 0])):
        for weights in ([0.5, 0.5], [1.5, -0.5, 0.0], [0.3, 0.3, 0.3], [math.nan, 0.5, 0.5]):
            with pytest.raises(ValueError, match=r"^b must"):
                distance(points, None, points, weights)
        with pytest.raises(ValueError, match=r"^x must be finite"):
            distance(points * math.nan, None, points, None)
    with pytest.raises(ValueError, match="one dimension; got 2 and 1"):
        discrete_w2(x, None, x[:, :1], None)
    with pytest.raises(ValueError, match="samples of one size; got 3 and 2"):
        w2_1d([0, 1, 2], [0, 1])


def test_gaussian_refusals():
    zero, one = torch.zeros(2), torch.eye(2)
    with pytest.raises(ValueError, match=r"cov2 must have shape \(\.\.\., 2, 2\); got \(3, 3\)"):
        gaussian_w2(zero, one, zero, torch.eye(3))
    with pytest.raises(ValueError, match="cov1 must be symmetric"):
        gaussian_w2(zero, f64([1.0, 0.5], [0.0, 1.0]), zero, one)
    with pytest.raises(ValueError, match="cov1 must be symmetric and finite"):
        gaussian_w2(zero, one * math.nan, zero, one)
    with pytest.raises(ValueError, match=r"semidefinite; its least eigenvalue is -1"):
        gaussian_w2(zero, one, zero, -one)
    with pytest.raises(ValueError, match="at least 0"):
        diagonal_gaussian_w2(zero, -1.0, zero, 1.0)
    with pytest.raises(ValueError, match="covariance_trace"):
        dirac_w2(zero, -1.0, zero)


@pytest.mark.parametrize("fault", ["warning", "value", "dual"])
def test_a_linear_program_that_was_not_solved_is_an_error(monkeypatch, fault):
    import ot.lp

    solve = ot.lp.emd2

    def faulty(a, b, cost, **options):
        value, log = solve(a, b, cost, **options)
        if fault == "warning":
            log["warning"] = "numItermax reached before optimality"
        elif fault == "value":
            value *= 1 + 1e-6
        else:
            log["u"] = log["u"] + 1e-3 * np.eye(8)[0]
        return value, log

    monkeypatch.setattr(ot.lp, "emd2", faulty)
    x, y = np.random.default_rng(10).standard_normal((2, 8, 2))
    weights = np.arange(1, 9) / 36
    with pytest.raises(RuntimeError, match=r"not solved: numItermax|is not optimal"):
        transport.discrete_w2(x, weights, y, None)


def test_given_jumps_cost_little_and_change_nothing():
    points, weights = np.array([-1.0, 0.5, 2.0]), np.array([0.2, 0.5, 0.3])
    cumulative = np.cumsum(weights)[:-1]
    calls = []

    def steps(u):
        calls.append(len(u))
        return torch.from_numpy(points[np.searchsorted(cumulative, u.numpy())])

    normal = torch.special.ndtri
    blind = w2_squared_from_quantiles(steps, normal, rtol=1e-8)
    blind_cost, calls[:] = sum(calls), []
    told = w2_squared_from_quantiles(steps, normal, rtol=1e-8, jumps=cumulative)
    assert sum(calls) < blind_cost / 2
    # E(x - z)^2 = E x^2 + 1 - 2 sum x_i (phi(a_i) - phi(a_{i+1})) for a step against a normal.
    a = np.concatenate([[-np.inf], scipy.stats.norm.ppf(cumulative), [np.inf]])
    cross = points @ -np.diff(scipy.stats.norm.pdf(a))
    exact = weights @ points**2 + 1 - 2 * cross
    assert abs(told.value - exact) < 1e-10
    assert abs(blind.value - exact) < 1e-7
    with pytest.raises(ValueError, match="jumps"):
        w2_squared_from_quantiles(steps, normal, jumps=[0.0])
