import math

import numpy as np
import pytest
import torch
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion.diametral_pairs import edge_curvature, exposed_edge, farthest_pair
from theorylab.diffusion.distributions import GaussianMixture


def random_points(seed, count, dim, high=256):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(high, (count, dim), generator=generator)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 300), st.integers(1, 6))
def test_farthest_pair_against_all_pairs(seed, count, dim):
    points = random_points(seed, count, dim)
    squares = (points[:, None] - points).square().sum(-1)
    pair = farthest_pair(points)
    assert pair.squared_distance == int(squares.max()) == int(squares[pair.first, pair.second])


def test_farthest_pair_beyond_one_block_and_in_uint8():
    points = random_points(1, 5000, 3).to(torch.uint8)
    rows = points.to(torch.int64)
    largest = max(int((rows - row).square().sum(1).max()) for row in rows)
    assert farthest_pair(points).squared_distance == largest


def test_edges_of_a_simplex_are_exposed_and_verified():
    points = 5 * torch.eye(4, dtype=torch.int64)
    edge = exposed_edge(points, farthest_pair(points))
    pair = farthest_pair(points)
    heights = [sum(u * int(c) for u, c in zip(edge.direction, row, strict=True)) for row in points]
    assert [heights[pair.first] - h for h in heights] == edge.gaps
    assert [g == 0 for g in edge.gaps] == [k in pair[:2] for k in range(4)]
    assert min(edge.gaps) == 0


@pytest.mark.parametrize(
    "points",
    [
        [[0, 0], [2, 2], [0, 2], [2, 0]],  # the diagonal of a square
        [[0], [1], [2]],  # a point between
        [[0, 0], [4, 0], [2, 0], [2, 1]],  # a point on the edge itself
        [[0, 0], [4, 0], [4, 0]],  # an end twice
    ],
)
def test_what_is_no_exposed_edge_gives_none(points):
    points = torch.tensor(points)
    assert exposed_edge(points, farthest_pair(points)) is None


def test_many_points_need_the_linear_program():
    points = random_points(2, 150, 60)
    pair = farthest_pair(points)
    edge = exposed_edge(points, pair)
    u = torch.tensor([float(c) for c in edge.direction], dtype=torch.float64)
    heights = points.double() @ (u / u.norm())
    order = heights.argsort(descending=True)
    assert {int(order[0]), int(order[1])} == {pair.first, pair.second}


def test_two_points_alone():
    points = torch.tensor([[0, 0], [3, 4]])
    pair = farthest_pair(points)
    curved, y = edge_curvature(points, pair, exposed_edge(points, pair), fmpq(5))
    # Equal shares: variance 25/4 along the pair, over v = 5, minus 1.
    assert curved.contains(fmpq(1, 4))
    assert y.tolist() == [1.5, 2.0]


@pytest.mark.parametrize("fraction", [fmpq(1, 2), fmpq(99, 100), fmpq(101, 100)])
def test_curvature_at_the_witness_is_the_mixtures(fraction):
    points = random_points(3, 60, 30, high=17)
    pair = farthest_pair(points)
    v = fmpq(pair.squared_distance, 4) * fraction
    curved, y = edge_curvature(points, pair, exposed_edge(points, pair), v)
    e = (points[pair.first] - points[pair.second]).double()
    mixture = GaussianMixture.isotropic(None, points.double(), 0.0)
    variance = float(v.p) / float(v.q)
    product = mixture.hessian_vector_product(y[None], e, math.sqrt(variance))[0]
    assert float(curved) == pytest.approx(variance * float(e @ product) / float(e @ e), abs=1e-9)
    assert (curved > 0) == (fraction < 1)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (torch.zeros(3, 2), "integers"),
        (torch.zeros(1, 2, dtype=torch.int64), "m >= 2"),
        (torch.zeros(4, dtype=torch.int64), r"\(m, d\)"),
        (torch.full((2, 2), 2**26), "too large"),
    ],
)
def test_input_that_would_not_be_exact_is_refused(points, message):
    with pytest.raises(ValueError, match=message):
        farthest_pair(points)


def test_farthest_pair_of_equal_points():
    assert farthest_pair(torch.ones(5, 2, dtype=torch.int64)).squared_distance == 0
    assert np.isclose(farthest_pair(torch.tensor([[0], [7], [3]])).squared_distance, 49)
