import numpy as np
import pytest
from flint import arb, fmpq

from theorylab.diffusion import mode_counting
from theorylab.diffusion.ball_laws import FiniteLaw
from theorylab.diffusion.mode_counting import (
    CriticalPoints,
    critical_points_in_plane,
    critical_points_on_line,
    modes_in_plane,
    modes_on_line,
)


def float_modes(atoms, weights, v, n=200_001):
    """Local maxima of the density on a fine grid: another road, without proof."""
    y = np.linspace(min(atoms) - 0.1, max(atoms) + 0.13, n)
    density = sum(
        w * np.exp(-((y - a) ** 2) / (2 * v)) for a, w in zip(atoms, weights, strict=True)
    )
    inner = density[1:-1]
    return int(((inner > density[:-2]) & (inner > density[2:])).sum())


def test_critical_points_of_a_polynomial():
    # f' = (y + 1) y (y - 1/2): minimum, maximum, minimum
    slope = lambda y: (y + 1) * y * (y - arb(1) / 2)
    bend = lambda y: 3 * y * y + y - arb(1) / 2
    assert critical_points_on_line(slope, bend, -2.1, 2) == CriticalPoints(1, 2, 0)
    assert critical_points_on_line(slope, bend, 0.6, 2) == CriticalPoints(0, 0, 0)


def test_a_degenerate_critical_point_is_an_error_not_a_count(monkeypatch):
    monkeypatch.setattr(mode_counting, "BUDGET", 2000)
    with pytest.raises(ArithmeticError, match=r"degenerate|too near"):
        critical_points_on_line(lambda y: -y * y * y, lambda y: -3 * y * y, -1.0, 1.3, precision=53)


@pytest.mark.parametrize("v", [0.01, 0.05, 0.2, 1.0])
def test_modes_on_the_line_agree_with_a_grid(v):
    atoms, weights = [-1.0, -0.4, 0.1, 0.6, 1.0], [1, 2, 3, 4, 5]
    assert modes_on_line(FiniteLaw.on_line(atoms, weights), v) == float_modes(atoms, weights, v)


def test_modes_on_the_line_next_to_a_fold():
    law = FiniteLaw.on_line([-1, 1])
    assert [modes_on_line(law, 1 + s) for s in (-1e-6, 1e-6)] == [2, 1]


def test_a_quadratic_saddle_bowl_and_hill():
    box = ((-1.1, 1.3), (-1.2, 1.1))
    for signs, expected in (((1, 1), (0, 1, 0)), ((-1, -1), (1, 0, 0)), ((1, -1), (0, 0, 1))):
        a, b = signs
        found = critical_points_in_plane(
            lambda x, y, a=a, b=b: (a * (x - arb(1) / 3), b * y + arb(1) / 7),
            lambda x, y, a=a, b=b: (arb(a), arb(0), arb(b)),
            box,
        )
        assert found == CriticalPoints(*expected)


def test_critical_points_in_the_plane_obey_euler():
    # sin x sin 2y on a box that holds saddles, maxima and minima at known places
    gradient = lambda x, y: (x.cos() * (2 * y).sin(), 2 * x.sin() * (2 * y).cos())
    hessian = lambda x, y: (
        -x.sin() * (2 * y).sin(),
        2 * x.cos() * (2 * y).cos(),
        -4 * x.sin() * (2 * y).sin(),
    )
    found = critical_points_in_plane(gradient, hessian, ((-0.4, 3.3), (-0.2, 3.3)))
    # extrema at (pi/2, pi/4 + k pi/2): 2; saddles at (k pi, l pi/2), k = 0, 1 and l = 0, 1, 2: 6
    assert found == CriticalPoints(1, 1, 6)


@pytest.mark.parametrize(("v", "modes"), [(0.3, 3), (0.49, 3), (0.51, 4), (0.546, 4), (0.547, 1)])
def test_equilateral_triangle(v, modes):
    law = FiniteLaw([(0, 1), (-(3**0.5) / 2, -0.5), (3**0.5 / 2, -0.5)], [1, 1, 1])
    assert modes_in_plane(law, v) == modes


def test_a_product_in_the_plane_has_the_product_of_the_modes():
    square = FiniteLaw([(a, b) for a in (-1, 1) for b in (-1, 1)], [1, 2, 3, 6])
    # weights (1, 3) and (1, 2) on the axes
    for v in (fmpq(3, 10), fmpq(2, 5), fmpq(3, 5)):
        v = float(arb(v))
        axes = [modes_on_line(FiniteLaw.on_line([-1, 1], [1, w]), v) for w in (3, 2)]
        assert modes_in_plane(square, v) == axes[0] * axes[1]
