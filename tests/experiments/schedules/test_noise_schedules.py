"""Oracle of noise_schedules: W2 by adaptive quadrature."""

import math

import pytest
import torch
from theorylab.experiments.schedules import noise_schedules

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.transport import w2_squared_from_quantiles


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
