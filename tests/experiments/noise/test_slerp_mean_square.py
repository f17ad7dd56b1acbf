"""The formulas that judge slerp's mean square, each against integration."""

import math

import pytest
from scipy import integrate, stats
from theorylab.experiments.noise import slerp_mean_square as module


@pytest.mark.parametrize("dim", [1, 4, 50, 300])
def test_variance_of_chi(dim):
    assert module.chi_variance(dim) == pytest.approx(stats.chi(dim).var(), rel=1e-8)


@pytest.mark.parametrize("dim", [4, 5, 17, 1000, 65_536])
def test_excess_halfway_has_a_closed_form(dim):
    expected = module.chi_variance(dim) / (dim - 3)
    assert module.slerp_excess(dim, 0.5) == pytest.approx(expected, rel=1e-8)


def test_excess_by_integrating_over_the_angle_between_two_latents():
    dim, w = 7, 0.2
    chi = stats.chi(dim).mean()

    def squared(phi):
        s1, s2 = math.sin((1 - w) * phi), math.sin(w * phi)
        mean = dim * (s1**2 + s2**2) + 2 * chi**2 * s1 * s2 * math.cos(phi)
        return mean / math.sin(phi) ** 2 * math.sin(phi) ** (dim - 2)

    over = integrate.quad(squared, 1e-9, math.pi - 1e-9)[0]
    mass = integrate.quad(lambda phi: math.sin(phi) ** (dim - 2), 0, math.pi)[0]
    assert module.slerp_excess(dim, w) == pytest.approx(over / mass - dim, abs=1e-9)
