"""Oracles of noise_schedules: divergences by SciPy's quadrature, W2 by adaptive quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from theorylab.experiments.schedules import noise_schedules

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.transport import w2_squared_from_quantiles


def test_divergence_is_the_integral():
    found = noise_schedules.divergences("skew").isel(sigma=0)
    p = lambda x: 0.2 * stats.norm.pdf(x, -2, 2.5) + 0.8 * stats.norm.pdf(x, 0.5, 2.5)
    for name, std in (("plain", 2.5), ("matched", math.hypot(2.5, 1.0))):
        gap = lambda x, std=std: p(x) * np.log(p(x) / stats.norm.pdf(x, 0, std))
        wanted, _ = integrate.quad(gap, -35, 35, points=[-5, 0, 5], epsabs=1e-13, limit=200)
        assert float(found[name]) == pytest.approx(wanted, rel=1e-8)
    assert float(found.variance) == pytest.approx(1.0)
    assert float(found.third_cumulant) == pytest.approx(-1.5)


def test_distance_on_the_line_is_that_of_the_quantiles():
    weights, means, stds = noise_schedules.LINE["four modes"]
    law = GaussianMixture.isotropic(weights, [[m] for m in means], stds)
    sigmas = noise_schedules.ten_steps()["offset"]

    def pushed(u):
        *_, x = ddim(law, float(sigmas[0]) * torch.special.ndtri(u)[:, None], sigmas)
        return x[:, 0]

    wanted = math.sqrt(w2_squared_from_quantiles(law.quantile, pushed, 1e-8).value)
    found = noise_schedules.distances("four modes", 1601).w2.sel(schedule="offset")
    assert float(found) == pytest.approx(wanted, rel=1e-6)
