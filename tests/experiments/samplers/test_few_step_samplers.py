"""Formulas of few_step_samplers and what_sampling_finds that no verdict judges."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from theorylab.experiments.samplers import few_step_samplers as few
from theorylab.experiments.samplers import what_sampling_finds as finds

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.ideal import IdealDenoiser


@pytest.mark.parametrize(
    ("name", "steps"),
    [("DDIM", 10), ("UniPC 3", 10), ("Heun", 5), ("DPM-2", 5), ("PNDM", 3), ("DEIS", 10)],
)
def test_evaluations_are_counted(name, steps):
    # A step to 0 costs one evaluation; PNDM's first three steps cost four.
    assert few.steps_within(name, 10) == steps


def test_spectra_have_the_trace_of_images():
    for law, power in few.SPECTRA.items():
        eigenvalues = few.spectrum(law)
        assert float(eigenvalues.sum()) == pytest.approx(768)
        assert float(eigenvalues[9] / eigenvalues[0]) == pytest.approx(10**-power)


def test_many_steps_reach_the_flow_on_the_line():
    measure = few.on_the_line(300)
    flow, _ = measure(None, 0)
    assert measure(few.SAMPLERS["Heun"], 400)[0] == pytest.approx(flow, rel=1e-2)
    assert measure(few.SAMPLERS["DDIM"], 10)[0] > 2 * flow


def test_posterior_mean_of_the_points_is_the_ideal_denoiser():
    x = torch.linspace(-5, 5, 11, dtype=torch.float64)[:, None]
    for sigma in (0.1, 1.0, 20.0):
        torch.testing.assert_close(
            finds.posterior_mean(x, sigma), IdealDenoiser(finds.POINTS)(x, sigma)
        )
    nearest = [-1, -1, -1, -1, -1, 0.1, 1, 1, 1, 1, 1]
    assert finds.projector(x, 1.0)[:, 0].tolist() == nearest


def test_probabilities_of_the_three_points_add_up():
    found = finds.three_points("ideal", 10)
    assert float(found.weight.sum()) == pytest.approx(1)
    np.testing.assert_allclose(found.projected.sum(), 1)


@pytest.mark.parametrize("steps", [4, 12])
def test_density_of_analytic_ddim_on_one_mode_is_that_of_the_data_under_noise(steps):
    # Each marginal is exact there but for the start, of variance 40^2 in place of 40^2 + v.
    mode, v = GaussianMixture.isotropic([1.0], [[0.0]], [0.6]), 0.36
    error, last = -v, few.LAST**2
    sigmas = few.path(steps).tolist()
    for s, after in pairwise(sigmas[:-1]):
        error *= ((v + after * s) / (v + s**2)) ** 2  # DDIM's factor
    std = (v + last + error) ** 0.5 * v / (v + last)
    assert few.carried(mode, few.path(steps), 0.25) == pytest.approx(0.6 - std, rel=1e-3)
