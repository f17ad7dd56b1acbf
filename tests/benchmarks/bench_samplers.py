"""What a sampler's step costs beyond its denoiser, on one thread.

    pytest tests/benchmarks/bench_samplers.py        asserts the limits
    python tests/benchmarks/bench_samplers.py        prints the table

A batch of (64, 2) in float32 and a denoiser that returns a tensor it holds: what is left is the
sampler. Processor time of 200 steps; the least over rounds, since everything that disturbs a
measurement adds to it. The peers are timed in the same rounds. The limit is for one evaluation of
the denoiser: Heun and the midpoint rule make two in a step, Runge-Kutta 4 makes four.
"""

import functools
import time

import pytest
import torch

from theorylab.diffusion import samplers
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
}


def run(name):
    sampler, options, _ = CASES[name]
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
def test_an_evaluation_adds_at_most_20_microseconds(name):
    _, _, evaluations = CASES[name]
    assert seconds_a_step(functools.partial(run, name))[0] <= LIMIT * evaluations


def test_ddim_is_faster_than_the_euler_step_of_k_diffusion():
    ours, theirs = seconds_a_step(functools.partial(run, "ddim"), k_diffusion_euler)
    assert theirs / ours > 1.5


def test_ddim_is_five_times_faster_than_that_of_diffusers():
    pytest.importorskip("diffusers")
    ours, theirs = seconds_a_step(ddim_on_the_same_grid, diffusers_ddim)
    assert theirs / ours > 5


if __name__ == "__main__":
    names = [*CASES, "k-diffusion's euler", "diffusers' ddim"]
    calls = [functools.partial(run, name) for name in CASES] + [k_diffusion_euler, diffusers_ddim]
    for name, time_of_step in zip(names, seconds_a_step(*calls), strict=True):
        print(f"{name:22} {1e6 * time_of_step:7.1f} us a step")
