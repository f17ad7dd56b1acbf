"""Intervals against regions: to scale, in their frame, and well-formed."""

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from theorylab.report import interval_plot

finite = st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-12)


def places(plot) -> dict:
    """Horizontal positions of the drawing's parts."""
    root = ElementTree.fromstring(plot.svg)
    found = {"edges": [], "labels": []}
    for part in root:
        kind = part.get("class")
        if kind == "edge":
            found["edges"].append(float(part.get("x1")))
        elif kind == "bar":
            found["bar"] = (float(part.get("x1")), float(part.get("x2")))
        elif kind == "region":
            left = float(part.get("x"))
            found["region"] = (left, left + float(part.get("width")))
        elif kind == "mark":
            found["mark"] = float(part.get("cx") or re.match(r"M([-\d.]+)", part.get("d"))[1])
        elif part.tag == "text":
            found["labels"].append((float(part.get("x")), part.get("text-anchor"), part.text))
    found["edges"].sort()
    return found


def test_a_linear_axis_keeps_ratios():
    plot = interval_plot.draw(0.5, (0.4, 0.7), (-1.0, 1.0), "supported")
    at = places(plot)
    left, right = at["edges"]
    unit = (right - left) / 2
    assert at["bar"] == pytest.approx((left + 1.4 * unit, left + 1.7 * unit), abs=0.1)
    assert at["mark"] == pytest.approx(left + 1.5 * unit, abs=0.1)
    assert at["region"] == pytest.approx((left, right), abs=0.1)
    assert not plot.logarithmic


def test_a_logarithmic_axis_gives_each_decade_the_same_room():
    one, two, three = (
        places(interval_plot.draw(v, (v, v), (1.0, 1e8), "supported"))["mark"]
        for v in (1e2, 1e4, 1e6)
    )
    assert two - one == pytest.approx(three - two, rel=0.01)
    assert interval_plot.draw(1e2, (1e2, 1e2), (1.0, 1e8), "supported").logarithmic


def test_rounding_errors_of_the_estimate_do_not_stretch_the_axis():
    plot = interval_plot.draw(1e-16, (-0.01, 0.01), (-0.05, 0.05), "supported")
    assert not plot.logarithmic
    assert [text for *_, text in places(plot)["labels"]] == ["0", "−0.05", "0.05"]


def test_an_open_side_runs_off_the_edge():
    below = places(interval_plot.draw(0.7, (0.6, 0.8), ("-inf", 0.0), "refuted"))
    assert below["region"][0] == 0 and below["region"][1] == pytest.approx(below["edges"][0], 0.01)
    above = places(interval_plot.draw(0.2, (0.1, 0.3), (0.9, "inf"), "refuted"))
    assert above["region"][1] == pytest.approx(interval_plot.WIDTH, abs=0.1)
    unbounded = places(interval_plot.draw(5.0, (5.0, "inf"), (0.5, 1.5), "refuted"))
    assert unbounded["bar"][1] == interval_plot.WIDTH


@settings(derandomize=True, deadline=None)
@given(st.lists(finite, min_size=3, max_size=3), finite, finite, st.booleans(), st.booleans())
def test_the_order_on_the_drawing_is_the_order_of_the_numbers(values, a, b, no_a, no_b):
    assume(not (no_a and no_b) and a <= b)
    lower, estimate, upper = sorted(values)
    region = (-math.inf if no_a else a, math.inf if no_b else b)
    plot = interval_plot.draw(estimate, (lower, upper), region, "inconclusive")
    at = places(plot)
    left, right = at["bar"]
    assert (
        -0.1 <= left <= at["mark"] + 0.1 and at["mark"] <= right + 0.1 <= interval_plot.WIDTH + 0.2
    )
    for edge in (v for v in region if math.isfinite(v)):
        place = min(at["edges"], key=lambda x, edge=edge: abs(x - _at(at, edge, region)))
        assert (place >= right - 0.11) or edge < upper
        assert (place <= left + 0.11) or edge > lower
    for x, anchor, text in at["labels"]:
        wide = 6.4 * len(text) * {"start": (0, 1), "middle": (0.5, 0.5), "end": (1, 0)}[anchor][0]
        assert x - wide >= -1 and x <= interval_plot.WIDTH + 1


def _at(at, edge, region) -> float:
    """The drawn place of this edge: the first of two is the lower one."""
    return at["edges"][0 if edge == region[0] else -1]


@pytest.mark.parametrize(("estimate", "lower"), [("nan", 0.0), (0.0, "nan")])
def test_without_a_number_there_is_nothing_to_draw(estimate, lower):
    assert interval_plot.draw(estimate, (lower, 1.0), (0.0, 1.0), "inconclusive") is None


def test_the_drawing_says_what_it_shows():
    svg = interval_plot.draw(0.7, (0.6, 0.8), ("-inf", 0.0), "refuted").svg
    label = ElementTree.fromstring(svg).get("aria-label")
    assert label == "0.7, between 0.6 and 0.8; the statement holds for at most 0"
