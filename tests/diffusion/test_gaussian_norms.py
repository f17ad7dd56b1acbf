"""The exact chance that noise lengthens a vector, against other forms of the same law."""

import math

import mpmath as mp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from theorylab.diffusion.gaussian_norms import probability_norm_grows


def poisson_mixture(dim, k):
    """P(chi2_d(k) > k): chi-square with d + 2j degrees, j ~ Poisson(k/2)."""
    middle, spread = k / 2, 12 * math.sqrt(k / 2) + 60
    j = np.arange(max(0, math.floor(middle - spread)), math.ceil(middle + spread))
    weights = np.exp(special.xlogy(j, k / 2) - k / 2 - special.gammaln(j + 1))
    return float(weights @ special.gammaincc(dim / 2 + j, k / 2))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(dim=st.integers(2, 3000), log_norm=st.floats(-3, 2), sigma=st.sampled_from([0.01, 1, 80]))
def test_agrees_with_the_poisson_mixture(dim, log_norm, sigma):
    norm = 10**log_norm
    found = probability_norm_grows(dim, norm * sigma, sigma)
    # The mixture's weights lose digits in gammaln: about 1e-16 k log(k) of themselves.
    assert float(found) == pytest.approx(poisson_mixture(dim, norm**2), abs=1e-11)


@pytest.mark.parametrize("norm", [0.0, 1e-6, 0.3, 1.0, 7.0, 1e3, 1e8])
def test_closed_forms_in_one_and_two_dimensions(norm):
    one, two = (float(probability_norm_grows(d, norm)) for d in (1, 2))
    assert one == pytest.approx(0.5 + 0.5 * math.erfc(math.sqrt(2) * norm), abs=1e-14)
    # Marcum's Q_1(a, a) = (1 + exp(-a^2) I_0(a^2)) / 2.
    assert two == pytest.approx((1 + special.i0e(norm**2)) / 2, abs=1e-13)


@pytest.mark.parametrize("dim", [1000, 10**6, 10**12])
@pytest.mark.parametrize("ratio", [0.2, 1.0, 3.0])
def test_agrees_with_quadrature_in_25_digits_in_high_dimension(dim, ratio):
    with mp.workdps(30):
        root, centre = mp.mpf(ratio) * dim, mp.sqrt(dim - 1)
        log = mp.log(2) * (mp.mpf(3 - dim) / 2) - mp.loggamma(mp.mpf(dim - 1) / 2)

        def integrand(r):
            w = mp.sqrt((root - r) * (root + r))
            density = mp.exp((dim - 2) * mp.log(r) - r * r / 2 + log)
            return density * (mp.ncdf(w - root) - mp.ncdf(-w - root))

        cuts = [centre + step for step in (-10, -3, 0, 3, 10)]
        wanted = 1 - mp.quad(integrand, cuts, method="gauss-legendre")
    found = float(probability_norm_grows(dim, ratio * dim))
    assert found == pytest.approx(float(wanted), abs=1e-13 if dim <= 10**6 else 2e-11)


def test_broadcasts_and_falls_with_the_norm():
    norms = torch.linspace(0, 300, 61, dtype=torch.float64)
    sigmas = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)[:, None]
    found = probability_norm_grows(64, norms, sigmas)
    assert found.shape == (3, 61) and found.dtype == torch.float64
    assert (found[:, 0] == 1).all()
    assert (found.diff(dim=1) <= 1e-15).all() and (found.diff(dim=0) >= -1e-15).all()
    assert float(found[1, 20]) == float(probability_norm_grows(64, 100.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1.0), "dim must be at least 1"),
        ((3, -1.0), "norm"),
        ((3, math.nan), "norm"),
        ((3, 1.0, 0.0), "sigma"),
        ((3, 1.0, math.inf), "sigma"),
    ],
)
def test_refuses_what_has_no_meaning(arguments, message):
    with pytest.raises(ValueError, match=message):
        probability_norm_grows(*arguments)
