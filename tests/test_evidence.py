"""The three-valued verdict, its explanation, and the selection of points."""

import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.checks.points import select
from theorylab.evidence import INCONCLUSIVE, REFUTED, SUPPORTED, Evidence

INF, NAN = math.inf, math.nan


def evidence(lower, upper, region, estimate=None, **more):
    lower, upper = (xr.DataArray(v, dims="x" if np.ndim(v) else ()) for v in (lower, upper))
    if estimate is None:
        estimate = (lower + upper) / 2
    else:
        estimate = xr.DataArray(estimate, dims="x" if np.ndim(estimate) else ())
    return Evidence("numerics", estimate, lower, upper, region, "a test", **more)


@pytest.mark.parametrize(
    ("lower", "upper", "region", "verdict"),
    [
        (-1.0, 1.0, (-1, 1), SUPPORTED),  # the region is closed
        (-1.0, 1.0000001, (-1, 1), INCONCLUSIVE),
        (1.0, 2.0, (-1, 1), INCONCLUSIVE),  # touches the edge
        (1.0000001, 2.0, (-1, 1), REFUTED),
        (-3.0, -2.0, (-1, 1), REFUTED),
        (-2.0, 2.0, (-1, 1), INCONCLUSIVE),
        (-3.0, -2.0, (-INF, 1), SUPPORTED),
        (2.0, 3.0, (-INF, 1), REFUTED),
        (2.0, 3.0, (1, INF), SUPPORTED),
        (0.0, 0.0, (0, 0), SUPPORTED),
        (-INF, 0.5, (-INF, 1), SUPPORTED),  # an open side never binds
        (0.5, INF, (0, INF), SUPPORTED),
        (-INF, INF, (-INF, 1), INCONCLUSIVE),
        (-INF, INF, (-1, 1), INCONCLUSIVE),
    ],
)
def test_verdict_at_one_point(lower, upper, region, verdict):
    estimate = max(min(0.0, upper), lower)
    assert evidence(lower, upper, region, estimate).verdict() == verdict


def test_an_open_side_leaves_the_slack_to_the_other():
    e = evidence([-INF, 0.0], [0.5, 0.9], (-INF, 1), [0.0, 0.0])
    assert e.slack().values.tolist() == pytest.approx([0.5, 0.1])
    assert e.decisive_point() == 1
    assert e.outside().values.tolist() == [-INF, -1.0]


def test_every_point_must_pass_and_one_refutes():
    assert evidence([0.0, 0.1], [0.2, 0.3], (0, 1)).verdict() == SUPPORTED
    assert evidence([0.0, 0.9], [0.2, 1.1], (0, 1)).verdict() == INCONCLUSIVE
    assert evidence([0.0, 0.9, 1.1], [0.2, 1.1, 1.2], (0, 1)).verdict() == REFUTED


@pytest.mark.parametrize("hole", ["estimate", "lower", "upper"])
@pytest.mark.parametrize("region", [(-1, 1), (-INF, 1), (-1, INF)])
def test_nan_is_never_supported_and_never_refuted(hole, region):
    for value in (0.0, 5.0, -5.0):
        found = {"estimate": value, "lower": value, "upper": value, hole: NAN}
        e = Evidence("numerics", *map(xr.DataArray, found.values()), region, "a test")
        assert e.verdict() == INCONCLUSIVE
        assert "NaN" in e.why_inconclusive()


def test_nan_beside_a_refuted_point_hides_nothing():
    e = evidence([NAN, 5.0], [NAN, 6.0], (0, 1))
    assert e.verdict() == REFUTED
    assert e.decisive_point() == 1
    e = evidence([0.5, NAN], [0.5, NAN], (0, 1))
    assert e.verdict() == INCONCLUSIVE
    assert e.decisive_point() == 1


def test_no_point_is_inconclusive():
    e = evidence([], [], (0, 1))
    assert e.points == 0
    assert e.verdict() == INCONCLUSIVE
    assert e.why_inconclusive() == "no point is left to judge"


def has_nan(pair):
    return any(map(math.isnan, pair))


floats = st.one_of(st.floats(-3, 3), st.sampled_from([INF, -INF, NAN, 0.0, 1.0, -1.0]))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    intervals=st.lists(st.tuples(floats, floats), min_size=1, max_size=4),
    region=st.sampled_from([(-1, 1), (-INF, 1), (-1, INF), (0, 0)]),
)
def test_verdict_agrees_with_its_definition(intervals, region):
    """Oracle: set membership, one point after another, in plain Python."""
    intervals = [(min(p), max(p)) if not has_nan(p) else (NAN, NAN) for p in intervals]
    lower, upper = map(list, zip(*intervals, strict=True))
    a, b = region
    estimate = [lo if math.isfinite(lo) or math.isnan(lo) else 0.0 for lo in lower]
    refuted = any(hi < a or lo > b for lo, hi in intervals)
    supported = all(
        not math.isnan(lo) and (a == -INF or lo >= a) and (b == INF or hi <= b)
        for lo, hi in intervals
    )
    expected = REFUTED if refuted else SUPPORTED if supported else INCONCLUSIVE
    e = evidence(lower, upper, region, estimate)
    assert e.verdict() == expected
    point = e.at(e.decisive_point())
    if expected == REFUTED:
        assert point["upper"] < a or point["lower"] > b


def test_regions_may_differ_between_points():
    region = (-INF, xr.DataArray([0.1, 10.0], dims="x"))
    assert evidence([1.0, 1.0], [1.0, 1.0], region).verdict() == REFUTED
    assert evidence([0.0, 1.0], [0.0, 1.0], region).verdict() == SUPPORTED


def test_labels_decide_not_positions():
    x = xr.DataArray([1.0, 2.0], dims="x", coords={"x": [10, 20]})
    with pytest.raises(ValueError, match="lower does not fit"):
        Evidence("numerics", x, x.isel(x=[1, 0]), x, (0, 3), "reordered")
    with pytest.raises(ValueError, match="upper does not fit"):
        Evidence("numerics", x, x, x.isel(x=[0]), (0, 3), "a point is missing")
    plane = x.expand_dims(y=[1, 2, 3])
    e = Evidence("numerics", plane, plane, plane, (x - 1, plane.transpose() + 1), "transposed")
    assert e.verdict() == SUPPORTED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": "guess"}, "evidence level 'guess'"),
        ({"reason": ""}, "reason"),
        ({"region": (1, 0)}, "a <= b"),
        ({"region": (-INF, INF)}, "finite edge"),
        ({"region": (NAN, 1)}, "no NaN"),
        ({"lower": xr.DataArray(1.0), "upper": xr.DataArray(0.0)}, "lower > upper"),
        ({"lower": xr.DataArray([0.0], dims="z")}, "lower has dimensions"),
    ],
)
def test_nonsense_is_refused(change, message):
    zero = xr.DataArray(0.0)
    given = {"level": "numerics", "region": (0, 1), "reason": "r"} | dict.fromkeys(
        ("estimate", "lower", "upper"), zero
    )
    with pytest.raises(ValueError, match=message):
        Evidence(**(given | change))


def test_why_inconclusive_names_width_and_samples():
    # Half-width .4 where .1 is left to the edge: 16 times the samples of that point.
    e = evidence(
        [0.5, 0.0],
        [1.3, 0.2],
        (-1, 1),
        alpha=0.01,
        samples=xr.DataArray([100, 7], dims="x"),
    )
    why = e.why_inconclusive()
    assert "half-width 0.4" in why
    assert "x=0" in why
    assert "about 1.6e+03 samples" in why
    assert "raise the precision" in evidence(0.5, 1.3, (-1, 1)).why_inconclusive()
    edge = evidence(0.0, 2.0, (-INF, 1), alpha=0.01).why_inconclusive()
    assert "on the region's edge" in edge
    assert "times as many samples" in evidence(0.5, 1.3, (-1, 1), alpha=0.01).why_inconclusive()
    assert "nothing bounds" in evidence(-INF, INF, (0, 0), 0.0, note="why").why_inconclusive()


def test_at_names_stacked_coordinates():
    x = xr.DataArray(
        np.arange(6.0).reshape(2, 3), dims=("d", "t"), coords={"d": [2, 8], "t": [0.5, 1, 2]}
    )
    kept, excluded = select(x.t > 0.7, x)
    e = Evidence("numerics", kept, kept, kept + 0.5, (0, 1), "r", excluded=excluded)
    assert excluded == 2
    assert e.at(3)["where"] == "d=8, t=2"
    assert e.at(3)["estimate"] == 5
    assert e.at(3)["upper"] == 5.5
    bare = Evidence("numerics", *[xr.DataArray([1.0, 2.0], dims="q")] * 3, (0, 1), "r")
    assert bare.at(1)["where"] == "q=1"


def test_select_without_condition_broadcasts():
    x = xr.DataArray([1.0, 2.0], dims="x")
    a, b, excluded = select(None, x, 3.0)
    assert a.sizes == b.sizes == {"x": 2}
    assert excluded == 0


def test_select_counts_what_it_leaves_out():
    x = xr.DataArray([1.0, NAN, 3.0], dims="x", coords={"x": [1, 2, 3]})
    kept, two, excluded = select(x.x != 2, x, 2.0)
    assert kept.values.tolist() == [1, 3]
    assert two.values.tolist() == [2, 2]
    assert excluded == 1
    kept, excluded = select(xr.DataArray(False), 1.0)
    assert (kept.size, excluded) == (0, 1)
    kept, excluded = select(xr.DataArray(True), 1.0)
    assert (kept.size, excluded) == (1, 0)


def test_select_again_on_selected_points():
    x = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("x", "y"))
    once, _ = select(x > 1, x)
    twice, excluded = select(once > 3, once)
    assert twice.values.tolist() == [4, 5]
    assert excluded == 2
    plane = x.rename(x="cell")
    kept, excluded = select(plane > 2, plane)
    assert kept.values.tolist() == [3, 4, 5]


def test_select_refuses_what_it_would_have_to_guess():
    x = xr.DataArray([1.0, 2.0], dims="x", coords={"x": [1, 2]})
    for where in (x, False, np.array([True, False])):
        with pytest.raises(ValueError, match="boolean DataArray"):
            select(where, x)
    with pytest.raises(ValueError, match="different coordinates"):
        select(x > 1, x.isel(x=[0]))
    with pytest.raises(ValueError, match="different coordinates"):
        select(None, x, x.isel(x=[1]))


@pytest.mark.parametrize("coordinates", [{}, {"a": [1, 2]}, {"a": [1, 2], "b": list("xyz")}])
def test_arrays_are_spread_over_the_points_as_xarray_does(coordinates):
    full = xr.DataArray(np.arange(6.0).reshape(2, 3), coordinates, ("a", "b"), name="full")
    full = full.assign_coords(extra=("a", [7, 8]))
    parts = [
        full,
        full.T.drop_vars("extra"),
        full.isel(b=0, drop=True).drop_vars("extra"),
        full.isel(a=1, drop=True) > 4,
        xr.DataArray(3),
        full.isel(a=0, b=0).drop_vars(["a", "b"], errors="ignore"),
    ]
    for part in parts:
        found, other, excluded = select(None, full, part)
        _, known = xr.broadcast(full, part)
        assert found.identical(full) and excluded == 0
        assert other.dims == known.dims and other.dtype == known.dtype
        np.testing.assert_array_equal(other, known)
        assert other.indexes.keys() == known.indexes.keys()
        assert all(other.indexes[name].equals(index) for name, index in known.indexes.items())
    mistakes = [full.isel(b=slice(2))]
    if coordinates:
        mistakes.append(full.isel(a=[1, 0]))  # the same points in another order
    for part in mistakes:
        with pytest.raises(ValueError, match="different coordinates"):
            select(None, full, part)
