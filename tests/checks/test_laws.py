"""KS distances against brute force and SciPy; the DKW verdicts; many dimensions; MMD."""

import itertools
import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from theorylab import checks
from theorylab.checks.laws import dkw_band

values = st.lists(st.integers(-6, 6), min_size=1, max_size=12)


def test_one_sample_distance_is_scipys(rng):
    x = rng.standard_normal(1000)
    assert checks.ks_distance(x, special.ndtr) == pytest.approx(
        stats.ks_1samp(x, stats.norm.cdf).statistic, abs=1e-15
    )


@settings(derandomize=True, deadline=None, max_examples=200)
@given(values, values)
def test_two_sample_distance_by_brute_force(first, second):
    """Oracle: both distribution functions counted at every point; ties included."""
    at = range(-7, 8)
    share = lambda sample, t: sum(v <= t for v in sample) / len(sample)
    brute = max(abs(share(first, t) - share(second, t)) for t in at)
    assert checks.ks_distance_two_samples(first, second) == pytest.approx(brute, abs=1e-15)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(values, st.integers(1, 5))
def test_distance_to_a_law_with_atoms(sample, n):
    """Binomial(n, 1/2): counted at every atom and just below it."""
    law = stats.binom(n, 0.5)
    share = lambda t: sum(v <= t for v in sample) / len(sample)
    below = lambda t: sum(v < t for v in sample) / len(sample)
    brute = max(
        max(abs(share(t) - law.cdf(t)), abs(below(t) - law.cdf(t - 1))) for t in range(-7, 8)
    )
    left = lambda x: law.cdf(x - 1e-9)
    assert checks.ks_distance(sample, law.cdf, left) == pytest.approx(brute, abs=1e-12)


def test_a_hundred_thousand_samples_see_two_percent(rng):
    n = 100_000
    x = rng.standard_normal(n)
    near, far = (checks.ks_distance(x, lambda t, s=s: special.ndtr(t / s)) for s in (1.0, 1.1))
    assert dkw_band(n, 1e-4) < 0.01
    assert checks.law_1d(near, n, 0.015, "r").verdict() == "supported"
    assert checks.law_1d(far, n, 0.01, "r").verdict() == "refuted"
    assert checks.law_1d(near, n, 0.005, "r").verdict() == "inconclusive"
    assert checks.law_1d(math.nan, n, 0.5, "r").verdict() == "inconclusive"


def test_band_is_massarts_and_shared_by_points():
    d = xr.DataArray([0.1, 0.2], dims="x")
    e = checks.law_1d(d, 1000, 1, "r", alpha=0.02)
    assert float(e.upper[1]) == pytest.approx(0.2 + math.sqrt(math.log(2 / 0.01) / 2000))
    two = checks.law_1d(0.1, 1000, 1, "r", m=500, alpha=0.02)
    half = sum(math.sqrt(math.log(2 / 0.01) / (2 * n)) for n in (1000, 500))
    assert float(two.upper) == pytest.approx(0.1 + half)


def correlated(rng, n, rho):
    z = rng.standard_normal((n, 3))
    z[:, 1] = rho * z[:, 0] + math.sqrt(1 - rho**2) * z[:, 1]
    return z


def test_law_sees_correlation_that_marginals_do_not(rng):
    n = 20_000
    reference = correlated(rng, n, 0.0)
    arms = {rho: correlated(rng, n, rho) for rho in (0.0, 0.5)}
    found = {
        rho: checks.law(checks.feature_distances(x, reference), n, 0.06, "r", m=n)
        for rho, x in arms.items()
    }
    assert found[0.0].verdict() == "supported"
    assert found[0.5].verdict() == "refuted"
    assert "largest over" in found[0.5].note
    marginals = max(
        checks.ks_distance_two_samples(arms[0.5][:, j], reference[:, j]) for j in range(3)
    )
    assert checks.law_1d(marginals, n, 0.06, "r", m=n).verdict() == "supported"


def test_law_sees_a_permuted_pairing(rng):
    """Shuffled pairs keep both marginals; products of neighbouring axes give them away."""
    n = 20_000
    pairs = np.repeat(rng.standard_normal((n, 1)), 2, axis=1)
    shuffled = np.stack([pairs[:, 0], rng.permutation(pairs[:, 1])], axis=1)
    other = np.repeat(rng.standard_normal((n, 1)), 2, axis=1)
    distances = checks.feature_distances(shuffled, other, directions=2)
    assert "x0 * x1" in distances.feature.values
    assert checks.law(distances, n, 0.1, "r", m=n).verdict() == "refuted"


def test_exact_projections_and_the_level_of_features(rng):
    n = 50_000
    x = rng.standard_normal((n, 6)) * np.arange(1, 7)
    scales = np.arange(1, 7)

    def cdf(directions):
        sds = np.sqrt(((directions * scales) ** 2).sum(1))
        return [lambda t, s=s: special.ndtr(t / s) for s in sds]

    distances = checks.feature_distances(x, cdf=cdf, products=False, directions=4)
    assert distances.sizes["feature"] == 8
    e = checks.law(distances, n, 0.03, "r", alpha=0.01)
    assert e.verdict() == "supported"
    assert e.alpha == 0.01
    band = math.sqrt(math.log(2 * 8 / 0.01) / (2 * n))
    assert float(e.upper - e.estimate) == pytest.approx(band)
    wrong = checks.feature_distances(1.1 * x, cdf=cdf, products=False, directions=4)
    assert checks.law(wrong, n, 0.01, "r").verdict() == "refuted"


def test_features_do_not_depend_on_the_samples(rng):
    a, b = rng.standard_normal((2, 100, 5))
    one, two = (checks.feature_distances(x, b) for x in (a, b))
    assert one.feature.values.tolist() == two.feature.values.tolist()
    assert float(two.max()) == 0


def test_law_with_other_points(rng):
    distances = xr.DataArray(
        [[0.01, 0.02], [0.5, 0.01]],
        dims=("t", "feature"),
        coords={"t": [0, 1], "feature": ["x0", "x1"]},
    )
    e = checks.law(distances, 100_000, 0.1, "r")
    assert e.verdict() == "refuted"
    assert "at x0" in e.note
    kept = checks.law(distances, 100_000, 0.1, "r", where=distances.t < 1)
    assert kept.verdict() == "supported"
    assert "at x1" in kept.note
    hole = distances.where(distances != 0.02)
    assert checks.law(hole, 100_000, 0.1, "r", where=distances.t < 1).verdict() == "inconclusive"


def test_mmd_by_brute_force(rng):
    x, y = rng.standard_normal((7, 2)), rng.standard_normal((5, 2)) + 1
    kernel = lambda a, b: math.exp(-((a - b) ** 2).sum() / (2 * 1.3**2))
    mean = lambda a, b: np.mean([kernel(p, q) for p, q in itertools.product(a, b)])
    brute = math.sqrt(mean(x, x) + mean(y, y) - 2 * mean(x, y))
    assert checks.mmd_distance(x, y, bandwidth=1.3) == pytest.approx(brute, rel=1e-12)
    shifted = checks.mmd_distance(x + 1e5, y + 1e5, bandwidth=1.3)
    assert shifted == pytest.approx(brute, rel=1e-8)
    assert checks.mmd_distance(x, x, bandwidth=1.3) == pytest.approx(0, abs=1e-7)


def test_mmd_interval_is_bias_plus_mcdiarmid():
    e = checks.mmd(xr.DataArray([0.5, 0.6], dims="x"), 400, 100, 1, "r", alpha=0.02)
    half = 0.05 + 0.1 + math.sqrt((1 / 400 + 1 / 100) * math.log(1 / 0.01))
    assert float(e.upper[1]) == pytest.approx(0.6 + half)
    assert float(e.lower[1]) == pytest.approx(0.6 - half)


def test_mmd_verdicts(rng):
    n = 4000
    x, y = rng.standard_normal((2, n, 2))
    same, shuffled = (checks.mmd_distance(x, z, 1.0) for z in (y, np.stack([y[:, 0]] * 2, 1)))
    assert checks.mmd(same, n, n, 0.15, "r").verdict() == "supported"
    assert checks.mmd(shuffled, n, n, 0.15, "r").verdict() == "refuted"
    assert checks.mmd(math.nan, n, n, 0.15, "r").verdict() == "inconclusive"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checks.ks_distance([1.0, math.nan], special.ndtr), "finite"),
        (lambda: checks.ks_distance([], special.ndtr), "1-D"),
        (lambda: checks.ks_distance_two_samples([[1.0]], [1.0]), "1-D"),
        (lambda: checks.law_1d(1.2, 10, 0.1, "r"), "outside"),
        (lambda: checks.law_1d(0.2, 10, 0.1, "r", alpha=2), "alpha"),
        (lambda: checks.law(0.2, 10, 0.1, "r"), "no dimension 'feature'"),
        (lambda: checks.law(xr.DataArray([], dims="feature"), 10, 0.1, "r"), "at least one"),
        (lambda: checks.feature_distances(np.ones((3, 2))), "either"),
        (lambda: checks.feature_distances(np.ones(3), np.ones(3)), "shape"),
        (lambda: checks.feature_distances(np.ones((3, 2)), np.ones((3, 1))), "dimensional"),
        (lambda: checks.feature_distances(np.ones((3, 2)), cdf=len), "products=False"),
        (lambda: checks.mmd(-0.1, 10, 10, 0.1, "r"), "negative"),
        (lambda: checks.mmd_distance(np.ones((3, 2)), np.ones((3, 1)), 1.0), "shapes"),
        (lambda: checks.mmd_distance(np.ones((3, 2)), np.ones((3, 2)), 0.0), "bandwidth"),
        (lambda: checks.mmd_distance(np.full((3, 2), math.inf), np.ones((3, 2)), 1.0), "finite"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
