"""Schedules against mpmath, against the published values, and against diffusers."""

import math

import mpmath
import numpy as np
import pytest
import torch

from theorylab.diffusion import schedules as sc


def high_precision_edm(n, low, high, rho):
    with mpmath.workdps(40):
        a, b = mpmath.mpf(high) ** (1 / mpmath.mpf(rho)), mpmath.mpf(low) ** (1 / mpmath.mpf(rho))
        return [float((a + mpmath.mpf(k) / n * (b - a)) ** rho) for k in range(n + 1)]


def test_log_linear_is_geometric():
    with mpmath.workdps(40):
        ratio = (mpmath.mpf(0.01) / 40) ** (mpmath.mpf(1) / 7)
        expected = [float(40 * ratio**k) for k in range(8)]
    sigmas = sc.log_linear(7, 0.01, 40.0)
    assert sigmas.dtype == torch.float64
    assert sigmas.shape == (8,)
    assert (sigmas[0], sigmas[-1]) == (40.0, 0.01)
    np.testing.assert_allclose(sigmas.numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("rho", [1.0, 3.0, 7.0])
def test_edm_against_forty_digits(rho):
    expected = high_precision_edm(18, 0.002, 80, rho)
    np.testing.assert_allclose(sc.edm(18, rho=rho).numpy(), expected, rtol=1e-13)


def test_edm_with_large_rho_is_log_linear():
    gap = [
        float((sc.edm(10, 0.01, 40.0, rho).log() - sc.log_linear(10, 0.01, 40.0).log()).abs().max())
        for rho in (1e3, 2e3)
    ]
    assert gap[0] < 0.01
    assert gap[1] == pytest.approx(gap[0] / 2, rel=0.02)  # first order in 1/rho


def test_ddpm_grid_by_its_product_in_high_precision():
    with mpmath.workdps(40):
        product, sigmas = mpmath.mpf(1), []
        for t in range(1000):
            product *= 1 - (
                mpmath.mpf("1e-4") + (mpmath.mpf("0.02") - mpmath.mpf("1e-4")) * t / 999
            )
            sigmas.append(float(mpmath.sqrt((1 - product) / product)))
    np.testing.assert_allclose(sc.ddpm_grid().flip(0).numpy(), sigmas, rtol=1e-10)


def test_cosine_grid_meets_its_closed_form_until_the_cap():
    time = np.arange(1, 1001) / 1000
    angle = (time + 0.008) / 1.008 * np.pi / 2
    signal = np.cos(angle) ** 2 / np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    sigma = np.sqrt(1 / signal[:-1] - 1)
    grid = sc.cosine_grid().flip(0).numpy()
    np.testing.assert_allclose(grid[:-1], sigma, rtol=1e-9)
    # At t = T the closed form is alpha_bar = 0; the cap leaves a thousandth of the one before.
    assert grid[-1] == pytest.approx(np.sqrt(1 / (1e-3 * signal[-2]) - 1), rel=1e-9)


def test_curves_of_the_slides_at_ten_steps():
    # Read off the plot of log(sigma_t), N = 10, in Permenter & Yuan's slides (a pixel is .026).
    grid = sc.ddpm_grid()
    ours = torch.cat([sc.snap_up(sc.log_linear(9, 0.06, 40.0), grid), grid[-1:]])
    plotted = [3.691, 2.970, 2.250, 1.525, 0.799, 0.078, -0.643, -1.368, -2.084, -2.761, -4.605]
    np.testing.assert_allclose(ours.log().numpy(), plotted, atol=0.03)
    assert float(sc.select_from_time(grid, 10, 854)[0]) == pytest.approx(40, abs=0.1)
    edm = sc.snap_up(sc.edm(10), grid).log().numpy()
    np.testing.assert_allclose(edm[-2:], [-3.97, -4.61], atol=0.03)
    assert abs(float(sc.edm(10)[-1].log()) + 4.61) > 1  # unsnapped it would end far below


def scheduler(name, **options):
    pytest.importorskip("diffusers")
    module = pytest.importorskip(f"diffusers.schedulers.scheduling_{name[0]}")
    return getattr(module, name[1])(num_train_timesteps=1000, **options)


def diffusers_sigmas(scheduler_):
    alpha_bar = scheduler_.alphas_cumprod.double()
    return ((1 - alpha_bar) / alpha_bar).sqrt()


@pytest.mark.parametrize(
    ("beta_schedule", "grid"),
    [
        ("linear", sc.ddpm_grid),
        ("squaredcos_cap_v2", sc.cosine_grid),
        ("scaled_linear", sc.scaled_linear_grid),
    ],
)
def test_grids_agree_with_diffusers(beta_schedule, grid):
    options = {"beta_schedule": beta_schedule}
    if beta_schedule == "linear":
        options |= {"beta_start": 1e-4, "beta_end": 0.02}
    if beta_schedule == "scaled_linear":
        options |= {"beta_start": 0.00085, "beta_end": 0.012}
    expected = diffusers_sigmas(scheduler(("ddpm", "DDPMScheduler"), **options))
    # diffusers accumulates in float32: 1 - alpha_bar carries that rounding.
    torch.testing.assert_close(grid().flip(0)[:-1], expected[:-1], rtol=3e-3, atol=0)
    middle = slice(100, 900)
    torch.testing.assert_close(grid().flip(0)[middle], expected[middle], rtol=1e-4, atol=0)


@pytest.mark.parametrize("spacing", ["trailing", "leading", "linspace"])
@pytest.mark.parametrize("n", [2, 5, 10, 20, 250])
def test_selected_times_agree_with_diffusers(spacing, n):
    reference = scheduler(
        ("ddim", "DDIMScheduler"), beta_start=1e-4, beta_end=0.02, timestep_spacing=spacing
    )
    reference.set_timesteps(n)
    grid = sc.ddpm_grid()
    expected = grid[999 - reference.timesteps]
    assert torch.equal(sc.select_steps(grid, n, spacing, final="zero")[:-1], expected)


def test_steps_that_do_not_divide_the_grid_are_rounded():
    grid, time = sc.ddpm_grid(), lambda sigmas: (1000 - torch.searchsorted(-grid, -sigmas)).tolist()
    assert time(sc.select_steps(grid, 3)) == [1000, 667, 333, 1]
    assert time(sc.select_steps(grid, 3, "leading", final="zero")[:-1]) == [667, 334, 1]
    assert time(sc.select_from_time(grid, 3, 100)) == [100, 67, 33, 1]


def test_scaled_linear_by_its_product_in_high_precision():
    with mpmath.workdps(40):
        low, high = (mpmath.sqrt(mpmath.mpf(v)) for v in ("0.00085", "0.012"))
        product, sigmas = mpmath.mpf(1), []
        for t in range(1000):
            product *= 1 - (low + (high - low) * t / 999) ** 2
            sigmas.append(float(mpmath.sqrt((1 - product) / product)))
    np.testing.assert_allclose(sc.scaled_linear_grid().flip(0).numpy(), sigmas, rtol=1e-10)


def test_betas_are_recovered_from_the_levels():
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    torch.testing.assert_close(
        sc.betas_from_grid(sc.ddpm_grid()).flip(0), betas, rtol=1e-11, atol=0
    )
    # A selection is the coarser chain: its betas multiply out to the same alpha_bar.
    coarse = sc.select_steps(sc.ddpm_grid(), 10)
    product = torch.cumprod(1 - sc.betas_from_grid(coarse).flip(0), 0).flip(0)
    torch.testing.assert_close(product, 1 / (1 + coarse**2), rtol=1e-13, atol=0)


def test_edm_agrees_with_diffusers_up_to_its_final_zero():
    module = pytest.importorskip("diffusers.schedulers.scheduling_edm_euler")
    reference = module.EDMEulerScheduler(sigma_min=0.002, sigma_max=80.0, rho=7.0)
    reference.set_timesteps(18)
    ours = sc.append_zero(sc.edm(17))
    torch.testing.assert_close(ours, reference.sigmas.double(), rtol=1e-5, atol=0)


def test_final_level_is_the_callers_choice():
    grid = sc.ddpm_grid()
    to_grid, to_zero = (sc.select_steps(grid, 10, final=final) for final in ("grid", "zero"))
    assert torch.equal(to_grid[:-1], to_zero[:-1])
    assert to_grid[-1] == grid[-1]
    assert to_zero[-1] == 0
    with pytest.raises(ValueError, match="final='zero'"):
        sc.select_steps(grid, 10, "leading", final="grid")


def test_snap_up_never_lowers_and_lands_on_the_grid():
    grid = sc.ddpm_grid()
    sigmas = sc.log_linear(12, 0.02, 300.0)
    snapped = sc.snap_up(sigmas, grid)
    assert bool(torch.isin(snapped, grid).all())
    below = sigmas <= grid[0]
    assert bool((snapped[below] >= sigmas[below]).all())
    assert bool((snapped[~below] == grid[0]).all())
    assert torch.equal(sc.snap_up(grid, grid), grid)


@pytest.mark.parametrize(
    ("sigmas", "message"),
    [
        ([], "empty"),
        ([1.0, 1.0], r"sigmas\[0\] = 1 and sigmas\[1\] = 1"),
        ([3.0, 1.0, 2.0], r"sigmas\[1\] = 1 and sigmas\[2\] = 2"),
        ([1.0, math.nan], r"sigmas\[1\] is nan"),
        ([math.inf, 1.0], r"sigmas\[0\] is inf"),
        ([1.0, -0.5], "negative"),
        ([0.0], "only sigma is 0"),
        ([2.0, 0.0, 0.0], "decrease strictly"),
        (np.ones((2, 2)), "one dimension"),
    ],
)
def test_check_sigmas_says_what_is_wrong(sigmas, message):
    with pytest.raises(ValueError, match=message):
        sc.check_sigmas(sigmas)


@pytest.mark.parametrize(
    "sigmas",
    [
        [2.0, 0.1, 0.0],
        np.array([2.0, 0.1, 0.0]),
        torch.tensor([2.0, 0.1, 0.0], dtype=torch.float64),
    ],
)
def test_check_sigmas_keeps_all_digits_of_any_container(sigmas):
    checked = sc.check_sigmas(sigmas)
    assert checked.dtype == torch.float64
    assert checked.tolist() == [2.0, 0.1, 0.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: sc.log_linear(0, 0.1, 1.0),
        lambda: sc.log_linear(3, 1.0, 0.1),
        lambda: sc.log_linear(3, 0.0, 1.0),
        lambda: sc.log_linear(3, 0.1, math.nan),
        lambda: sc.edm(3, rho=-1.0),
        lambda: sc.ddpm_grid(0),
        lambda: sc.ddpm_grid(beta_first=0.5, beta_last=0.1),
        lambda: sc.cosine_grid(beta_cap=1.0),
        lambda: sc.select_steps(sc.ddpm_grid(), 1001),
        lambda: sc.select_steps(sc.ddpm_grid(), 5, "middle"),
        lambda: sc.select_steps(sc.ddpm_grid(), 1, "linspace", final="zero"),
        lambda: sc.select_steps(sc.ddpm_grid(), 5, "linspace"),
        lambda: sc.scaled_linear_grid(beta_last=1.0),
        lambda: sc.select_steps(sc.ddpm_grid(), 5, final="one"),
        lambda: sc.select_from_time(sc.ddpm_grid(), 5, 4),
        lambda: sc.snap_up(torch.tensor([0.5, 0.499999]), sc.ddpm_grid(10)),
        lambda: sc.append_zero(torch.tensor([1.0, 0.0])),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(ValueError):
        call()
