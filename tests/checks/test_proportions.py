"""Clopper and Pearson's interval against SciPy, and its verdicts."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from theorylab import checks
from theorylab.checks.proportions import clopper_pearson


@settings(derandomize=True, deadline=None, max_examples=100)
@given(n=st.integers(1, 10**6), share=st.floats(0, 1), q=st.floats(1e-6, 0.1))
def test_limits_solve_the_binomial_equations(n, share, q):
    """Oracle: binomial tail probabilities at the limits."""
    count = round(share * n)
    lower, upper = map(float, clopper_pearson(count, n, q))
    assert lower <= count / n <= upper
    assert lower == 0 if count == 0 else stats.binom.sf(count - 1, n, lower) == pytest.approx(q)
    if count == n:
        assert upper == 1
    elif upper < 1 - 1e-9:  # closer to 1 a float no longer resolves 1 - p
        assert stats.binom.cdf(count, n, upper) == pytest.approx(q, rel=1e-5)


def test_true_probability_bound_and_false_neighbours():
    """A tail of the normal law, one million samples: 2 exp(-t^2 / 2) holds, half of it does not."""
    z = np.abs(np.random.default_rng(3).standard_normal(10**6))
    t = xr.DataArray([0.25, 0.5], dims="t", coords={"t": [0.25, 0.5]})
    count = (xr.DataArray(z, dims="z") > t).sum("z")
    options = {"margin": 0, "reason": "r", "relation": "<="}
    assert checks.proportion(count, 10**6, 2 * np.exp(-(t**2) / 2), **options).verdict() == (
        "supported"
    )
    assert checks.proportion(count, 10**6, 0.4 * np.exp(-(t**2) / 2), **options).verdict() == (
        "refuted"
    )
    exact = 2 * stats.norm.sf(t.values)
    equal = {"margin": 0.005, "reason": "r"}
    assert checks.proportion(count, 10**6, t.copy(data=exact), **equal).verdict() == "supported"
    assert checks.proportion(count, 10**6, t.copy(data=exact * 0.95), **equal).verdict() == (
        "refuted"
    )


def test_no_trial_says_nothing():
    e = checks.proportion(0, 0, 0.5, 0.4, "r")
    assert e.verdict() == "inconclusive"


def test_points_left_are_counted():
    n = xr.DataArray([10, 10**6], dims="x")
    e = checks.proportion(n // 2, n, 0.5, 0.01, "r", where=n > 100)
    assert e.verdict() == "supported"
    assert (e.points, e.excluded) == (1, 1)
    assert e.samples.values.tolist() == [10**6]


@pytest.mark.parametrize(("count", "n"), [(3, 2), (-1, 2), (math.nan, 2)])
def test_impossible_counts_are_refused(count, n):
    with pytest.raises(ValueError, match="0 <= count <= n"):
        checks.proportion(count, n, 0.5, 0.1, "r")
