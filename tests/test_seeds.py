"""Streams depend on what a cell is, and on nothing else."""

import numpy as np
import torch

from theorylab import seeds


def draws(root=0, experiment="e", measurement="m", cell=None):
    sequence = seeds.seed_sequence(root, experiment, measurement, cell or {"d": 2, "s": 1.0})
    return (
        seeds.numpy_generator(sequence).standard_normal(4),
        torch.randn(4, generator=seeds.torch_generator(sequence), dtype=torch.float64).numpy(),
    )


def test_the_same_cell_gives_the_same_bits_whatever_the_order_of_its_axes():
    for one, two in zip(
        draws(cell={"d": 2, "s": 1.0}), draws(cell={"s": 1.0, "d": 2}), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_every_part_of_the_identity_matters():
    base = draws()
    others = [draws(root=1), draws(experiment="f"), draws(measurement="n"), draws(cell={"d": 3})]
    for other in others:
        for one, two in zip(base, other, strict=True):
            assert not np.allclose(one, two)


def test_the_global_generators_are_left_alone():
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()
    draws()
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(state, np.random.get_state()[1])
