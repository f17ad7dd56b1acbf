from fractions import Fraction

from theorylab.diffusion.adversary import (
    geometric_levels,
    rational_schedules,
    reached_nu,
    worst_distances,
)


def test_worst_case_of_one_step_by_hand():
    sigmas = [Fraction(4), Fraction(2)]
    # beta = 1/2, eta = 1/2: the distance falls from 4 to 1 or to 3 while sigma falls to 2.
    assert worst_distances(sigmas, Fraction(1, 2), +1, 4) == [4, 1]
    assert worst_distances(sigmas, Fraction(1, 2), -1, 4) == [4, 3]
    assert reached_nu(sigmas, Fraction(1, 2)) == 2
    assert reached_nu(sigmas, Fraction(1, 2), signs=(-1,)) == Fraction(3, 2)
    # From the edge of a band of 2, each adversary on its own side.
    assert reached_nu(sigmas, Fraction(1, 2), start=Fraction(2)) == 4


def test_a_step_onto_the_point_or_past_it_leaves_no_nu():
    sigmas = [Fraction(4), Fraction(2)]
    assert reached_nu(sigmas, Fraction(1)) is None
    assert reached_nu(sigmas, Fraction(3, 2)) is None
    assert worst_distances(sigmas, Fraction(3, 2), +1, 4) == [4, -1]


def test_geometric_levels_have_one_step_size():
    assert geometric_levels(Fraction(1, 4), 2) == [1, Fraction(3, 4), Fraction(9, 16)]


def test_rational_schedules_hold_both_kinds_and_decrease():
    cases = rational_schedules()
    assert len(cases) == 40
    assert {reached_nu(s, eta) is None for s, eta in cases} == {True, False}
    assert all(list(s) == sorted(s, reverse=True) and len(s) > 1 for s, _ in cases)
