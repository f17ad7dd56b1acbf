"""Gradients of distances by autograd, and the smoothed distance in high precision."""

import math

import mpmath
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion import distance as ds
from theorylab.diffusion.manifolds import PointCloud, Torus


def normals(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def high_precision(x, points, sigma, weights):
    with mpmath.workdps(80):
        two = 2 * mpmath.mpf(sigma) ** 2
        squares = [
            mpmath.fsum((mpmath.mpf(a) - mpmath.mpf(b)) ** 2 for a, b in zip(x, p, strict=True))
            for p in points
        ]
        total = mpmath.fsum(
            mpmath.mpf(w) * mpmath.exp(-s / two) for w, s in zip(weights, squares, strict=True)
        )
        return float(-two * mpmath.log(total)), float(max(squares))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(-3, 3), st.integers(0, 1000), st.booleans())
def test_smoothed_distance_against_eighty_digits(power, seed, weighted):
    sigma, points, x = 10.0**power, normals(6, 3, seed=seed), normals(2, 3, seed=seed + 1)
    weights = normals(6, seed=seed + 2).exp() if weighted else None
    value = ds.smoothed_distance_squared(x, points, sigma, weights)
    listed = [1.0] * 6 if weights is None else weights.tolist()
    for k in range(2):
        exact, size = high_precision(x[k].tolist(), points.tolist(), sigma, listed)
        assert abs(float(value[k]) - exact) <= 1e-13 * (size + sigma**2)


def test_half_gradient_is_the_posterior_mean_offset():
    # By sympy for K of three points in the plane: 1/2 grad = x - sum w_i x_i with softmax weights.
    x1, x2, s = sympy.symbols("x1 x2 s", positive=True)
    points = [(0, 0), (2, 1), (-1, 3)]
    weights = [sympy.exp(-((x1 - a) ** 2 + (x2 - b) ** 2) / (2 * s**2)) for a, b in points]
    smoothed = -2 * s**2 * sympy.log(sum(weights))
    for axis, variable in enumerate((x1, x2)):
        mean = sum(w * p[axis] for w, p in zip(weights, points, strict=True)) / sum(weights)
        assert sympy.simplify(sympy.diff(smoothed, variable) / 2 - (variable - mean)) == 0
    # and the code has that gradient
    at = normals(4, 2, seed=3).requires_grad_()
    cloud = torch.tensor(points, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(ds.smoothed_distance_squared(at, cloud, 0.8).sum(), at)
    for query, row in zip(at.tolist(), gradient.tolist(), strict=True):
        values = {x1: query[0], x2: query[1], s: 0.8}
        for variable, entry in zip((x1, x2), row, strict=True):
            assert entry == pytest.approx(
                float(sympy.diff(smoothed, variable).subs(values)), rel=1e-12
            )


def test_limits_of_the_sum_and_of_the_mean():
    points, x = normals(5, 4, seed=4), normals(3, 4, seed=5)
    squares = torch.cdist(x, points).square()
    fifth = torch.full((5,), 0.2, dtype=torch.float64)
    small = ds.smoothed_distance_squared(x, points, 1e-3)
    torch.testing.assert_close(small, squares.amin(1), rtol=1e-12, atol=0)
    large = ds.smoothed_distance_squared(x, points, 1e4, fifth)
    torch.testing.assert_close(large, squares.mean(1), rtol=1e-6, atol=0)
    # the printed definition, -sigma^2 log sum, would tend to half of it
    assert float((small / 2 / squares.amin(1)).max()) == pytest.approx(0.5)


def test_bounds_are_attained_by_equidistant_points():
    points = torch.eye(4, dtype=torch.float64)
    x, sigma = torch.full((1, 4), 0.25, dtype=torch.float64), 0.3
    squared = float(PointCloud(points).distance(x)) ** 2
    total = float(ds.smoothed_distance_squared(x, points, sigma))
    assert total == pytest.approx(squared - 2 * sigma**2 * math.log(4), rel=1e-14)
    quarter = torch.full((4,), 0.25, dtype=torch.float64)
    mean = float(ds.smoothed_distance_squared(x, points, sigma, quarter))
    assert mean == pytest.approx(squared, rel=1e-14)


def test_per_sample_sigma():
    points, x = normals(5, 2, seed=6), normals(3, 2, seed=7)
    sigma = torch.tensor([[0.1], [1.0], [9.0]], dtype=torch.float64)
    together = ds.smoothed_distance_squared(x, points, sigma)
    assert torch.equal(together, ds.smoothed_distance_squared(x, points, sigma[:, 0]))
    log_density = normals(3, seed=8)
    from_law = ds.smoothed_distance_squared_from_log_density(log_density, sigma, 2)
    for k, level in enumerate(sigma[:, 0].tolist()):
        value = -2 * level**2 * (float(log_density[k]) + math.log(2 * math.pi * level**2))
        assert float(from_law[k]) == pytest.approx(value, rel=1e-14)
    alone = [ds.smoothed_distance_squared(x[k : k + 1], points, float(sigma[k])) for k in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-15, atol=0)


def test_log_density_route_agrees_for_a_finite_law():
    points, x, sigma = normals(4, 3, seed=8), normals(6, 3, seed=9), 0.6
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    mixture = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(weights),
        torch.distributions.Independent(torch.distributions.Normal(points, sigma), 1),
    )
    from_law = ds.smoothed_distance_squared_from_log_density(mixture.log_prob(x), sigma, 3)
    direct = ds.smoothed_distance_squared(x, points, sigma, weights)
    torch.testing.assert_close(from_law, direct, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("closed_set", [PointCloud(normals(7, 3, seed=10)), Torus(2.0, 0.6)])
def test_gradients_of_the_distance(closed_set):
    x, h = normals(20, 3, seed=11), 1e-5
    p = closed_set.project(x)
    half, unit = ds.half_squared_distance_gradient(x, p), ds.distance_gradient(x, p)
    torch.testing.assert_close(unit.norm(dim=1), torch.ones(20, dtype=torch.float64))
    for axis in range(3):
        step = h * torch.eye(3, dtype=torch.float64)[axis]
        up, down = closed_set.distance(x + step), closed_set.distance(x - step)
        torch.testing.assert_close((up - down) / (2 * h), unit[:, axis], rtol=0, atol=1e-7)
        halves = (up.square() - down.square()) / (4 * h)
        torch.testing.assert_close(halves, half[:, axis], rtol=0, atol=1e-7)


def test_distance_gradient_on_the_set_is_refused():
    x = torch.ones(2, 3)
    with pytest.raises(ValueError, match="2 of 2 points lie on the set"):
        ds.distance_gradient(x, x)


@pytest.mark.parametrize(
    ("points", "sigma", "weights"),
    [
        (torch.zeros(2, 3), 1.0, None),
        (torch.zeros(0, 2), 1.0, None),
        (torch.zeros(2, 2), 0.0, None),
        (torch.zeros(2, 2), 1.0, torch.tensor([1.0, 0.0])),
        (torch.zeros(2, 2), 1.0, torch.ones(3)),
    ],
)
def test_bad_input_is_refused(points, sigma, weights):
    with pytest.raises(ValueError):
        ds.smoothed_distance_squared(torch.zeros(1, 2), points, sigma, weights)
