"""Observations paired over seeds: intervals by t and by order statistics."""

import math

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from theorylab import checks


def seeds(values):
    return xr.DataArray(np.asarray(values, dtype=float), dims="seed")


def test_t_interval_is_scipys(rng):
    first, second = rng.standard_normal((2, 12))
    e = checks.observation(seeds(first), seeds(second), 0, "r", "two nets", alpha=0.05)
    low, high = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert float(e.lower) == pytest.approx(low)
    assert float(e.upper) == pytest.approx(high)
    assert e.level == "observation"
    assert e.note.startswith("two nets")


@pytest.mark.parametrize("n", [15, 16, 40, 200])
def test_order_statistics_have_their_exact_level(n):
    """Oracle: the binomial probability that the median lies outside, for the chosen ranks."""
    difference = seeds(np.arange(n))
    e = checks.observation(difference, 0 * difference, 0, "r", "s", method="sign")
    k = int(e.lower)
    assert int(e.upper) == n - 1 - k
    assert 2 * stats.binom.cdf(k, n, 0.5) <= 1e-4
    assert 2 * stats.binom.cdf(k + 1, n, 0.5) > 1e-4


def test_fewer_than_fifteen_signs_say_nothing():
    difference = seeds(np.full(14, -3.0))
    e = checks.observation(difference, 0 * difference, 0, "r", "s", method="sign")
    assert e.verdict() == "inconclusive"
    assert "nothing bounds" in e.why_inconclusive()
    more = seeds(np.full(15, -3.0))
    assert checks.observation(more, 0 * more, 0, "r", "s", method="sign").verdict() == "supported"


@pytest.mark.parametrize("method", ["t", "sign"])
def test_pairing_removes_what_both_share(method, rng):
    luck = 10 * rng.standard_normal(30)
    first = seeds(luck + 0.1 * rng.standard_normal(30))
    second = seeds(luck + 1 + 0.1 * rng.standard_normal(30))
    judge = lambda a, b, **o: checks.observation(a, b, 0, "r", "s", method=method, **o).verdict()
    assert judge(first, second) == "supported"
    assert judge(second, first) == "refuted"
    assert judge(second, first, relation=">=") == "supported"
    shuffled = second.copy(data=rng.permutation(second.values))
    assert judge(first, shuffled) == "inconclusive"


def test_documented_widths():
    for n, width in ((5, 7.0), (10, 2.1), (20, 1.1)):
        assert stats.t.isf(5e-5, n - 1) / math.sqrt(n) == pytest.approx(width, abs=0.06)


@pytest.mark.parametrize("method", ["t", "sign"])
def test_points_holes_and_conditions(method, rng):
    first = xr.DataArray(
        rng.standard_normal((30, 2)) / 10, dims=("seed", "n"), coords={"n": [5, 9]}
    )
    second = first + xr.DataArray([1.0, -1.0], dims="n")
    options = {"margin": 0, "reason": "r", "setting": "s", "method": method}
    e = checks.observation(first, second, **options)
    assert e.verdict() == "refuted"
    assert e.at(e.decisive_point())["where"] == "n=9"
    kept = checks.observation(first, second, where=first.n < 6, **options)
    assert kept.verdict() == "supported"
    assert (kept.points, kept.excluded) == (1, 1)
    second[3, 0] = math.nan
    assert checks.observation(first, second, where=first.n < 6, **options).verdict() == (
        "inconclusive"
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: checks.observation(seeds([1]), seeds([2]), 0, "r", "s"), "at least two"),
        (lambda: checks.observation(1.0, seeds([1, 2]), 0, "r", "s"), "need the dimension"),
        (lambda: checks.observation(seeds([1, 2]), seeds([1, 2, 3]), 0, "r", "s"), "not paired"),
        (
            lambda: checks.observation(seeds([1, 2]), seeds([1, 2]), 0, "r", "s", method="z"),
            "not 't' or 'sign'",
        ),
        (lambda: checks.paired_mean(seeds([1, 2]), seeds([1, 2]), 0, "r"), "need the dimension"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_seeds_are_matched_by_label():
    labelled = seeds([1, 2, 3]).assign_coords(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="not paired"):
        checks.observation(labelled, labelled.isel(seed=[2, 1, 0]), 0, "r", "s")
