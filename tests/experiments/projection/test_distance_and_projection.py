"""Formulas of distance_and_projection that no verdict judges by another route."""

import pytest
import torch
from theorylab.experiments.projection import distance_and_projection as experiment


def generator():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("name", experiment.SETS)
def test_crossed_points_have_the_nearest_points_they_are_said_to_have(name):
    chosen, _ = experiment.closed_set(name, generator())
    middle, u, gap, on_set, normal, _ = experiment.crossings(name, chosen, 8, generator())
    h = 1e-7
    first, second = (chosen.project(middle + s * u) for s in (h, -h))
    assert torch.allclose(
        (first - second).norm(dim=1), torch.as_tensor(gap).double().expand(8), atol=4 * h
    )
    assert torch.allclose(chosen.distance(on_set), torch.zeros(8).double(), atol=1e-9)
    assert torch.allclose(chosen.distance(on_set + h * normal), torch.full((8,), h).double())


@pytest.mark.parametrize("name", ["pair", "20 in R^4", "circle", "torus", "subspace", "box"])
def test_the_distance_that_is_differentiated_is_the_set_s(name):
    chosen, distance = experiment.closed_set(name, generator())
    dim = {"20 in R^4": 4, "pair": 3, "box": 3}.get(name, 5)
    x = 2 * torch.randn(50, dim, dtype=torch.float64, generator=generator())
    assert torch.allclose(distance(x), (x - chosen.project(x)).norm(dim=1), atol=1e-12)
