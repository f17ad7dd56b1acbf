"""Intrinsic dimension against SciPy's trees, exact laws and manifolds of known dimension."""

import numpy as np
import pytest
import torch
from scipy import spatial, stats

from theorylab.diffusion.intrinsic_dimension import (
    maximum_likelihood_dimension,
    neighbour_distances,
)
from theorylab.diffusion.manifolds import Sphere, Torus


def normals(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize(("n", "dim", "k"), [(3, 1, 2), (700, 5, 4), (40, 60, 39)])
def test_neighbours_are_those_of_a_tree(n, dim, k):
    points = 7 + normals(n, dim)
    wanted, _ = spatial.cKDTree(points.numpy()).query(points.numpy(), k + 1)
    assert np.allclose(neighbour_distances(points, k), wanted[:, 1:], rtol=1e-10)


@pytest.mark.parametrize("k", [2, 5])
def test_estimate_by_hand(k):
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0], [15.0], [31.0]])
    gaps = np.sort(np.abs(points.numpy() - points.numpy().T), axis=1)[:, 1 : k + 1]
    ratios = [np.log(row[-1] / row[:-1]).mean() for row in gaps]
    assert maximum_likelihood_dimension(points, k) == pytest.approx(1 / np.mean(ratios))


@pytest.mark.parametrize(
    ("shape", "k", "tolerance"), [("circle", 2, 0.1), ("torus", 8, 0.1), ("4-sphere", 8, 0.1)]
)
def test_dimension_of_manifolds_turned_in_high_dimension(shape, k, tolerance):
    frame = normals(5, 50, seed=3)
    manifold = {
        "circle": Sphere(1, frame=frame[:2]),
        "torus": Torus(3.0, 1.0, frame=frame[:3]),
        "4-sphere": Sphere(4, frame=frame),
    }[shape]
    points = manifold.sample(2000, torch.Generator().manual_seed(4))
    assert maximum_likelihood_dimension(points, k) == pytest.approx(manifold.dim, rel=tolerance)


def test_sum_of_logs_has_the_chi_square_law_it_is_said_to_have():
    # Independent samples of a uniform law: one ratio each, from the point nearest to the middle.
    generator, logs = np.random.default_rng(5), []
    for _ in range(2000):
        radius = np.sort(np.linalg.norm(generator.uniform(-1, 1, (200, 2)), axis=1))
        logs.append(np.log(radius[1] / radius[0]))
    assert stats.kstest(logs, stats.expon(scale=0.5).cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("points", "k", "text"),
    [
        (normals(5, 3), 1, "k >= 2"),
        (normals(5, 3), 5, "N > k"),
        (normals(5, 3).repeat(2, 1), 2, "10 of 10 points are repeated"),
        (torch.full((5, 3), torch.nan), 2, "NaN"),
    ],
)
def test_bad_input(points, k, text):
    with pytest.raises(ValueError, match=text):
        maximum_likelihood_dimension(points, k)
