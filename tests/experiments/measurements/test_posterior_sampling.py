"""Limits and recursions of posterior_sampling: by differential equations, and by plain loops."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special
from theorylab.experiments.measurements import posterior_sampling as posterior

A = posterior.ABAR


@pytest.mark.parametrize("noise", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("guidance", ["DiffPIR", "DPS"])
def test_flows_have_the_laws_that_the_differential_equation_gives(guidance, noise):
    n, top = noise**2, math.sqrt((1 - A) / A)

    def slope(s, x):
        mean = x / (1 + s**2)
        if guidance == "DPS":
            guided = mean + s**2 / (1 + s**2) * (1 - mean) / n
        else:
            guided = (s**2 + n * mean) / (s**2 + n)
        return (x - guided) / s

    found = integrate.solve_ivp(slope, (top, 1e-6), [0.0, 1.0], rtol=1e-10, atol=1e-13).y[:, -1]
    mean, variance = found[0], (found[1] - found[0]) ** 2 / A
    law = "collapsed" if guidance == "DPS" else "power"
    assert variance == pytest.approx(posterior.target("variance", law, noise, 1.0, 0.0), rel=1e-5)
    if guidance == "DPS":
        assert mean == pytest.approx(posterior.dawson(n, A), rel=1e-5)


@pytest.mark.parametrize("n", [0.04, 0.25, 1.0])
def test_the_integral_is_dawsons_function_when_the_schedule_has_no_end(n):
    wanted = math.sqrt(2 / n) * special.dawsn(1 / math.sqrt(2 * n))
    assert posterior.dawson(n, 0.0) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("setting", posterior.SETTINGS)
def test_composed_moments_are_those_of_a_loop(setting):
    guidance, strength, zeta = posterior.SETTINGS[setting]
    steps, noise = 60, 0.9
    levels = posterior.ddpm_levels(steps).tolist()
    mean, variance = 0.0, 1 + levels[0] ** 2
    for k, (s, after) in enumerate(pairwise(levels)):
        if guidance == "DPS-y_t":
            ratio = after**2 / s**2
            keep = (1 + ratio * s**2) / (1 + s**2)
            fresh = (s**2 - after**2) * (1 + after**2) / (1 + s**2) if after else 0.0
            gain = (s**2 - after**2) / (1 + after**2) / (strength * noise**2)
            mean = (1 - gain) * keep * mean + gain
            variance = (1 - gain) ** 2 * (keep**2 * variance + fresh) + (gain * after) ** 2
            continue
        slope, shift = (v[k] for v in posterior.affine(steps, noise, guidance, strength))
        share = 1 - after**2 / s**2 if zeta == "ancestral" else zeta
        root = math.sqrt(1 - share) * after / s
        mean = slope * mean + shift + root * (mean - slope * mean - shift)
        variance = (slope + root * (1 - slope)) ** 2 * variance + share * after**2
    found = posterior.law_of(steps, noise, guidance, strength, zeta)
    assert found == pytest.approx((mean, variance), rel=1e-9)


def test_exact_guidance_is_the_posterior_mean():
    slope, shift = posterior.affine(50, 0.4, "exact", 1.0)
    s = posterior.ddpm_levels(50)[:-1].numpy()
    precision = 1 + 1 / s**2 + 1 / 0.4**2
    assert slope == pytest.approx(1 / s**2 / precision, rel=1e-9)
    assert shift == pytest.approx(1 / 0.4**2 / precision, rel=1e-9)
    assert np.all(slope < 1)
