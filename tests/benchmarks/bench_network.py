"""Training and sampling of the shipped network against its bare loops, on one thread.

    pytest tests/benchmarks/bench_network.py      asserts the ratios
    python tests/benchmarks/bench_network.py      prints rates and ratios

The whole and the bare loop take short turns within one run, after a warm-up that is not counted. A
ratio is the median over turns; a rate comes from the fastest turn, for neighbours on the machine
can only add processor time. The absolute rates (300 images/s and 1.2 ms a core) are printed, not
asserted: they belong to a quiet machine with AMX.
"""

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import log_linear
from theorylab.images import training
from theorylab.images.datasets import ImageData
from theorylab.images.generation import last_states
from theorylab.images.network import Architecture, UNetDenoiser
from theorylab.images.training import Recipe, prefers_bfloat16, train

ARCHITECTURE = Architecture((1, 28, 28), sigma_data=0.826)
STEPS, BATCH, ROUNDS = 2, 128, 20
SAMPLES, EVALUATIONS = 250, 2


def network():
    model = UNetDenoiser(ARCHITECTURE, low_precision=prefers_bfloat16("cpu"))
    return model.to(memory_format=torch.channels_last)


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def training_seconds():
    """Seconds of STEPS steps in each turn: the network's own forward and backward, and `train`.

    A checkpoint, every 200 steps, is not among them.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6000, 28, 28), dtype=torch.uint8, generator=generator)
    data = ImageData("noise", images, torch.zeros(6000), "0" * 64, 255)
    model, x = network(), torch.randn(BATCH, 1, 28, 28, generator=generator)
    level = torch.rand(BATCH, 1, 1, 1, generator=generator) + 0.5

    def bare_loop():
        for _ in range(STEPS):
            model.zero_grad(set_to_none=True)
            model.raw(x, level).square().mean().backward()

    bare, whole, since = [], [], [time.process_time()]

    def turn(*_):
        whole.append(time.process_time() - since[0])
        bare.append(seconds(bare_loop))
        since[0] = time.process_time()

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "WINDOW", STEPS)
        recipe = Recipe(STEPS * (ROUNDS + 1), BATCH)
        train(data, ARCHITECTURE, recipe, Path(folder), save_every=10**6, progress=turn)
    return bare[1:], whole[1:]


def sampling_seconds():
    """Seconds of EVALUATIONS of SAMPLES images in each turn: the network alone, all of DDIM."""
    model = network().eval().requires_grad_(False)
    x = torch.randn(SAMPLES, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    level, sigmas = torch.ones(SAMPLES, 1, 1, 1), log_linear(EVALUATIONS, 0.05, 40.0)

    def bare_loop():
        with torch.inference_mode():
            for _ in range(EVALUATIONS):
                model.raw(x, level)

    def whole():
        last_states(ddim, model, x * 40.0, sigmas)

    bare_loop(), whole()
    return zip(*((seconds(bare_loop), seconds(whole)) for _ in range(ROUNDS)), strict=True)


def ratio(bare, whole):
    return statistics.median(b / w for b, w in zip(bare, whole, strict=True))


@pytest.mark.parametrize("measure", [training_seconds, sampling_seconds])
def test_nine_tenths_of_the_bare_loop(measure):
    torch.set_num_threads(1)
    assert ratio(*measure()) >= 0.9


if __name__ == "__main__":
    torch.set_num_threads(1)
    bare, whole = training_seconds()
    rates = (STEPS * BATCH / min(turns) for turns in (whole, bare))
    print("training: {:.0f} images per processor second, bare loop {:.0f};".format(*rates), end=" ")
    print(f"ratio {ratio(bare, whole):.3f}")
    bare, whole = sampling_seconds()
    costs = (1e3 * min(turns) / (SAMPLES * EVALUATIONS) for turns in (whole, bare))
    print("sampling: {:.2f} processor ms an evaluation, bare loop {:.2f};".format(*costs), end=" ")
    print(f"ratio {ratio(bare, whole):.3f}")
