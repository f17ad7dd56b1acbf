"""What a sampler's step costs beyond its denoiser, on one thread.

    pytest tests/benchmarks/bench_samplers.py        asserts the limits
    python tests/benchmarks/bench_samplers.py        prints the table

A batch of (64, 2) in float32 and a denoiser that returns a tensor it holds: what is left is the
sampler. Processor time of 200 steps; the least over rounds, since everything that disturbs a
measurement adds to it. What is compared is timed in the same rounds.

The limit is 20 us a step, with coefficients found again. A machine may be twice as slow at one
moment as at another, and then every operation is: so the limit grows with the time of k-diffusion's
Euler step above what that takes at a quiet moment. (It was set where that step took 59 us; the
table has the ratio.)
"""

import functools
import math
import sys
import time

import pytest
import torch

from theorylab.diffusion import samplers
from theorylab.diffusion.schedules import ddpm_grid, log_linear, select_steps

STEPS, ROUNDS, LIMIT = 200, 15, 20e-6
#: Seconds of k-diffusion's Euler step at a quiet moment (2 cores of an AVX-512 Xeon, torch 2.13).
QUIET = 43e-6
SIGMAS = log_linear(STEPS, 0.01, 40.0)
X = 40 * torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
TARGET = torch.zeros(64, 2)
DENOISER = lambda x, sigma: TARGET
NOISY = {"generator": torch.Generator().manual_seed(1)}
#: The sampler and its options.
CASES = {
    "ddim": (samplers.ddim, {}),
    "heun": (samplers.heun, {}),
    "midpoint": (samplers.midpoint, {}),
    "rk4": (samplers.rk4, {}),
    "gradient_estimation": (samplers.gradient_estimation, {}),
    "ddpm": (samplers.ddpm, NOISY),
    "ancestral": (samplers.ancestral, NOISY),
    "analytic_ddim": (samplers.analytic_ddim, {"noise_power": [0.5] * STEPS, **NOISY}),
    "edm_stochastic": (samplers.edm_stochastic, {"churn": 40.0, **NOISY}),
    "lms": (samplers.lms, {}),
    "ipndm": (samplers.ipndm, {}),
    "pndm": (samplers.pndm, {}),
    "deis 3": (samplers.deis, {}),
    "deis 4": (samplers.deis, {"order": 4}),
    "dpm_solver_pp 2": (samplers.dpm_solver_pp, {}),
    "dpm_solver_pp 3": (samplers.dpm_solver_pp, {"order": 3}),
    "unipc 2": (samplers.unipc, {"order": 2}),
    "unipc 3": (samplers.unipc, {}),
}
#: Coefficients that are found again on a path walked before.
TABLES = [
    value
    for name, module in list(sys.modules.items())
    if name.startswith(samplers.__name__)
    for value in vars(module).values()
    if hasattr(value, "cache_clear")
]


def states(name):
    sampler, options = CASES[name]
    return sampler(DENOISER, X, SIGMAS, **options)


def run(name, anew=False):
    if anew:
        for table in TABLES:
            table.cache_clear()
    for _ in states(name):
        pass


def k_diffusion_euler():
    """k-diffusion's Euler step by its operations: sigmas stay tensors, noise is always drawn."""
    x, ones, sigmas = X, X.new_ones(len(X)), SIGMAS.float()
    for i in range(len(sigmas) - 1):
        churn = min(0.0, math.sqrt(2) - 1) if 0.0 <= sigmas[i] <= math.inf else 0.0
        torch.randn_like(x) * 1.0
        level = sigmas[i] * (churn + 1)
        denoised = DENOISER(x, level * ones)
        derivative = (x - denoised) / level[(..., *[None] * x.ndim)]
        x = x + derivative * (sigmas[i + 1] - level)


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
    ours, theirs = seconds_a_step(functools.partial(run, name), k_diffusion_euler)
    assert ours <= LIMIT * max(1, theirs / QUIET)


def test_ddim_stays_below_a_third_of_the_euler_step_of_k_diffusion():
    ours, theirs = seconds_a_step(functools.partial(run, "ddim"), k_diffusion_euler)
    assert ours / theirs <= 20 / 59


def test_ddim_is_five_times_faster_than_that_of_diffusers():
    pytest.importorskip("diffusers")
    ours, theirs = seconds_a_step(ddim_on_the_same_grid, diffusers_ddim)
    assert theirs / ours > 5


if __name__ == "__main__":
    calls = [functools.partial(run, name) for name in CASES]
    *times, euler, theirs = seconds_a_step(*calls, k_diffusion_euler, diffusers_ddim)
    # Rounds of their own: they leave no table to be found again.
    anew = seconds_a_step(*[functools.partial(run, name, anew=True) for name in CASES])
    print("us a step               again    anew   of k-diffusion's euler")
    for name, again, first in zip(CASES, times, anew, strict=True):
        print(f"{name:20} {1e6 * again:8.1f}{1e6 * first:8.1f}{again / euler:16.3f}")
    print(f"k-diffusion's euler  {1e6 * euler:8.1f}")
    print(f"diffusers' ddim      {1e6 * theirs:8.1f}, {theirs / times[0]:.1f} times ours")
