"""Formulas of denoising_as_projection that no verdict judges by another route."""

import math

import pytest
import torch
from scipy import stats
from theorylab.experiments.projection import denoising_as_projection as experiment


def generator():
    return torch.Generator().manual_seed(7)


@pytest.mark.parametrize("shape", experiment.SHAPES)
def test_tubes_have_reach_one_or_are_flat(shape):
    assert experiment.tube(shape, 26, generator()).reach in (1.0, math.inf)


@pytest.mark.parametrize(("n", "d"), [(4, 1), (24, 20), (400, 50)])
def test_chance_of_a_small_normal_share_is_that_of_the_beta_law(n, d):
    wanted = stats.beta((n - d) / 2, d / 2).cdf(0.5)
    assert float(experiment.chance_of_less_than_half(n, d)) == pytest.approx(wanted, rel=1e-9)
