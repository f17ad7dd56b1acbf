"""Certificates and branch and bound: proved, attained, violated with a witness, too hard."""

import math
from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab import checks


def test_ball_inside_across_and_beyond():
    root = arb(2).sqrt()
    assert checks.certificate(root**2 - 2, (-1e-12, 1e-12), "r").verdict() == "supported"
    assert checks.certificate(root**2 - 2, (0, 0), "r").verdict() == "inconclusive"
    assert checks.certificate(root**2 - 2 - arb(2) ** -40, (0, 0), "r").verdict() == "refuted"
    assert checks.certificate(0, (0, 0), "r").verdict() == "supported"
    e = checks.certificate(arb("nan"), (0, 0), "r")
    assert e.verdict() == "inconclusive"
    assert e.level == "certificate"


def test_rational_numbers_are_exact():
    third = Fraction(1, 3)
    assert checks.certificate([third - third, 3 * third - 1], (0, 0), "r").verdict() == "supported"
    tiny = Fraction(1, 10**40)
    assert checks.certificate([third, third + tiny - third], (0, 1), "r").verdict() == "supported"
    assert checks.certificate([-tiny], (0, 1), "r").verdict() == "refuted"


def test_arrays_of_balls():
    balls = [arb(k).sqrt() ** 2 - k for k in (2, 3, 5)]
    e = checks.certificate(balls, (-1e-12, 1e-12), "r")
    assert e.estimate.dims == ("point",)
    assert e.verdict() == "supported"
    plane = xr.DataArray(np.array([balls, [1, arb(0), arb(0)]], object), dims=("a", "b"))
    assert checks.certificate(plane, (-1e-12, 1e-12), "r").verdict() == "refuted"
    kept = checks.certificate(
        plane, (-1e-12, 1e-12), "r", where=xr.DataArray([True, False], dims="a")
    )
    assert kept.verdict() == "supported"
    assert (kept.points, kept.excluded) == (3, 3)
    named = checks.certificate([[0, 0]], (0, 0), "r", dims=("i", "j"))
    assert named.estimate.dims == ("i", "j")


def test_stored_ends_decide_like_the_balls_they_came_from():
    low, high = (xr.DataArray([0.1, 0.4, a], dims="point") for a in (0.9, 1.1))
    assert checks.enclosed(low, high, (0.0, 2.0), "r").verdict() == "supported"
    assert checks.enclosed(low, high, (0.0, 1.0), "r").verdict() == "inconclusive"
    assert checks.enclosed(low, high, (0.0, 0.8), "r").verdict() == "refuted"
    kept = checks.enclosed(low, high, (0.0, 0.8), "r", where=low < 0.8)
    assert (kept.verdict(), kept.points, kept.excluded) == ("supported", 2, 1)
    assert kept.level == "certificate"


def gaussian(x):
    return (x - x * x).exp()  # largest value exp(1/4) at 1/2


def slope(x):
    return [(1 - 2 * x) * (x - x * x).exp()]


TOP = math.exp(0.25)


@pytest.mark.parametrize("gradient", [None, slope])
def test_a_true_bound_is_proved_and_a_false_one_shown_false(gradient):
    for bound, verdict in ((TOP + 1e-3, "supported"), (TOP - 1e-6, "refuted")):
        e = checks.branch_and_bound(gaussian, [(-3, 3)], "r", at_most=bound, gradient=gradient)
        assert e.verdict() == verdict, e.note
        assert float(e.lower) <= TOP <= float(e.upper)
    assert "violated at (" in e.note
    witness = float(e.note.split("(")[1].split(")")[0])
    assert math.exp(witness - witness**2) > TOP - 1e-6
    assert -3 <= witness <= 3


def test_an_attained_bound_is_open_without_a_margin():
    e = checks.branch_and_bound(lambda x: x * (1 - x), [(0, 1)], "r", at_most=0.25, budget=500)
    assert e.verdict() == "inconclusive"
    assert "budget" in e.note
    proved = checks.branch_and_bound(lambda x: x * (1 - x), [(0, 1)], "r", at_most=0.25 + 1e-6)
    assert proved.verdict() == "supported"


def test_at_least_is_the_mirror_image():
    square = lambda x, y: (x - y) ** 2 + y**4
    box = [(-1, 1), (-1, 1)]
    assert checks.branch_and_bound(square, box, "r", at_least=-1e-3).verdict() == "supported"
    e = checks.branch_and_bound(square, box, "r", at_least=1e-3)
    assert e.verdict() == "refuted"
    assert float(e.lower) <= 0 <= float(e.upper) + 1e-3


def test_the_mean_value_form_needs_fewer_boxes():
    """x - x^2 written so that its terms cancel: bare intervals converge only linearly."""
    f = lambda x: x * x - 2 * x * x + x
    g = lambda x: [1 - 2 * x]
    boxes = [
        int(checks.branch_and_bound(f, [(0, 1)], "r", at_most=0.2501, gradient=d).note.split()[0])
        for d in (None, g)
    ]
    assert boxes[1] < boxes[0] / 5


def test_monotone_sides_are_cut_to_their_true_end():
    """log attains its bound 0 at the end 1 of [1/10, 1]; the end 1/10 is not dyadic."""
    log = lambda x: x.log()
    g = lambda x: [1 / x]
    tenth = fmpq(1, 10)
    assert checks.branch_and_bound(log, [(tenth, 1)], "r", at_most=0, gradient=g).verdict() == (
        "supported"
    )
    # At its other end the value is log(1/10): no box may reach below it.
    least = math.nextafter(math.log(0.1), -1e9)
    low = checks.branch_and_bound(log, [(tenth, 1)], "r", at_least=least, gradient=g)
    assert low.verdict() == "supported"
    assert checks.branch_and_bound(log, [(tenth, 1)], "r", at_least=-2.3, gradient=g).verdict() == (
        "refuted"
    )


def test_the_end_of_a_domain_needs_a_substitution():
    """The balls overstep 0, where sqrt is not real; with x = y^2 nothing is left to overstep."""
    bare = checks.branch_and_bound(lambda x: x.sqrt(), [(0, 1)], "r", at_most=1.001, budget=200)
    assert bare.verdict() == "inconclusive"
    assert checks.branch_and_bound(lambda y: y, [(0, 1)], "r", at_most=1.001).verdict() == (
        "supported"
    )


def test_a_hole_is_never_proved():
    e = checks.branch_and_bound(lambda x: 1 / x, [(-1, 1)], "r", at_most=1e300, budget=200)
    assert e.verdict() == "inconclusive"
    assert float(e.upper) == math.inf


@settings(derandomize=True, deadline=None, max_examples=25)
@given(
    coefficients=st.lists(st.integers(-5, 5), min_size=3, max_size=5),
    side=st.tuples(st.integers(-20, 19), st.integers(1, 20)),
)
def test_verdict_against_a_dense_grid(coefficients, side):
    """Random polynomials: bounds above and below the maximum by the slack of the grid."""
    low, high = side[0] / 10, side[0] / 10 + side[1] / 10
    grid = np.polyval(coefficients, np.linspace(low, high, 2001))
    largest = np.polyval(np.abs(np.polyder(coefficients)), 4.0)  # slope bound on |x| <= 4
    slack = largest * (high - low) / 2000 + 1e-2

    def polynomial(x):
        value = arb(0)
        for c in coefficients:
            value = value * x + c
        return value

    above = checks.branch_and_bound(
        polynomial, [(low, high)], "r", at_most=float(grid.max() + slack), budget=5000
    )
    assert above.verdict() == "supported"
    below = checks.branch_and_bound(
        polynomial, [(low, high)], "r", at_most=float(grid.max() - slack), budget=5000
    )
    assert below.verdict() == "refuted"


def test_a_fixed_coordinate_and_three_sides():
    f = lambda x, y, z: x * y - z * z
    e = checks.branch_and_bound(f, [(0, 1), (0.5, 0.5), (-1, 1)], "r", at_most=0.5001)
    assert e.verdict() == "supported"
    third = fmpq(1, 3)
    fixed = checks.branch_and_bound(f, [(0, 1), (third, third), (-1, 1)], "r", at_most=0.34)
    assert fixed.verdict() == "supported"


@pytest.mark.parametrize(
    ("box", "bounds", "message"),
    [
        ([(0, 1)], {}, "either"),
        ([(0, 1)], {"at_most": 1, "at_least": 0}, "either"),
        ([(0, 1)], {"at_most": math.inf}, "finite"),
        ([(1, 0)], {"at_most": 1}, "low must be below high"),
        ([(0, math.inf)], {"at_most": 1}, "finite"),
    ],
)
def test_nonsense_is_refused(box, bounds, message):
    with pytest.raises(ValueError, match=message):
        checks.branch_and_bound(lambda x: x, box, "r", **bounds)
