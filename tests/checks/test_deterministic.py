"""Identities and inequalities with a rounding bound: the boundary, NaN, exclusion, search."""

import math

import numpy as np
import pytest
import xarray as xr

from theorylab import checks


@pytest.mark.parametrize(
    ("error", "rounding", "verdict"),
    [
        (0.0, 0.0, "supported"),
        (1.0, 0.0, "supported"),  # exactly the margin: the region is closed
        (0.75, 0.25, "supported"),
        (0.75, 0.3, "inconclusive"),  # rounding straddles the margin
        (1.0, 0.25, "inconclusive"),
        (1.25, 0.25, "inconclusive"),
        (1.25, 0.2, "refuted"),
        (math.inf, 0.1, "refuted"),
        (math.nan, 0.1, "inconclusive"),
        (0.5, math.nan, "inconclusive"),
        (0.5, math.inf, "inconclusive"),
    ],
)
@pytest.mark.parametrize("kind", [checks.identity, checks.bound])
def test_boundary(kind, error, rounding, verdict):
    e = kind(error, rounding, 1.0, "r")
    assert e.verdict() == verdict
    assert e.level == "numerics"
    assert e.alpha is None


def test_one_false_point_refutes_and_a_hole_blocks_support():
    error = xr.DataArray([1e-12, 1e-12, 1e-3], dims="sigma", coords={"sigma": [0.1, 1, 10]})
    e = checks.identity(error, 1e-13, 1e-6, "r")
    assert e.verdict() == "refuted"
    assert e.at(e.decisive_point())["where"] == "sigma=10"
    kept = checks.identity(error, 1e-13, 1e-6, "r", where=error.sigma < 5)
    assert kept.verdict() == "supported"
    assert (kept.points, kept.excluded) == (2, 1)
    hole = error.where(error.sigma != 1)
    assert checks.identity(hole, 1e-13, 1e-6, "r", where=error.sigma < 5).verdict() == (
        "inconclusive"
    )
    none = checks.identity(error, 1e-13, 1e-6, "r", where=error.sigma > 50)
    assert none.verdict() == "inconclusive"


def test_margins_may_differ_between_points():
    error = xr.DataArray([0.5, 5.0], dims="x")
    margin = xr.DataArray([1.0, 10.0], dims="x")
    assert checks.identity(error, 0.1, margin, "r").verdict() == "supported"
    assert checks.identity(error, 0.1, margin / 4, "r").verdict() == "refuted"


def test_signed_errors_are_refused():
    with pytest.raises(ValueError, match="absolute errors"):
        checks.identity(xr.DataArray([0.1, -5.0], dims="x"), 0, 1, "r")
    with pytest.raises(ValueError, match="rounding bound is negative"):
        checks.identity(0.1, -1, 1, "r")
    with pytest.raises(ValueError, match="rounding bound is negative"):
        checks.bound(0.1, -1, 1, "r")


def test_bound_reports_how_tight_it_is():
    x = xr.DataArray(np.linspace(0.1, 3, 50), dims="x")
    e = checks.bound(x - np.exp(x) + 1, 1e-15, 1e-9, "r", tightness=(1 + x) / np.exp(x))
    assert e.verdict() == "supported"
    assert "largest lhs/rhs 0.9953" in e.note
    assert checks.bound(1.1 * (1 + x) - np.exp(x), 1e-15, 1e-9, "r").verdict() == "refuted"
    narrow = checks.bound(
        x - np.exp(x) + 1, 0, 1e-9, "r", tightness=(1 + x) / np.exp(x), where=x > 2.9
    )
    assert "0.2082" in narrow.note


def test_search_finds_the_corner_that_random_points_miss(rng):
    """|x|_1 <= 3.9 |x|_inf in four dimensions breaks only near the diagonals."""

    def excess(x):
        return np.abs(x).sum(1) / np.abs(x).max(1) - 3.9

    start = rng.uniform(-1, 1, (30, 4))
    assert excess(start).max() < 0
    points, values = checks.adversarial_search(excess, start, rng, steps=600, scale=0.3)
    np.testing.assert_array_equal(values, excess(points))
    assert values.max() > 0.05
    assert checks.bound(values.max(), 1e-12, 1e-6, "r").verdict() == "refuted"


def test_search_stays_in_the_box_and_survives_nan(rng):
    def excess(x):
        return np.where(x[:, 0] < 0.2, np.nan, x[:, 0])

    points, values = checks.adversarial_search(
        excess, np.full((8, 1), 0.1), rng, steps=300, scale=0.2, low=0.0, high=1.0
    )
    assert (points <= 1).all()
    np.testing.assert_allclose(values, 1.0, atol=1e-3)
    with pytest.raises(ValueError, match="shape"):
        checks.adversarial_search(excess, np.zeros(3), rng)


def test_search_is_a_function_of_its_seed():
    excess = lambda x: -(x**2).sum(1)
    start = np.ones((3, 2))
    found = [
        checks.adversarial_search(excess, start, np.random.default_rng(s))[0] for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
    assert (start == 1).all()
