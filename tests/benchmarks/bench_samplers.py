"""What a sampler's step costs beyond its denoiser, on one thread.

    pytest tests/benchmarks/bench_samplers.py        asserts the limits
    python tests/benchmarks/bench_samplers.py        prints the table

A batch of (64, 2) in float32 and a denoiser that returns a tensor it holds: what is left is the
sampler. Processor time of 200 steps; the least over rounds, since everything that disturbs a
measurement adds to it. The peers are timed in the same rounds. The limit is for a step, with the
tables of multistep weights found again; Runge-Kutta 4, with four evaluations, keeps it for each of
them. The table printed has a column with the tables computed anew in every round.
"""

import functools
import time

import pytest
import torch

from theorylab.diffusion import samplers
from theorylab.diffusion.samplers.multistep import weights_of_steps
from theorylab.diffusion.schedules import ddpm_grid, log_linear, select_steps

STEPS, ROUNDS, LIMIT = 200, 9, 20e-6
SIGMAS = log_linear(STEPS, 0.01, 40.0)
X = 40 * torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
TARGET = torch.zeros(64, 2)
DENOISER = lambda x, sigma: TARGET
NOISY = {"generator": torch.Generator().manual_seed(1)}
#: The sampler, its options, its evaluations in a step.
CASES = {
    "ddim": (samplers.ddim, {}, 1),
    "heun": (samplers.heun, {}, 2),
    "midpoint": (samplers.midpoint, {}, 2),
    "rk4": (samplers.rk4, {}, 4),
    "gradient_estimation": (samplers.gradient_estimation, {}, 1),
    "ddpm": (samplers.ddpm, NOISY, 1),
    "ancestral": (samplers.ancestral, NOISY, 1),
    "analytic_ddim": (samplers.analytic_ddim, {"noise_power": [0.5] * STEPS, **NOISY}, 1),
    "edm_stochastic": (samplers.edm_stochastic, {"churn": 40.0, **NOISY}, 2),
    "lms": (samplers.lms, {}, 1),
    "ipndm": (samplers.ipndm, {}, 1),
    "pndm": (samplers.pndm, {}, 1),
    "deis 3": (samplers.deis, {}, 1),
    "deis 4": (samplers.deis, {"order": 4}, 1),
    "dpm_solver_pp 2": (samplers.dpm_solver_pp, {}, 1),
    "dpm_solver_pp 3": (samplers.dpm_solver_pp, {"order": 3}, 1),
    "unipc 2": (samplers.unipc, {"order": 2}, 1),
    "unipc 3": (samplers.unipc, {}, 1),
}


def run(name, anew=False):
    sampler, options, _ = CASES[name]
    if anew:
        weights_of_steps.cache_clear()
    for _ in sampler(DENOISER, X, SIGMAS, **options):
        pass


def k_diffusion_euler():
    """k-diffusion's Euler step, written as theirs is: sigmas stay tensors and are broadcast."""
    x, ones, sigmas = X, X.new_ones(len(X)), SIGMAS.float()
    for i in range(len(sigmas) - 1):
        level = sigmas[i] * ones
        derivative = (x - DENOISER(x, level)) / level[:, None]
        x = x + derivative * (sigmas[i + 1] - sigmas[i])


@functools.cache
def diffusers_scheduler():
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    scheduler = DDIMScheduler(clip_sample=False, timestep_spacing="trailing")
    scheduler.set_timesteps(STEPS)
    return scheduler


def diffusers_ddim():
    scheduler, z = diffusers_scheduler(), X
    for t in scheduler.timesteps:
        z = scheduler.step(TARGET, t, z).prev_sample


def ddim_on_the_same_grid():
    for _ in samplers.ddim(DENOISER, X, select_steps(ddpm_grid(), STEPS, final="zero")):
        pass


def seconds_a_step(*calls):
    """The least processor time of a step of each call, taken in turn within every round."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rounds = [[_seconds(call) / STEPS for call in calls] for _ in range(ROUNDS + 1)][1:]
    finally:
        torch.set_num_threads(threads)
    return [min(times) for times in zip(*rounds, strict=True)]


def _seconds(call):
    start = time.process_time()
    with torch.no_grad():
        call()
    return time.process_time() - start


@pytest.mark.parametrize("name", CASES)
def test_a_step_adds_at_most_20_microseconds(name):
    _, _, evaluations = CASES[name]
    allowed = LIMIT * (evaluations if name == "rk4" else 1)
    assert seconds_a_step(functools.partial(run, name))[0] <= allowed


def test_ddim_is_faster_than_the_euler_step_of_k_diffusion():
    ours, theirs = seconds_a_step(functools.partial(run, "ddim"), k_diffusion_euler)
    assert theirs / ours > 1.5


def test_ddim_is_five_times_faster_than_that_of_diffusers():
    pytest.importorskip("diffusers")
    ours, theirs = seconds_a_step(ddim_on_the_same_grid, diffusers_ddim)
    assert theirs / ours > 5


if __name__ == "__main__":
    calls = [functools.partial(run, name) for name in CASES]
    anew = [functools.partial(run, name, anew=True) for name in CASES]
    peers = {"k-diffusion's euler": k_diffusion_euler, "diffusers' ddim": diffusers_ddim}
    *found, first, second = seconds_a_step(*calls, *peers.values())
    print("us a step            again    anew   an evaluation")
    for name, time_of_step, with_table in zip(CASES, found, seconds_a_step(*anew), strict=True):
        each = time_of_step / CASES[name][2]
        print(f"{name:18} {1e6 * time_of_step:7.1f} {1e6 * with_table:7.1f} {1e6 * each:7.1f}")
    for name, time_of_step in zip(peers, (first, second), strict=True):
        print(f"{name:20} {1e6 * time_of_step:5.1f}, {time_of_step / found[0]:.1f} times ddim's")
