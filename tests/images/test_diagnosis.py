"""A diagnosis of denoisers whose answers are known by hand."""

import math
from itertools import pairwise

import pytest
import torch

from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.errors import UsageError
from theorylab.images import datasets
from theorylab.images.diagnosis import diagnose, findings
from theorylab.images.diagnosis_figure import draw
from theorylab.images.models import Model

EVENT = (1, 4, 4)


def model_of(denoiser, event=EVENT):
    return Model(denoiser, event, (0.05, 20.0), {})


def normal(x, sigma, deviation=0.5):
    """The posterior mean of N(0, deviation^2 I)."""
    return deviation**2 / (deviation**2 + torch.as_tensor(sigma).to(x) ** 2) * x


def test_the_normal_law_is_straight_symmetric_and_reversible():
    d = diagnose(model_of(normal), samples=32)
    assert float(d.asymmetry.max()) < 1e-5
    assert float(d.sampling_deviation) < 1e-5 and float(d.denoising_deviation) < 1e-4
    assert float(d.monotone) == 1
    # 40 steps of a second-order method; the factor of one step is known.
    assert float(d.cycle_error) < 0.05
    assert "eta" not in d
    # DDIM's factor on N(0, s^2): product of 1 + (r - 1) sigma^2/(sigma^2 + s^2) against the exact.
    sigmas = [float(d.sigma[0]) * (float(d.sigma[-1] / d.sigma[0])) ** (k / 5) for k in range(6)]
    factor = math.prod(1 + (b / a - 1) * a * a / (a * a + 0.25) for a, b in pairwise(sigmas))
    exact = math.sqrt((sigmas[-1] ** 2 + 0.25) / (sigmas[0] ** 2 + 0.25))
    assert float(d.step_error.sel(gamma=1.0, steps=5)) == pytest.approx(
        abs(factor / exact - 1), rel=0.05
    )


def test_a_rotation_is_seen_as_asymmetry():
    turned = lambda x, sigma: normal(x, sigma) + 0.5 * normal(x, sigma).roll(1, 3)
    assert float(diagnose(model_of(turned), samples=32).asymmetry.min()) > 0.1


def test_the_ideal_denoiser_of_the_digits_is_itself():
    data = datasets.digits()
    points = IdealDenoiser(datasets.as_float(data).unsqueeze(1))
    d = diagnose(model_of(points, (1, 8, 8)), data, samples=32)
    assert float(d.score_gap.max()) < 1e-5
    assert abs(float(d.calibration.mean()) - 1) < 0.05
    assert float(d.eta[-1]) < 0.01 and float(d.eta.max()) < 1
    rows = {what: measured for what, measured, _ in findings(d)}
    assert rows["projection model holds"].startswith("for sigma >= 0.05")
    too_long = diagnose(
        model_of(lambda x, sigma: 1.1 * points(x, sigma), (1, 8, 8)), data, samples=8
    )
    assert float(too_long.calibration.sel(sigma=0.05, method="nearest")) > 1.3


def test_it_draws(tmp_path):
    for path in draw(diagnose(model_of(normal), samples=4), tmp_path):
        assert path.stat().st_size > 1000


def test_refusals():
    with pytest.raises(UsageError, match="does not say what it denoises"):
        diagnose(model_of(normal, None))
    with pytest.raises(UsageError, match=r"the images are \(1, 8, 8\)"):
        diagnose(model_of(normal), datasets.digits())
    with pytest.raises(ValueError, match="NaN"):
        diagnose(model_of(lambda x, sigma: x * float("nan")), samples=2)
