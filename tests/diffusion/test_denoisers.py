"""Conversions against the definitions on known (x0, eps), and the checks on a denoiser's output."""

import math

import mpmath
import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab.diffusion import denoisers as dn

SIGMAS = st.floats(-6, 6).map(lambda power: 10.0**power)


def pair(seed: int = 0, shape: tuple[int, ...] = (5, 3)) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x0, eps = torch.randn((2, *shape), dtype=torch.float64, generator=generator)
    return x0, eps


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float((actual - expected).norm() / expected.norm())


@settings(derandomize=True, deadline=None)
@given(SIGMAS)
def test_predictions_recover_what_the_noisy_point_was_made_of(sigma):
    # If D is the x0 that made x, then eps, score and v must be those of the forward model.
    x0, eps = pair()
    x = x0 + sigma * eps
    digits = 1e-12 * (1 + 1 / sigma)  # x - D loses the digits that x0 and sigma eps do not share
    alpha, beta = 1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma)
    assert relative(dn.eps_from_denoised(x0, x, sigma), eps) < digits
    assert relative(dn.score_from_denoised(x0, x, sigma), -eps / sigma) < digits
    assert relative(dn.velocity_from_denoised(x0, x, sigma), alpha * eps - beta * x0) < digits
    assert relative(dn.vp_from_ve(x, sigma), alpha * x0 + beta * eps) < 1e-13


@settings(derandomize=True, deadline=None)
@given(SIGMAS)
def test_each_conversion_back_recovers_the_denoised_point(sigma):
    x0, eps = pair(1)
    x = x0 + sigma * eps
    digits = 1e-12 * (1 + sigma)
    alpha, beta = 1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma)
    assert relative(dn.denoised_from_eps(eps, x, sigma), x0) < digits
    assert relative(dn.denoised_from_score(-eps / sigma, x, sigma), x0) < digits
    assert relative(dn.denoised_from_velocity(alpha * eps - beta * x0, x, sigma), x0) < digits
    assert relative(dn.ve_from_vp(dn.vp_from_ve(x, sigma), sigma), x) < 1e-14


def test_velocity_is_the_derivative_of_the_vp_path_along_its_angle():
    # v = dz/dphi for z = cos(phi) x0 + sin(phi) eps, tan(phi) = sigma (Salimans & Ho, App. D).
    phi, x0, eps = sympy.symbols("phi x0 eps", positive=True)
    sigma = sympy.tan(phi)
    x = x0 + sigma * eps
    stated = (eps - sigma * x0) / sympy.sqrt(1 + sigma**2)
    derivative = sympy.diff(sympy.cos(phi) * x0 + sympy.sin(phi) * eps, phi)
    at = {phi: sympy.Rational(2, 5), x0: 3, eps: 7}
    assert (
        sympy.simplify((stated - derivative).subs(sympy.sqrt(1 + sigma**2), 1 / sympy.cos(phi)))
        == 0
    )
    measured = dn.velocity_from_denoised(
        torch.tensor([[3.0]], dtype=torch.float64),
        torch.tensor([[float(x.subs(at))]], dtype=torch.float64),
        float(sigma.subs(at)),
    )
    assert float(measured) == pytest.approx(float(derivative.subs(at)), rel=1e-13)


def test_score_of_gaussian_data_is_the_log_density_gradient():
    # x0 ~ N(0, 4): D = 4x/(4 + sigma^2), p_sigma = N(0, 4 + sigma^2).
    x = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None].requires_grad_()
    sigma = 0.7
    log_density = -x.square() / (2 * (4 + sigma**2))
    (gradient,) = torch.autograd.grad(log_density.sum(), x)
    score = dn.score_from_denoised(4 * x / (4 + sigma**2), x, sigma)
    torch.testing.assert_close(score, gradient, rtol=1e-13, atol=0)


@pytest.mark.parametrize("sigma", [1e-8, 1e-3, 1.0, 157.0, 1e6])
def test_alpha_bar_and_sigma_agree_with_fifty_digits(sigma):
    with mpmath.workdps(50):
        exact = 1 / (1 + mpmath.mpf(sigma) ** 2)
        alpha_bar = dn.alpha_bar_from_sigma(sigma)
        assert abs(alpha_bar - exact) <= 2**-52 * exact
        level = mpmath.sqrt((1 - mpmath.mpf(alpha_bar)) / mpmath.mpf(alpha_bar))
        assert abs(dn.sigma_from_alpha_bar(alpha_bar) - level) <= 2**-51 * level


@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 2, 5)])
def test_expand_sigma_shapes(shape):
    x = torch.zeros(shape, dtype=torch.float32)
    column = (4, *(1,) * (len(shape) - 1))
    for sigma in (2.0, 2, torch.tensor(2.0), torch.full((4,), 2.0), torch.full(column, 2.0)):
        level = dn.expand_sigma(sigma, x)
        assert level.shape == column
        assert level.dtype == torch.float32
        assert bool((level == 2).all())


def test_per_sample_sigma_is_that_of_each_sample():
    x0, eps = pair(2)
    sigma = torch.tensor([0.1, 1.0, 3.0, 10.0, 40.0], dtype=torch.float64)
    x = x0 + sigma[:, None] * eps
    together = dn.score_from_denoised(x0, x, sigma)
    for k, level in enumerate(sigma.tolist()):
        alone = dn.score_from_denoised(x0[k : k + 1], x[k : k + 1], level)
        assert torch.equal(together[k : k + 1], alone)


@pytest.mark.parametrize("sigma", [-1.0, math.nan, math.inf, torch.tensor([1.0, -2.0])])
def test_expand_sigma_refuses_levels_that_are_none(sigma):
    with pytest.raises(ValueError, match="finite and at least 0"):
        dn.expand_sigma(sigma, torch.zeros(2, 3))


def test_expand_sigma_refuses_a_shape_that_would_broadcast_wrongly():
    with pytest.raises(ValueError, match=r"does not fit x of shape \(4, 3\)"):
        dn.expand_sigma(torch.ones(3), torch.zeros(4, 3))


@pytest.mark.parametrize(
    "convert", [dn.eps_from_denoised, dn.score_from_denoised, dn.velocity_from_denoised]
)
def test_division_by_sigma_zero_is_an_error_not_a_nan(convert):
    with pytest.raises(ValueError, match="above 0, got 0"):
        convert(torch.zeros(2, 3), torch.zeros(2, 3), 0.0)


def test_checked_returns_what_the_denoiser_returned():
    output = torch.randn(3, 2, generator=torch.Generator().manual_seed(0))
    assert dn.checked(lambda x, sigma: output)(torch.zeros(3, 2), 1.0) is output


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (torch.tensor([[1.0, math.nan], [math.inf, 0.0]]), r"2 NaN or infinite entries of 4"),
        (torch.zeros(2, 1), r"shape \(2, 1\).*\(2, 2\)"),
        ([0.0, 0.0], "returned list"),
        (None, "returned NoneType"),
    ],
)
def test_checked_names_the_fault_and_sigma(output, message):
    with pytest.raises(dn.DenoiserError, match=message) as caught:
        dn.checked(lambda x, sigma: output)(torch.zeros(2, 2), 0.25)
    assert "0.25" in str(caught.value)


def test_checked_names_the_range_of_a_tensor_of_levels():
    sigma = torch.tensor([[0.5], [4.0]])
    with pytest.raises(dn.DenoiserError, match=r"0\.5 to 4"):
        dn.checked(lambda x, sigma: x * math.nan)(torch.ones(2, 2), sigma)


def test_large_finite_entries_are_not_taken_for_infinite():
    big = torch.full((4, 4), torch.finfo(torch.float32).max)
    assert not math.isfinite(float(big.sum()))
    assert dn.all_finite(big)
    big[2, 1] = -math.inf
    assert not dn.all_finite(big)
