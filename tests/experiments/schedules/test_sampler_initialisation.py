"""Oracle of sampler_initialisation: divergences by SciPy's quadrature."""

import math

import numpy as np
import pytest
from scipy import integrate, stats
from theorylab.experiments.schedules import sampler_initialisation


def test_divergence_is_the_integral():
    found = sampler_initialisation.divergences("skew").isel(sigma=0)
    p = lambda x: 0.2 * stats.norm.pdf(x, -2, 2.5) + 0.8 * stats.norm.pdf(x, 0.5, 2.5)
    for name, std in (("plain", 2.5), ("matched", math.hypot(2.5, 1.0))):
        gap = lambda x, std=std: p(x) * np.log(p(x) / stats.norm.pdf(x, 0, std))
        wanted, _ = integrate.quad(gap, -35, 35, points=[-5, 0, 5], epsabs=1e-13, limit=200)
        assert float(found[name]) == pytest.approx(wanted, rel=1e-8)
    assert float(found.variance) == pytest.approx(1.0)
    assert float(found.third_cumulant) == pytest.approx(-1.5)
