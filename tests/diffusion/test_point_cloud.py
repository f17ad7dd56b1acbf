"""Nearest points against exact rational distances and scikit-learn; law; spacing."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import KDTree

from theorylab.diffusion import point_cloud
from theorylab.diffusion.manifolds import PointCloud


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rational_nearest(x, points):
    """Squared distances of float64 rows as rationals: no rounding at all."""
    exact = lambda row: [Fraction(value) for value in row.tolist()]
    rows = [exact(point) for point in points]
    squares = [
        [sum((a - b) ** 2 for a, b in zip(query, row, strict=True)) for row in rows]
        for query in map(exact, x)
    ]
    return [min(row) for row in squares], squares


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.floats(-9, 3), st.floats(0, 6), st.integers(1, 6))
def test_distance_is_exact_even_for_near_duplicates_far_from_the_origin(seed, spread, shift, dim):
    # Two clusters of width 10^spread, 10^shift either side of the origin: no centre is near both,
    # so products lose every digit of the gaps within a cluster.
    g = generator(seed)
    offset = 10.0**shift * torch.randn(dim, dtype=torch.float64, generator=g)
    points = 10.0**spread * torch.randn(16, dim, dtype=torch.float64, generator=g)
    points[::2] += offset
    points[1::2] -= offset
    x = offset + 10.0**spread * torch.randn(5, dim, dtype=torch.float64, generator=g)
    smallest, squares = rational_nearest(x, points)
    found = PointCloud(points).nearest(x)
    for k, square in enumerate(smallest):
        assert float(found.distance[k]) == pytest.approx(float(square) ** 0.5, rel=1e-14, abs=0)
        # The index is nearest up to the rounding of a sum of squared differences.
        assert squares[k][found.index[k]] <= square * (1 + Fraction(1, 10**14))
        assert torch.equal(found.point[k], points[found.index[k]])


def test_product_distances_would_have_chosen_another_point():
    # The control of the test above: |q|^2 + |p|^2 - 2qp has no digit of these gaps.
    gaps = torch.tensor([[0.0], [1e-7], [2e-7]], dtype=torch.float64)
    points = torch.cat([1e4 + gaps, -1e4 - gaps])
    x = points[1:2] + 1e-9
    assert abs(float(points.mean())) < 1e-9  # centring does not help
    product = x.square().sum(1) + points.square().sum(1) - 2 * (x @ points.T)[0]
    assert len(set(product[:3].tolist())) == 1
    assert PointCloud(points).nearest(x).index.tolist() == [1]


@pytest.mark.parametrize("block_entries", [3, 40, 1 << 21])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.uint8])
def test_blocks_and_dtypes_agree_with_a_tree(monkeypatch, block_entries, dtype):
    monkeypatch.setattr(point_cloud, "_BLOCK_ENTRIES", block_entries)
    monkeypatch.setattr(point_cloud, "_QUERY_ROWS", 7)
    points = (255 * torch.rand(150, 3, generator=generator(1))).to(dtype)
    x = 255 * torch.rand(40, 3, dtype=torch.float64, generator=generator(2))
    if dtype == torch.uint8:
        x = x / 127.5 - 1
    values = points.double() / 127.5 - 1 if dtype == torch.uint8 else points.double()
    distance, index = KDTree(values.numpy()).query(x.numpy())
    found = PointCloud(points).nearest(x)
    np.testing.assert_allclose(found.distance.numpy(), distance, rtol=1e-14)
    assert found.index.tolist() == index.tolist()
    assert found.distance.dtype == found.point.dtype == torch.float64


def test_ties_go_to_the_smallest_index_in_every_block_order(monkeypatch):
    points = torch.tensor([[3.0], [1.0], [-1.0], [1.0], [-1.0]], dtype=torch.float64)
    x = torch.zeros(1, 1, dtype=torch.float64)
    for block_entries in (1, 2, 3, 100):
        monkeypatch.setattr(point_cloud, "_BLOCK_ENTRIES", block_entries)
        assert PointCloud(points).nearest(x).index.tolist() == [1]


def test_all_points_equally_near_costs_no_wrong_answer(monkeypatch):
    monkeypatch.setattr(point_cloud, "_BLOCK_ENTRIES", 64)  # many slices of candidates per block
    directions = torch.randn(300, 8, dtype=torch.float64, generator=generator(4))
    points = directions / directions.norm(dim=1, keepdim=True)
    found = PointCloud(points).nearest(torch.zeros(3, 8, dtype=torch.float64))
    exact = points.square().sum(1)
    assert found.distance.tolist() == [float(exact.min().sqrt())] * 3


def test_images_keep_their_shape():
    images = torch.randint(0, 256, (6, 4, 5), dtype=torch.uint8, generator=generator(5))
    cloud = PointCloud(images)
    found = cloud.nearest(images[[2, 4]].double() / 127.5 - 0.75)
    assert found.point.shape == (2, 4, 5)
    assert found.index.tolist() == [2, 4]
    assert found.distance.tolist() == pytest.approx([0.25 * 20**0.5] * 2, rel=1e-15)
    assert torch.equal(found.point, images[[2, 4]].double() / 127.5 - 1)
    assert cloud.ambient_dim == 20
    assert cloud.sample(3, generator()).shape == (3, 4, 5)


def test_spacing_and_reach():
    lattice = torch.cartesian_prod(*[torch.arange(4, dtype=torch.float64)] * 3) * 0.3
    cloud = PointCloud(torch.cat([lattice, lattice[:5]]))  # repeated points are one point of K
    assert cloud.spacing == pytest.approx(0.3, rel=1e-14)
    assert cloud.reach == pytest.approx(0.15, rel=1e-14)
    assert PointCloud(torch.ones(3, 2)).reach == np.inf  # one point, convex


def test_spacing_against_a_tree(monkeypatch):
    monkeypatch.setattr(point_cloud, "_BLOCK_ENTRIES", 100)
    monkeypatch.setattr(point_cloud, "_QUERY_ROWS", 11)
    points = torch.randn(130, 4, dtype=torch.float64, generator=generator(6))
    second = KDTree(points.numpy()).query(points.numpy(), k=2)[0][:, 1].min()
    assert PointCloud(points).spacing == pytest.approx(float(second), rel=1e-14)


def test_projection_is_unique_within_the_reach_and_not_beyond():
    points = torch.tensor([[-1.0, 0.0], [1.0, 0.0], [5.0, 0.0]], dtype=torch.float64)
    reach = PointCloud(points).reach
    assert reach == 1
    distances = (torch.zeros(1, 2, dtype=torch.float64) - points).norm(dim=1)
    assert sorted(distances.tolist())[:2] == [reach, reach]  # at the midpoint two are nearest


def test_sample_follows_the_weights():
    weights = torch.tensor([5.0, 2.0, 1.0, 1.0, 0.5, 0.5])
    cloud = PointCloud(torch.arange(6.0)[:, None], weights)
    counts = torch.bincount(cloud.sample(20_000, generator(7))[:, 0].long(), minlength=6)
    expected = 20_000 * cloud.weights.numpy()
    assert stats.chisquare(counts.numpy(), expected).pvalue > 1e-4
    assert stats.chisquare(counts.numpy(), np.full(6, 20_000 / 6)).pvalue < 1e-9
    assert torch.equal(cloud.sample(50, generator(8)), cloud.sample(50, generator(8)))


@pytest.mark.parametrize(
    ("points", "weights", "message"),
    [
        (torch.zeros(0, 2), None, r"\(m, \*event\)"),
        (torch.zeros(3), None, r"\(m, \*event\)"),
        (torch.tensor([[np.nan]]), None, "NaN"),
        (torch.arange(99.0).reshape(33, 3).index_fill(0, torch.tensor(17), np.nan), None, "NaN"),
        (torch.tensor([[0.0, 1.0], [-np.inf, 2.0]]), None, "infinite"),
        (torch.zeros(3, 2), torch.ones(2), r"shape \(3,\)"),
        (torch.zeros(2, 2), torch.tensor([1.0, 0.0]), "positive"),
    ],
)
def test_bad_points_are_refused(points, weights, message):
    with pytest.raises(ValueError, match=message):
        PointCloud(points, weights)


@pytest.mark.parametrize("x", [torch.zeros(3), torch.zeros(3, 3), torch.full((1, 2), np.nan)])
def test_bad_queries_are_refused(x):
    with pytest.raises(ValueError, match="x "):
        PointCloud(torch.zeros(1, 2)).nearest(x)
