"""Formulas of measurement_guidance that no verdict judges."""

import numpy as np
import pytest
import torch
from theorylab.experiments.measurements import measurement_guidance as guidance


def test_schedule_is_that_of_ddpm_and_keeps_its_end():
    thousand = guidance.ddpm_levels(1000)
    betas = np.linspace(1e-4, 0.02, 1000)
    bars = np.cumprod(1 - betas)[::-1]
    assert thousand[:-1].numpy() == pytest.approx(np.sqrt((1 - bars) / bars), rel=1e-12)
    last = 1 / (1 + float(guidance.ddpm_levels(64_000)[0]) ** 2)
    assert last == pytest.approx(np.exp(-10.05), rel=3e-3)


@pytest.mark.parametrize("bar", [0.1, 0.9])
def test_mixture_in_preserving_coordinates_is_the_law_of_the_scaled_data(bar):
    mixture, *_ = guidance.random_case(np.random.default_rng(0), 1)
    scaled = guidance.in_vp(mixture, bar)
    unscaled = guidance.GaussianMixture.full(*mixture)
    torch.testing.assert_close(scaled.mean(), bar**0.5 * unscaled.mean())
    torch.testing.assert_close(scaled.covariance(), bar * unscaled.covariance())
