import math

import pytest
from flint import arb

from theorylab.checks.suprema import Piece, supremum


def test_a_supremum_is_enclosed_to_two_tolerances():
    # x (1 - x) + y: largest 5/4 at (1/2, 1), however poor the start
    piece = Piece(lambda x, y: x * (1 - x) + y, [(0, 1), (0, 1)], [(0.0, 0.0)])
    low, high = supremum([piece], 1e-3)
    assert low <= 1.25 <= high
    assert high - low <= 2e-3


def test_the_largest_of_several_pieces_counts():
    pieces = [Piece(lambda x, c=c: c - x * x, [(-1, 1)], [(1.0,)]) for c in (1, 3, 2)]
    low, high = supremum(pieces, 1e-4)
    assert low <= 3 <= high < 3.001


def test_a_gradient_gives_a_tight_enclosure():
    piece = Piece(
        lambda x: (-x * x).exp() * x,
        [(0, 3)],
        [(0.7,)],
        lambda x: [(-x * x).exp() * (1 - 2 * x * x)],
    )
    low, high = supremum([piece], 1e-8)
    assert low <= math.exp(-0.5) / math.sqrt(2) <= high
    assert high - low < 1e-7


def test_a_start_outside_its_box_is_refused():
    with pytest.raises(ValueError, match="not in the box"):
        supremum([Piece(lambda x: x, [(0, 1)], [(2.0,)])], 1e-3)


def test_a_budget_that_runs_out_is_an_error():
    wild = Piece(lambda x: (1000 * x).sin() + arb(0, 0.1), [(0, 1)], [(0.1,)])
    with pytest.raises(ArithmeticError, match="undecided"):
        supremum([wild], 1e-3, budget=50)
