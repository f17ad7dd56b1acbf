"""Means of unknown law: Hall's transformation, the empirical Bernstein bound, moments."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from theorylab import checks
from theorylab.checks.means import MAX_SKEW_SHIFT, TAIL_SAFETY, hall_interval


def samples(rng, shape=(500, 3)):
    return xr.DataArray(rng.gamma(2.0, size=shape), dims=("sample", "x"))


def test_central_moments_are_scipys(rng):
    x = samples(rng)
    n, average, variance, third = checks.central_moments(x)
    assert n.values.tolist() == [500] * 3
    np.testing.assert_allclose(average, x.values.mean(0))
    np.testing.assert_allclose(variance, x.values.var(0, ddof=1))
    np.testing.assert_allclose(third, stats.moment(x.values, 3))
    assert checks.central_moments(x.values).average.dims == ("axis_1",)
    x[3, 1] = math.nan
    assert np.isnan(checks.central_moments(x).variance.values).tolist() == [False, True, False]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    n=st.integers(50, 10**6),
    variance=st.floats(1e-6, 1e6),
    share=st.floats(-1, 1),
    q=st.floats(1e-8, 0.05),
)
def test_limits_solve_halls_equation(n, variance, share, q):
    """Oracle: put the limits back into the cubic; it must give Student's quantiles."""
    skew = share * MAX_SKEW_SHIFT * math.sqrt(n) / -special.ndtri(q / TAIL_SAFETY) * 0.999
    below, above = hall_interval(n, variance, skew * variance**1.5, q)
    quantile = stats.t.isf(q / TAIL_SAFETY, n - 1)
    for t, expected in ((below, quantile), (-above, -quantile)):
        t = float(t) / math.sqrt(variance)
        u = t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * n)
        assert math.sqrt(n) * u == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_positive_skewness_moves_the_interval_up(rng):
    """The mean of squares tends to lie above the average: the upper arm is the longer one."""
    e = checks.mean(*checks.central_moments(rng.standard_normal(20_000) ** 2), 1.0, 0.1, "r")
    assert float(e.upper - e.estimate) > 1.05 * float(e.estimate - e.lower)
    assert e.verdict() == "supported"


def test_lost_factor_is_refuted(rng):
    x = samples(rng, (20_000, 3))
    assert checks.mean(*checks.central_moments(x), 2.0, 0.1, "r").verdict() == "supported"
    assert checks.mean(*checks.central_moments(x), 2.2, 0.1, "r").verdict() == "refuted"
    assert checks.mean(*checks.central_moments(x), 4.0, 0.1, "r", scale=2.0).verdict() == "refuted"


@pytest.mark.parametrize(
    "values",
    [
        np.array([3.0]),
        np.full(1000, 0.1),  # its computed variance is rounding, not 0
        np.array([0.0] * 999 + [1.0]),
        np.random.default_rng(0).standard_normal(50) ** 4,
    ],
    ids=["one", "equal", "one event", "fourth powers"],
)
def test_too_few_samples_for_their_skewness_bound_nothing(values):
    e = checks.mean(*checks.central_moments(values), 0.0, 100, "r")
    assert e.verdict() == "inconclusive"
    assert "too few" in e.why_inconclusive()


def test_common_random_numbers_see_what_separate_ones_do_not(rng):
    shared = rng.standard_normal((4000, 1))
    first, second = (xr.DataArray(shared + d, dims=("sample", "x")) for d in (0.03, 0.0))
    first = first + 0.01 * rng.standard_normal(first.shape)
    paired = checks.paired_mean(first, second, 0.01, "r", target=0.03)
    assert paired.verdict() == "supported"
    assert checks.paired_mean(first, second, 0.01, "r").verdict() == "refuted"
    n, average, variance, third = checks.central_moments(first)
    assert checks.mean(n, average, variance, third, 0.0, 0.01, "r").verdict() == "inconclusive"


def test_empirical_bernstein_formula():
    """Maurer and Pontil 2009, Theorem 4, written out for one case."""
    e = checks.bounded_mean(100, 0.4, 0.05, 0.0, 2.0, 0.5, 1, "r", alpha=0.1)
    half = math.sqrt(2 * 0.05 * math.log(2 / 0.05) / 100) + 7 * 2 * math.log(2 / 0.05) / (3 * 99)
    assert float(e.upper) == pytest.approx(0.4 + half - 0.5)
    assert float(e.lower) == pytest.approx(max(0.4 - half, 0) - 0.5)


def test_bounded_mean_never_leaves_its_range():
    e = checks.bounded_mean(10, 1.0, 0.0, 0.0, 1.0, 0.0, 2, "r")
    assert float(e.upper) == 1
    one = checks.bounded_mean(1, 0.5, 0.0, 0.0, 1.0, 0.0, 0.7, "r")
    assert (float(one.lower), float(one.upper)) == (0, 1)
    assert one.verdict() == "inconclusive"


@pytest.mark.parametrize(
    "judge",
    [
        lambda v: checks.mean(100, v, 1.0, 0.0, 0.0, 5, "r"),
        lambda v: checks.mean(100, 0.0, v, 0.0, 0.0, 5, "r"),
        lambda v: checks.mean(100, 0.0, 1.0, v, 0.0, 5, "r"),
        lambda v: checks.bounded_mean(100, v, 1.0, 0.0, 1.0, 0.0, 5, "r"),
        lambda v: checks.bounded_mean(100, 0.0, v, 0.0, 1.0, 0.0, 5, "r"),
    ],
)
def test_nan_is_never_supported(judge):
    assert judge(math.nan).verdict() == "inconclusive"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checks.mean(10, 0.0, -1.0, 0.0, 0.0, 1, "r"), "variance is negative"),
        (lambda: checks.mean(10, 0.0, 1.0, 0.0, 0.0, 1, "r", scale=-1), "scale"),
        (lambda: checks.bounded_mean(10, 3.0, 1.0, 0.0, 1.0, 0.0, 1, "r"), "outside"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
