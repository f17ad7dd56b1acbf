"""The operators by hand, rows with measurements of their own, and the linear estimate."""

import pytest
import torch
from theorylab.experiments.images import inverse_problems_images as lab

from theorylab.diffusion.linear_measurement import LinearMeasurement


def test_operators_measure_what_they_say():
    x = torch.arange(784.0, dtype=torch.float64)
    hidden = lab.operator("inpainting")
    assert hidden.shape == (784 - 144, 784)
    seen = hidden.mT @ hidden @ x
    picture = seen.reshape(28, 28)
    assert (picture[8:20, 8:20] == 0).all()
    assert torch.equal(picture[:8], x.reshape(28, 28)[:8])
    means = lab.operator("super-resolution") @ x
    assert float(means[0]) == (0 + 1 + 28 + 29) / 4
    assert means.shape == (196,)
    blurred = lab.operator("deblurring") @ torch.ones(784, dtype=torch.float64)
    torch.testing.assert_close(blurred, torch.ones_like(blurred))
    point = torch.zeros(784, dtype=torch.float64)
    point[14 * 28 + 14] = 1
    spread = (lab.operator("deblurring") @ point).reshape(28, 28)
    ratio = float(spread[14, 16] / spread[14, 14])
    assert ratio == pytest.approx(2.718281828459045 ** (-4 / (2 * 1.5**2)), rel=1e-9)


def test_input_shows_the_measurement_in_its_place():
    x = torch.rand(2, 784, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    masked = lab.as_image("inpainting", x @ lab.operator("inpainting").mT)[1, 0]
    assert torch.equal(masked[0], x[1].reshape(28, 28)[0])
    assert float(masked[14, 14]) == 0
    pooled = lab.as_image("super-resolution", x @ lab.operator("super-resolution").mT)[0, 0]
    assert float(pooled[1, 1]) == pytest.approx(
        float(x[0].reshape(28, 28)[:2, :2].mean()), rel=1e-12
    )


def test_rows_with_measurements_of_their_own_are_single_measurements():
    generator = torch.Generator().manual_seed(1)
    h = lab.operator("super-resolution")
    y = torch.randn(3, len(h), generator=generator, dtype=torch.float64)
    x = torch.randn(3, 1, 28, 28, generator=generator, dtype=torch.float64)
    together = lab.with_measured("super-resolution", y)
    for row in range(3):
        alone = LinearMeasurement(h, y[row], lab.NOISE)
        mine = slice(row, row + 1)
        torch.testing.assert_close(together.residual(x)[mine], alone.residual(x[mine]))
        torch.testing.assert_close(together.proximal(x, 0.3)[mine], alone.proximal(x[mine], 0.3))
    assert (lab.measurement_of("super-resolution").y == 0).all()


def test_linear_estimate_is_the_conditional_mean_of_a_normal_law(monkeypatch):
    generator = torch.Generator().manual_seed(2)
    root = torch.randn(784, 784, generator=generator, dtype=torch.float64) / 28
    covariance = root @ root.mT + 0.1 * torch.eye(784, dtype=torch.float64)
    mean = torch.randn(784, generator=generator, dtype=torch.float64)
    monkeypatch.setattr(lab, "fitted", lambda: (mean, covariance, 1.0))
    h = lab.operator("super-resolution")
    y = torch.randn(1, len(h), generator=generator, dtype=torch.float64)
    # By precisions: (C^-1 + H'H/s^2) x = C^-1 mean + H'y/s^2.
    precision = torch.linalg.inv(covariance)
    left = precision + h.mT @ h / lab.NOISE**2
    right = precision @ mean + h.mT @ y[0] / lab.NOISE**2
    expected = torch.linalg.solve(left, right)
    found = lab.linear_estimate("super-resolution", y).flatten()
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)
