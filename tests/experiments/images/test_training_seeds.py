"""Which outputs belong to which states, and distances, by SciPy's exact differences."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from theorylab.experiments.images import training_seeds as lab

from theorylab.diffusion.samplers import ddim, heun
from theorylab.diffusion.schedules import log_linear
from theorylab.images import checkpoints


@pytest.mark.parametrize("sampler", [ddim, heun])
def test_outputs_are_those_at_the_states(sampler):
    denoiser = lambda x, sigma: torch.tanh(x) / (1 + float(sigma))
    x = 9 * torch.randn(5, 1, 2, 2, generator=torch.Generator().manual_seed(0)).double()
    sigmas = log_linear(4, 0.1, 9.0)
    states, outputs = lab.along(sampler, denoiser, x, sigmas)
    assert states.shape == outputs.shape == (5, 5, 1, 2, 2)
    levels = sigmas.reshape(-1, 1, 1, 1, 1)
    np.testing.assert_allclose(outputs, states.tanh() / (1 + levels), rtol=1e-12)


def test_distances_agree_with_exact_differences():
    images = lab.training_images()[:, 0].flatten(1).double()
    x = images[:6] + 0.1
    exact = cdist(x, images)
    np.testing.assert_allclose(lab.distance_from_images(x), exact.min(1), rtol=1e-6)
    own = cdist(images, images)
    np.fill_diagonal(own, np.inf)
    found = lab.distance_from_images(lab.training_images(), but_itself=True)
    np.testing.assert_allclose(found, own.min(1), rtol=1e-6)


def test_the_networks_differ_by_their_seed_alone():
    cards = [checkpoints.read_card(checkpoints.resolve(name)) for name in lab.NETWORKS]
    assert [card["recipe"].pop("seed") for card in cards] == [0, 1, 2, 3, 4, 5]
    for part in ("recipe", "architecture", "data", "arithmetic", "steps"):
        assert all(card[part] == cards[0][part] for card in cards)
    assert len({card["weights_sha256"] for card in cards}) == len(cards)
