"""Errors of noise_prediction against a double integral over the data point and the noise."""

import numpy as np
import pytest
from theorylab.experiments.projection import noise_prediction


@pytest.mark.parametrize("place", [2, 4])
def test_mean_square_error_is_the_double_integral(place):
    weights, means, stds = map(np.array, noise_prediction.LAWS["two modes"])
    found = noise_prediction.errors("two modes", 400).isel(sigma=place)
    sigma = float(found.sigma)
    phi = lambda x, sd: np.exp(-(x**2) / (2 * sd**2)) / (sd * np.sqrt(2 * np.pi))
    x0, noise = np.meshgrid(np.linspace(-6, 6, 601), np.linspace(-8, 8, 201), indexing="ij")
    y, total = x0 + sigma * noise, np.hypot(stds, sigma)
    share = weights * phi(y[..., None] - means, total)
    lines = means + (stds / total) ** 2 * (y[..., None] - means)
    denoised = (share * lines).sum(-1) / share.sum(-1)
    density = (weights * phi(x0[..., None] - means, stds)).sum(-1) * phi(noise, 1.0)
    # Trapezoids of smooth functions that vanish at the ends: exact to far more than is asked.
    wanted = (density * (denoised - x0) ** 2).sum() * (12 / 600) * (16 / 200)
    assert float(found.mmse) == pytest.approx(wanted, rel=1e-8)
