import math

import numpy as np
import pytest
from flint import arb, fmpq
from scipy.special import voigt_profile

from theorylab.diffusion import blurred_examples as examples
from theorylab.diffusion.ball_laws import FiniteLaw
from theorylab.diffusion.mode_counting import modes_on_line


@pytest.mark.parametrize("variance", [1.0, 100.0, 1e6])
def test_every_midpoint_between_far_powers_is_a_valley(variance):
    assert examples.valleys_between_powers(variance, wanted=3) == 3


def test_pair_share_against_a_direct_sum():
    variance, level = 3.0, 3
    atoms = 2.0 ** np.arange(12)
    tie = ((4.0 ** (level + 1) - 4.0**level) * (1 + 1 / variance) / 2) / (2.0**level / variance)
    log = -(atoms**2) / 2 - (tie - atoms) ** 2 / (2 * variance)
    p = np.exp(log - log.max())
    p /= p.sum()
    assert p[level] == pytest.approx(p[level + 1])
    decay = arb(0.5) + 1 / (2 * arb(variance))
    expected = 4 * p[level] * p[level + 1]
    assert float(examples.pair_share(decay, level)) == pytest.approx(expected, rel=1e-9)
    # and the variance is at least that of the pair
    assert p @ atoms**2 - (p @ atoms) ** 2 >= expected * 4.0**level / 4 * (1 - 1e-12)


@pytest.mark.parametrize(("y", "variance"), [(0.0, 1.0), (3.0, 1.0), (20.0, 16.0), (45.0, 100.0)])
def test_cauchy_curvature_against_differences_of_the_voigt_profile(y, variance):
    sigma = math.sqrt(variance)
    h = 0.02 * sigma
    log = np.log(voigt_profile(y + h * np.arange(-2, 3), sigma, 1.0))
    expected = variance * log @ np.array([-1, 16, -30, 16, -1]) / (12 * h**2)
    assert float(examples.cauchy_curvature(y, variance)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("weight", [0.5, 0.6, 0.9, 0.999])
def test_fold_separates_one_mode_from_two(weight):
    law = FiniteLaw.on_line([0, 3], [arb(weight), arb(1 - weight)])
    v = examples.two_point_fold(weight, 3.0)
    assert [modes_on_line(law, v * (1 + s)) for s in (-1e-5, 1e-5)] == [2, 1]
    assert examples.two_point_fold(1 - weight, 3.0) == pytest.approx(v, rel=1e-12)


def test_fold_formula_as_in_the_literature():
    v, weight, distance = examples.two_point_fold(0.8, 2.0), 0.8, 2.0
    delta = distance / (2 * math.sqrt(v))
    root = math.sqrt(delta**2 - 1)
    assert 2 * math.log(delta - root) + 2 * delta * root == pytest.approx(
        math.log(weight / (1 - weight)), abs=1e-12
    )


def test_three_point_threshold_is_where_the_largest_variance_meets_v():
    v, y = examples.three_point_threshold(), np.linspace(-3, 3, 600_001)
    atoms = np.array([-1.0, 0.0, 1.0])
    p = np.exp(-((y[:, None] - atoms) ** 2) / (2 * v))
    p /= p.sum(1, keepdims=True)
    assert (p @ atoms**2 - (p @ atoms) ** 2).max() == pytest.approx(v, abs=1e-9)


def rhombus_floats(a, p, v, y):
    atoms = np.array([[a, 0], [-a, 0], [0, 1], [0, -1]])
    weights = np.array([p / 2, p / 2, (1 - p) / 2, (1 - p) / 2])
    log = np.log(weights) - ((y - atoms) ** 2).sum(1) / (2 * v)
    q = np.exp(log - log.max())
    q /= q.sum()
    mean = q @ atoms
    covariance = (atoms - mean).T @ ((atoms - mean) * q[:, None])
    return np.linalg.eigvalsh(covariance)[-1], np.trace(covariance)


def test_rhombus_statistics_at_points_of_the_plane():
    a, p, v = 1.3, 0.3, 0.7
    statistics = examples.rhombus_statistics(fmpq(13, 10), fmpq(3, 10), arb(v))
    for y in np.random.default_rng(0).uniform(-2, 2, (40, 2)):
        c1, c2 = 1 / math.cosh(a * y[0] / v), 1 / math.cosh(y[1] / v)
        box = 0 if c2 <= c1 else 1
        point = arb(min(c1, c2)) / max(c1, c2), arb(max(c1, c2))
        found = [float(functions[box](*point)) for functions in statistics.values()]
        assert found == pytest.approx(rhombus_floats(a, p, v, y), abs=1e-12)


def test_rhombus_statistics_at_infinity_are_those_of_an_edge():
    statistics = examples.rhombus_statistics(fmpq(1), fmpq(1, 2), arb(0.5))
    # On the diagonal at infinity two neighbours of the square share the posterior.
    for functions, expected in zip(statistics.values(), (0.5, 0.5), strict=True):
        assert float(functions[0](arb(1), arb(0))) == pytest.approx(expected)


@pytest.mark.parametrize("law", examples.LINES.values(), ids=examples.LINES)
def test_laws_on_the_line_have_the_hull_from_minus_one_to_one(law):
    atoms = [float(arb(a)) for (a,) in law.atoms]
    assert atoms == sorted(set(atoms)) and (atoms[0], atoms[-1]) == (-1.0, 1.0)
    assert len(law.weights) == len(atoms) and min(law.weights) > 0
