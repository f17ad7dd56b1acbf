"""Noise mixing and DPS-y_t against the algorithms in variance-preserving coordinates."""

import math
from itertools import pairwise

import pytest
import torch

from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.guidance import proximal_guidance
from theorylab.diffusion.linear_measurement import LinearMeasurement
from theorylab.diffusion.samplers import StateError, ddim, ddpm
from theorylab.diffusion.samplers.dps_yt import dps_yt
from theorylab.diffusion.samplers.noise_mixing import noise_mixing
from theorylab.diffusion.schedules import append_zero, ddpm_grid, log_linear

PRIOR = GaussianMixture.isotropic([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [0.4, 0.6])
H = torch.tensor([[1.0, -0.5]], dtype=torch.float64)
MEASUREMENT = LinearMeasurement(H, [0.3], 0.4)
SIGMAS = append_zero(ddpm_grid(30, 0.1 / 30, 20 / 30))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def start(n=5):
    return torch.randn(n, 2, dtype=torch.float64, generator=seeded(7)) * (1 + SIGMAS[0] ** 2) ** 0.5


def last(states):
    *_, state = states
    return state


def vp_score(z, alpha_bar):
    scaled = GaussianMixture.isotropic(
        PRIOR.weights,
        math.sqrt(alpha_bar) * PRIOR.means,
        math.sqrt(alpha_bar) * torch.tensor([0.4, 0.6], dtype=torch.float64),
    )
    return scaled.score(z, math.sqrt(1 - alpha_bar))


@pytest.mark.parametrize("zeta", [0.0, 0.3, 1.0])
def test_diffpir_is_algorithm_1_in_variance_preserving_coordinates(zeta):
    strength, generator = 2.0, seeded(3)
    bars = [1 / (1 + s**2) for s in SIGMAS.tolist()]
    z = start() * math.sqrt(bars[0])
    for bar, bar_next in pairwise(bars):
        clean = (z + (1 - bar) * vp_score(z, bar)) / math.sqrt(bar)
        rho = strength * 0.4**2 * bar / (1 - bar)
        normal_equations = H.T @ H + rho * torch.eye(2, dtype=torch.float64)
        guided = torch.linalg.solve(normal_equations, (0.3 * H + rho * clean).T).T
        noise = (z - math.sqrt(bar) * guided) / math.sqrt(1 - bar)
        fresh = torch.zeros_like(z)
        if zeta > 0 and bar_next < 1:
            fresh = torch.randn(z.shape, dtype=z.dtype, generator=generator)
        mixed = math.sqrt(1 - zeta) * noise + math.sqrt(zeta) * fresh
        z = math.sqrt(bar_next) * guided + math.sqrt(1 - bar_next) * mixed
    guided = proximal_guidance(PRIOR, MEASUREMENT, strength)
    found = last(noise_mixing(guided, start(), SIGMAS, zeta=zeta, generator=seeded(3)))
    torch.testing.assert_close(found, z, rtol=1e-10, atol=1e-10)


def test_dps_yt_is_algorithm_2_in_variance_preserving_coordinates():
    strength, generator = 3.0, seeded(3)
    bars = [1 / (1 + s**2) for s in SIGMAS.tolist()]
    z = start() * math.sqrt(bars[0])
    for bar, bar_next in pairwise(bars):
        alpha = bar / bar_next
        beta = 1 - alpha
        eps = -math.sqrt(1 - bar) * vp_score(z, bar)
        z = (z - beta / math.sqrt(1 - bar) * eps) / math.sqrt(alpha)
        y = math.sqrt(bar_next) * torch.full((5, 1), 0.3, dtype=torch.float64)
        if bar_next < 1:
            z = z + math.sqrt(beta) * torch.randn(z.shape, dtype=z.dtype, generator=generator)
            xi = torch.randn(5, 1, dtype=z.dtype, generator=generator)
            y = y + math.sqrt(1 - bar_next) * xi
        leaf = z.requires_grad_(True)
        (gradient,) = torch.autograd.grad(((y - leaf @ H.T) ** 2).sum(), leaf)
        z = (leaf - beta / alpha / (2 * strength * 0.4**2) * gradient).detach()
    found = last(
        dps_yt(PRIOR, start(), SIGMAS, MEASUREMENT, strength=strength, generator=seeded(3))
    )
    torch.testing.assert_close(found, z, rtol=1e-10, atol=1e-10)


def test_noise_mixing_runs_from_ddim_to_ddpm():
    torch.testing.assert_close(
        last(noise_mixing(PRIOR, start(), SIGMAS)), last(ddim(PRIOR, start(), SIGMAS))
    )
    share = lambda sigma, sigma_next: 1 - (sigma_next / sigma) ** 2
    found = last(noise_mixing(PRIOR, start(), SIGMAS, zeta=share, generator=seeded()))
    wanted = last(ddpm(PRIOR, start(), SIGMAS, generator=seeded()))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sampler", ["mixing", "y_t"])
def test_with_a_stream_for_each_row_the_batch_does_not_matter(sampler):
    def run(x, streams):
        if sampler == "mixing":
            guided = proximal_guidance(PRIOR, MEASUREMENT)
            return last(noise_mixing(guided, x, SIGMAS, zeta=0.5, generator=streams))
        return last(dps_yt(PRIOR, x, SIGMAS, MEASUREMENT, strength=3.0, generator=streams))

    x = start(5)
    together = run(x, [seeded(k) for k in range(5)])
    apart = [run(x[:1], [seeded(0)]), run(x[1:], [seeded(k) for k in range(1, 5)])]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-12, atol=1e-12)


def test_one_denoiser_call_a_step_and_no_derivative_of_it():
    calls = []

    def denoiser(x, sigma):
        calls.append(x.requires_grad)
        return PRIOR(x, sigma)

    last(dps_yt(denoiser, start(), SIGMAS, MEASUREMENT, strength=3.0))
    last(noise_mixing(proximal_guidance(denoiser, MEASUREMENT), start(), SIGMAS, zeta=1.0))
    assert calls == [False] * (2 * (len(SIGMAS) - 1))


def test_bad_input_is_refused_at_once():
    for zeta in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"zeta must lie in \[0, 1\]"):
            noise_mixing(PRIOR, start(), SIGMAS, zeta=zeta)
    with pytest.raises(ValueError, match="got 2 generators for 5 rows"):
        noise_mixing(PRIOR, start(), SIGMAS, generator=[seeded(), seeded()])
    with pytest.raises(ValueError, match="strength: got 0"):
        dps_yt(PRIOR, start(), SIGMAS, MEASUREMENT, strength=0.0)
    wide = LinearMeasurement([[1.0, 0.0, 0.0]], [0.0], 1.0)
    with pytest.raises(ValueError, match=r"\(1, 3\) acts on events of 3 numbers"):
        dps_yt(PRIOR, start(), SIGMAS, wide)


def test_an_unstable_step_is_named():
    sharp = LinearMeasurement(H, [0.3], 1e-3)
    with pytest.raises(StateError, match=r"state \d+ of \d+ \(sigma"):
        last(dps_yt(PRIOR, start(), append_zero(log_linear(200, 0.01, 80)), sharp))


def test_last_states_may_be_denoised():
    sigmas = ddpm_grid(20, 0.005, 0.9)
    for found in (
        noise_mixing(PRIOR, start(), sigmas, final_denoise=True),
        noise_mixing(PRIOR, start(), append_zero(sigmas)),
    ):
        assert len(list(found)) == 21
