"""Numbers for readers: short, and never another number."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.report import numbers

_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read(text: str) -> float:
    """The number that a reader sees."""
    sign, mantissa, power = re.fullmatch(r"(−?)([\d.]*?)×?(?:10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?", text).groups()
    exponent = int(power.translate(_DIGITS)) if power else 0
    return float(f"{sign and '-'}{mantissa or 1}e{exponent}")


@settings(derandomize=True, deadline=None)
@given(st.floats(-1e99, 1e99, allow_subnormal=False))
def test_a_number_is_right_to_its_digits(value):
    shown = numbers.number(value)
    assert len(shown) <= 13 and "-" not in shown and "e" not in shown
    assert math.isclose(read(shown), value, rel_tol=5.1e-4)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-0.27071, "−0.2707"),
        (1393.24, "1393"),
        (123456.0, "123500"),
        (4186116.0, "4.186×10⁶"),
        (1e-9, "10⁻⁹"),
        (-1e7, "−10⁷"),
        (0.99999, "1"),
        (20.0, "20"),
        ("inf", "∞"),
        ("-inf", "−∞"),
        ("nan", "not a number"),
    ],
)
def test_a_number_is_written_as_people_do(value, shown):
    assert numbers.number(value) == shown


def test_intervals_and_regions_are_words():
    assert numbers.interval(0.7051, 0.7048, 0.7055) == "0.7051 ± 0.0004"
    assert numbers.interval(0.4, 0.3, 0.6) == "0.4, between 0.3 and 0.6"
    assert numbers.interval(3.0, 3.0, 3.0) == "exactly 3"
    assert numbers.interval(7e-15, -1e-9, 1e-9) == "0 ± 10⁻⁹"
    assert numbers.interval(5.0, 5.0, "inf") == "5, at least 5"
    assert numbers.region("-inf", 0.0) == "at most 0"
    assert numbers.region(0.99, "inf") == "at least 0.99"
    assert numbers.region(-0.05, 0.05) == "within ±0.05"
    assert numbers.region(1.5, 2.5) == "from 1.5 to 2.5"
    assert numbers.region(0.0, -0.0) == "exactly 0"


def test_the_gap_is_from_the_interval_to_the_region():
    assert numbers.gap([0.7, 0.8], ["-inf", 0.0]) == pytest.approx(0.7)
    assert numbers.gap([-0.5, -0.4], [-0.1, 0.1]) == pytest.approx(0.3)
    assert numbers.gap([-0.5, 0.0], [-0.1, 0.1]) == 0
