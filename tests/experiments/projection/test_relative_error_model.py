"""Formulas of relative_error_model that no verdict judges by another route."""

import pytest
import torch
from theorylab.experiments.projection import relative_error_model as experiment

from theorylab.diffusion.intrinsic_dimension import neighbour_distances


def generator():
    return torch.Generator().manual_seed(5)


def test_the_subspace_has_the_law_it_is_said_to_have():
    subspace, law, mean = experiment.model("subspace", generator(), None)
    covariance = experiment.covariance(subspace)
    x = subspace.sample(20_000, generator())
    assert torch.allclose(law.covariance(), covariance, atol=1e-12)
    assert torch.allclose(torch.cov(x.T), covariance, atol=0.05)
    assert torch.allclose(x.mean(0), mean, atol=0.05)


def test_the_covariance_of_images_is_that_of_their_law():
    cloud, _, mean = experiment.model("digits", generator(), 300)
    rows = cloud.points - mean
    assert torch.allclose(experiment.covariance(cloud), rows.T @ rows / 300, atol=1e-12)


def test_noise_of_the_persistence_is_far_below_the_spacing():
    # Otherwise the nearest point would not have all the weight and the claim would not be exact.
    cloud, *_ = experiment.model("digits", generator(), None)
    spacing = float(neighbour_distances(cloud.points, 1).min())
    assert 0.05 * 6 < spacing / 2 == pytest.approx(cloud.reach)
