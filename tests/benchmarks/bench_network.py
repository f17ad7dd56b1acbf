"""Training and sampling of the shipped network against its bare loops, on one thread.

    pytest tests/benchmarks/bench_network.py      asserts the ratios
    python tests/benchmarks/bench_network.py      prints rates and ratios

A ratio compares processor times taken in turn; the median over rounds. The absolute rates (300
images/s and 1.2 ms a core) are printed, not asserted: they belong to a quiet machine with AMX.
"""

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import log_linear
from theorylab.images.datasets import ImageData
from theorylab.images.generation import last_states
from theorylab.images.network import Architecture, UNetDenoiser
from theorylab.images.training import Recipe, prefers_bfloat16, train

ARCHITECTURE = Architecture((1, 28, 28), sigma_data=0.826)
STEPS, BATCH, ROUNDS = 25, 128, 3


def network():
    model = UNetDenoiser(ARCHITECTURE, low_precision=prefers_bfloat16("cpu"))
    return model.to(memory_format=torch.channels_last)


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def full_training():
    images = torch.randint(0, 256, (1000, 28, 28), dtype=torch.uint8)
    data = ImageData("noise", images, torch.zeros(1000), "0" * 64, 255)
    with TemporaryDirectory() as folder:
        return seconds(lambda: train(data, ARCHITECTURE, Recipe(STEPS, BATCH), Path(folder)))


def bare_training():
    """Forward and backward of the network alone, on fixed inputs."""
    model, x = network(), torch.randn(BATCH, 1, 28, 28)
    level = torch.rand(BATCH, 1, 1, 1) + 0.5

    def loop():
        for _ in range(STEPS):
            model.zero_grad(set_to_none=True)
            model.raw(x, level).square().mean().backward()

    return seconds(loop)


def full_sampling():
    model, x = network().eval(), torch.randn(256, 1, 28, 28)
    return seconds(lambda: last_states(ddim, model, x, log_linear(10, 0.05, 40.0)))


def bare_sampling():
    model, x = network().eval(), torch.randn(250, 1, 28, 28)
    level = torch.ones(250, 1, 1, 1)

    def loop():
        with torch.inference_mode():
            for _ in range(10):
                model.raw(x, level)

    return seconds(loop) * 256 / 250


def ratio(bare, full):
    torch.set_num_threads(1)
    bare(), full()
    return statistics.median(bare() / full() for _ in range(ROUNDS))


def test_training_keeps_nine_tenths_of_the_bare_loop():
    assert ratio(bare_training, full_training) >= 0.9


def test_sampling_keeps_nine_tenths_of_the_bare_loop():
    assert ratio(bare_sampling, full_sampling) >= 0.9


if __name__ == "__main__":
    torch.set_num_threads(1)
    full_training(), full_sampling()
    print(f"training  {STEPS * BATCH / full_training():6.0f} images per processor second")
    print(f"sampling  {1e3 * full_sampling() / 2560:6.2f} processor ms per image and evaluation")
    shares = ratio(bare_training, full_training), ratio(bare_sampling, full_sampling)
    print("of the bare loops: {:.2f}, {:.2f}".format(*shares))
