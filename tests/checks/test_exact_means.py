"""Means of known law: quantiles against mpmath and SciPy, boundaries, refusals."""

import math

import mpmath as mp
import numpy as np
import pytest
import xarray as xr
from scipy import stats

from theorylab import checks
from theorylab.checks.exact_means import chi_square_quantiles


@pytest.mark.parametrize("dof", [0.5, 1, 3, 40, 1e4, 9e5, 1.1e6, 2e9])
@pytest.mark.parametrize("q", [0.025, 5e-5, 5e-8])
def test_chi_square_quantiles_carry_their_probability(dof, q):
    """Oracle: the regularised incomplete gamma function of mpmath, or its saddle point."""
    low, high = map(float, chi_square_quantiles(dof, q))
    for quantile, upper in ((low, False), (high, True)):
        if dof <= 1e4:
            ends = (quantile / 2, mp.inf) if upper else (0, quantile / 2)
            with mp.workdps(30):
                p = float(mp.gammainc(mp.mpf(dof) / 2, *ends, regularized=True))
        else:
            p = lugannani_rice_tail(quantile, dof, upper)
        assert p == pytest.approx(q, rel=1e-4)


def lugannani_rice_tail(x: float, dof: float, upper: bool) -> float:
    """Saddle-point tail of chi-square; its relative error is of order 1 / dof."""
    with mp.workdps(40):
        x, k = mp.mpf(x), mp.mpf(dof)
        s = (1 - k / x) / 2
        w = mp.sign(s) * mp.sqrt(2 * (s * x + k / 2 * mp.log(1 - 2 * s)))
        u = s * mp.sqrt(2 * k) / (1 - 2 * s)
        tail = mp.ncdf(-w) + mp.npdf(w) * (1 / u - 1 / w)
        return float(tail if upper else 1 - tail)


def test_interval_is_the_textbook_one():
    e = checks.chi_square_mean(31.0, 20, 25.0, 0.5, "r", alpha=0.05)
    low, high = (31 * 20 / 25 / stats.chi2.ppf(p, 20) - 1 for p in (0.975, 0.025))
    assert float(e.lower) == pytest.approx(low, rel=1e-12)
    assert float(e.upper) == pytest.approx(high, rel=1e-12)
    assert float(e.estimate) == pytest.approx(31 / 25 - 1)
    assert e.level == "statistics"
    assert e.alpha == 0.05


def test_level_is_shared_by_the_points_that_are_judged():
    total = xr.DataArray([20.0, 21.0, 22.0, 23.0], dims="x", coords={"x": [0, 1, 2, 3]})
    four = checks.chi_square_mean(total, 20, 20.0, 1, "r", alpha=0.04)
    one = checks.chi_square_mean(23.0, 20, 20.0, 1, "r", alpha=0.01)
    assert float(four.upper[3]) == float(one.upper)
    two = checks.chi_square_mean(total, 20, 20.0, 1, "r", alpha=0.02, where=total.x > 1)
    assert float(two.upper[1]) == float(one.upper)
    assert (two.points, two.excluded) == (2, 2)


def test_lost_dimension_and_lost_factor_are_refuted():
    """The second moment of noise in d = 8, 2e5 samples: d - 1 and a factor .9 are told apart."""
    rng = np.random.default_rng(5)
    n, d = 200_000, 8
    total = (rng.standard_normal((n, d)) ** 2).sum()
    assert checks.chi_square_mean(total, n * d, n * d, 0.01, "r").verdict() == "supported"
    assert checks.chi_square_mean(total, n * d, n * (d - 1), 0.01, "r").verdict() == "refuted"
    assert checks.chi_square_mean(total, n * d, 0.9 * n * d, 0.01, "r").verdict() == "refuted"
    less = {"relation": "<=", "reason": "r"}
    assert checks.chi_square_mean(total, n * d, 1.1 * n * d, 0, **less).verdict() == "supported"
    assert checks.chi_square_mean(total, n * d, 0.9 * n * d, 0, **less).verdict() == "refuted"


def test_normal_mean_half_width():
    e = checks.normal_mean(3.0, 0.1, 2.5, 1, "r", scale=2.0, alpha=0.05)
    assert float(e.estimate) == pytest.approx(0.25)
    assert float(e.upper - e.estimate) == pytest.approx(1.959963985 * 0.05, rel=1e-9)
    assert float(e.estimate - e.lower) == pytest.approx(1.959963985 * 0.05, rel=1e-9)


@pytest.mark.parametrize("kind", [checks.chi_square_mean, checks.normal_mean])
def test_nan_is_inconclusive_and_no_point_too(kind):
    args = {"chi_square_mean": (10, 10.0), "normal_mean": (0.1, 1.0)}[kind.__name__]
    assert kind(math.nan, *args, 5, "r").verdict() == "inconclusive"
    none = kind(xr.DataArray([1.0], dims="x"), *args, 5, "r", where=xr.DataArray([False], dims="x"))
    assert none.verdict() == "inconclusive"
    assert (none.points, none.excluded) == (0, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checks.chi_square_mean(1.0, 0, 1.0, 0, "r"), "dof must be positive"),
        (lambda: checks.chi_square_mean(1.0, 1, -1.0, 0, "r"), "target must be positive"),
        (lambda: checks.chi_square_mean(1.0, 1, 1.0, -0.1, "r"), "margin must be >= 0"),
        (lambda: checks.chi_square_mean(1.0, 1, 1.0, math.nan, "r"), "margin must be >= 0"),
        (lambda: checks.chi_square_mean(1.0, 1, 1.0, 0, "r", alpha=0), "alpha"),
        (lambda: checks.chi_square_mean(1.0, 1, 1.0, 0, "r", relation="<"), "relation '<'"),
        (lambda: checks.chi_square_mean(1.0, 1, 1.0, 0, ""), "reason"),
        (lambda: checks.normal_mean(1.0, -1.0, 1.0, 0, "r"), "standard error"),
        (lambda: checks.normal_mean(1.0, 1.0, 1.0, 0, "r", scale=0), "scale"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
