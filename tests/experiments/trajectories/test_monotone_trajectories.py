"""The experiment's own expectations against closed forms and integrals."""

import math

import numpy as np
import pytest
from scipy import integrate, special
from theorylab.experiments.trajectories import monotone_trajectories as lab


def test_expectations_on_the_line_have_closed_forms_for_two_points():
    found = lab.line("two points")
    s = found.sigma.values[1:]
    absolute = s * math.sqrt(2 / math.pi) * np.exp(-1 / (2 * s**2))
    absolute = absolute + special.erf(1 / (math.sqrt(2) * s))
    np.testing.assert_allclose(found.x_magnitude.values[1:], absolute, rtol=1e-9)
    np.testing.assert_allclose(found.x_square.values[1:], 2 + s**2 - 2 * absolute, rtol=1e-8)


def test_magnitude_about_one_point_is_an_integral():
    found = lab.single_point("exact")
    for s in (0.625, 5.0):
        # Along m: N(8, s^2); across it: chi with 63 degrees.
        across = special.gammaln(63 / 2) + (63 / 2 - 1) * math.log(2)
        density = lambda r, s=s, across=across: math.exp(
            62 * math.log(r / s) - r * r / (2 * s * s) - across - math.log(s)
        )
        inner = lambda a, r, s=s: (
            math.hypot(8 + s * a, r) * math.exp(-a * a / 2) / math.sqrt(2 * math.pi)
        )
        mean, _ = integrate.dblquad(
            lambda a, r, inner=inner, density=density: inner(a, r) * density(r),
            2 * s,
            14 * s,
            -9,
            9,
            epsabs=1e-8,
        )
        at = float(found.magnitude.sel(sigma=s))
        assert at == pytest.approx(mean, rel=1e-7)
