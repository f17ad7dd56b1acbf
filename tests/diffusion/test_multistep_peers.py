"""Multistep samplers against diffusers' schedulers, on one denoiser and the same sigmas.

The schedulers compute their tables in float32 and read them at every step: the tables are replaced
by float64 ones, so that both sides agree to rounding. The schedulers work in variance-preserving
coordinates z = x/sqrt(1 + sigma^2).
"""

import math

import numpy as np
import pytest
import torch

from theorylab.diffusion.denoisers import sigma_from_alpha_bar
from theorylab.diffusion.distributions import GaussianMixture
from theorylab.diffusion.samplers import deis, dpm_solver_pp, ipndm, lms, pndm, unipc
from theorylab.diffusion.schedules import edm, log_linear

diffusers = pytest.importorskip("diffusers")

# NumPy functions of tensors, deprecated, in the schedulers.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")

# Relative to a state's largest entry; the peer's rounding over some dozen steps.
FLOAT64, FLOAT32 = 1e-10, 1e-6


def mixture() -> GaussianMixture:
    return GaussianMixture.isotropic([0.4, 0.6], [[1.0, -0.5], [-0.8, 0.4]], [0.3, 0.5])


def start(sigma: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    return sigma * torch.randn((6, 2), dtype=torch.float64, generator=generator)


def on_sigmas(scheduler, sigmas: torch.Tensor):
    """The scheduler, walking exactly these sigmas in float64 (its own are replaced)."""
    scheduler.set_timesteps(len(sigmas) - 1)
    scheduler.sigmas = sigmas
    scheduler.timesteps = torch.arange(len(sigmas) - 1)
    scheduler.set_begin_index(0)
    return scheduler


def variance_preserving_states(scheduler, sigmas: torch.Tensor) -> torch.Tensor:
    """States of a scheduler that predicts the denoised, back in variance-exploding coordinates."""
    denoiser, x = mixture(), start(float(sigmas[0]))
    states, scales = [x], (1 + sigmas.square()).sqrt().tolist()
    z = x / scales[0]
    for k, t in enumerate(scheduler.timesteps):
        output = denoiser(z * scales[k], float(sigmas[k]))
        z = scheduler.step(output, t, z).prev_sample
        states.append(z * scales[k + 1])
    return torch.stack(states)


def assert_agree(ours, theirs: torch.Tensor, tolerance: float = FLOAT64) -> None:
    ours = torch.stack(list(ours))
    assert ours.shape == theirs.shape
    error = (ours - theirs).abs().amax(dim=(1, 2)) / theirs.abs().amax(dim=(1, 2))
    assert float(error.max()) < tolerance


GRIDS = {"log-linear": log_linear(12, 0.05, 30.0), "edm": edm(17, 0.01, 60.0)}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_dpm_solver_pp(order, grid):
    sigmas = GRIDS[grid]
    peer = diffusers.DPMSolverMultistepScheduler(
        solver_order=order,
        prediction_type="sample",
        lower_order_final=False,
        final_sigmas_type="sigma_min",
    )
    theirs = variance_preserving_states(on_sigmas(peer, sigmas), sigmas)
    ours = dpm_solver_pp(mixture(), start(float(sigmas[0])), sigmas, order=order)
    assert_agree(ours, theirs, FLOAT32)  # it rounds every sample to float32


@pytest.mark.parametrize("grid", GRIDS)
def test_dpm_solver_pp_exact_second_order_is_the_heun_type(grid):
    sigmas = GRIDS[grid]
    peer = diffusers.DPMSolverMultistepScheduler(
        solver_order=2,
        prediction_type="sample",
        lower_order_final=False,
        solver_type="heun",
        final_sigmas_type="sigma_min",
    )
    theirs = variance_preserving_states(on_sigmas(peer, sigmas), sigmas)
    ours = dpm_solver_pp(mixture(), start(float(sigmas[0])), sigmas, order=2, weights="exact")
    assert_agree(ours, theirs, FLOAT32)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("name", "step_function"), [("bh1", "h"), ("bh2", "expm1")])
def test_unipc(order, grid, name, step_function):
    sigmas = GRIDS[grid]
    peer = diffusers.UniPCMultistepScheduler(
        solver_order=order, prediction_type="sample", lower_order_final=False, solver_type=name
    )
    theirs = variance_preserving_states(on_sigmas(peer, sigmas), sigmas)
    ours = list(
        unipc(mixture(), start(float(sigmas[0])), sigmas, order=order, step_function=step_function)
    )
    # diffusers hands out the predicted states; the corrected ones it keeps for its next step.
    assert_agree(ours[-1:], theirs[-1:])
    assert not torch.allclose(torch.stack(ours[1:-1]), theirs[1:-1], rtol=1e-6)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_deis_in_log_sigma(order, grid):
    sigmas = GRIDS[grid]
    peer = diffusers.DEISMultistepScheduler(
        solver_order=order, prediction_type="sample", lower_order_final=False
    )
    theirs = variance_preserving_states(on_sigmas(peer, sigmas), sigmas)
    ours = deis(mixture(), start(float(sigmas[0])), sigmas, order=order, time=torch.log)
    assert_agree(ours, theirs)


@pytest.mark.parametrize("last", [0.05, 0.0])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_lms(order, last):
    sigmas = torch.cat([log_linear(12, 0.1, 30.0), torch.tensor([last], dtype=torch.float64)])
    peer = on_sigmas(diffusers.LMSDiscreteScheduler(prediction_type="sample"), sigmas)
    peer.is_scale_input_called = True
    x = start(float(sigmas[0]))
    theirs = [x]
    for k, t in enumerate(peer.timesteps):
        output = mixture()(theirs[-1], float(sigmas[k]))
        theirs.append(peer.step(output, t, theirs[-1], order=order).prev_sample)
    assert_agree(lms(mixture(), x, sigmas, order=order), torch.stack(theirs))


def test_ipndm():
    # diffusers' iPNDM predicts v; its last level is sigma = 0, its first alpha = 0 is left out.
    sigmas = torch.cat([log_linear(12, 0.1, 30.0), torch.zeros(1, dtype=torch.float64)])
    peer = diffusers.IPNDMScheduler()
    peer.set_timesteps(len(sigmas) - 1)
    scales = (1 + sigmas.square()).sqrt()
    peer.alphas, peer.betas = 1 / scales, sigmas / scales
    peer.timesteps = torch.arange(len(sigmas) - 1)
    x = start(float(sigmas[0]))
    z, theirs = x / scales[0], [x]
    for k, t in enumerate(peer.timesteps):
        denoised = mixture()(theirs[-1], float(sigmas[k]))
        eps = (theirs[-1] - denoised) / sigmas[k]
        z = peer.step(eps / scales[k] - denoised * sigmas[k] / scales[k], t, z).prev_sample
        theirs.append(z * scales[k + 1])
    assert_agree(ipndm(mixture(), x, sigmas, order=4), torch.stack(theirs))


@pytest.mark.parametrize("steps", [10, 20])
def test_pndm(steps):
    peer = diffusers.PNDMScheduler(beta_start=1e-4, beta_end=0.02, set_alpha_to_one=True)
    alphas = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    peer.alphas_cumprod = torch.from_numpy(alphas)
    peer.final_alpha_cumprod = torch.tensor(1.0, dtype=torch.float64)
    peer.set_timesteps(steps)
    levels = sigma_from_alpha_bar(torch.from_numpy(alphas))
    stride = 1000 // steps
    times = [*range(1000 - stride, -1, -stride)]
    sigmas = torch.cat([levels[times], torch.zeros(1, dtype=torch.float64)])
    x = start(float(sigmas[0]))
    z = x / math.sqrt(1 + float(sigmas[0]) ** 2)
    after_steps = []
    for call, t in enumerate(peer.timesteps.tolist()):
        scale = math.sqrt(1 / alphas[t])
        denoised = mixture()(z * scale, float(levels[t]))
        z = peer.step((z * scale - denoised) / levels[t], t, z).prev_sample
        if call >= 12 or call % 4 == 3:
            after_steps.append(z)
    scales = (1 + sigmas.square()).sqrt()
    theirs = torch.stack([x, *(z * s for z, s in zip(after_steps, scales[1:], strict=True))])

    # Its clock counts the levels: half-way between two of them in steps, to rounding of the mean.
    class Grid:
        @staticmethod
        def time(sigma):
            return torch.tensor([float((levels - s).abs().argmin()) for s in sigma])

        @staticmethod
        def transition(s, t):
            alpha = torch.from_numpy(alphas)[int(t)]
            return alpha.sqrt(), (1 - alpha).sqrt()

    assert_agree(pndm(mixture(), x, sigmas, process=Grid), theirs)
    # The continuous clock is the same up to the discretisation of beta: 1 step in 1000.
    default = list(pndm(mixture(), x, sigmas))
    assert float((default[-1] - theirs[-1]).abs().max()) < 0.02
