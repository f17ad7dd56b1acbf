"""The experiment's linear denoiser and deviations, by regression and by their limits."""

import numpy as np
import pytest
import torch
from theorylab.experiments.trajectories import score_deviation as lab


def test_wiener_is_the_linear_regression_of_the_points_on_their_noised_copies():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(40, 3, dtype=torch.float64, generator=generator) @ torch.diag(
        torch.tensor([2.0, 1.0, 0.2], dtype=torch.float64)
    )
    x = torch.randn(5, 3, dtype=torch.float64, generator=generator)
    centred = (points - points.mean(0)).numpy()
    gram = centred.T @ centred / 40
    slope = np.linalg.solve(gram + 0.49 * np.eye(3), gram)
    expected = points.mean(0).numpy() + (x - points.mean(0)).numpy() @ slope
    np.testing.assert_allclose(lab.wiener(points)(x, 0.7).numpy(), expected, rtol=1e-12)


def test_deviations_have_their_limits():
    found = lab.deviations(
        2, "training points", points=300, queries=200, generator=torch.Generator().manual_seed(3)
    ).deviation
    # Scores: r* returns the point and D the noised point itself, so that the ratio tends to 1.
    assert float(found.sel(sigma=0.003, arm="smooth", metric="score")) == pytest.approx(1, abs=0.01)
    # Denoisers at large noise: the means differ, and Wiener's has the sample's.
    assert float(found.sel(sigma=80, arm="Wiener", metric="denoiser")) < 0.003
