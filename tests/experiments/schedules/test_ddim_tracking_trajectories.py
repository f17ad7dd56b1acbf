"""A trajectory is padded by rest, and the denoiser is called once a state."""

import numpy as np
import pytest
import torch
from theorylab.experiments.schedules import ddim_tracking_trajectories as module

from theorylab.diffusion.manifolds import PointCloud
from theorylab.diffusion.schedules import log_linear


def test_padding_rests_at_the_last_state():
    point = PointCloud(torch.zeros(1, 2, dtype=torch.float64))
    normals = torch.ones(1, 2, dtype=torch.float64)
    sigma, distance, eta = module.follow(
        lambda x, sigma: 0.1 * x, point, normals, log_linear(3, 1.0, 8.0), 5
    )
    assert sigma.tolist() == pytest.approx([8, 4, 2, 1, 1, 1])
    # sigma eps = 0.9 x: each half step leaves 1 - 0.45.
    assert (distance[:, 0] / distance[0, 0]).tolist() == pytest.approx(
        [1, 0.55, 0.55**2, 0.55**3, 0.55**3, 0.55**3]
    )
    assert eta.shape == (6, 1) and np.allclose(eta, 0.1)
    with pytest.raises(ValueError, match="padded"):
        module.follow(lambda x, sigma: 0 * x, point, normals, log_linear(3, 1.0, 8.0), 2)


def test_denoiser_is_called_once_a_state():
    calls = []
    point = PointCloud(torch.zeros(1, 2, dtype=torch.float64))

    def denoiser(x, sigma):
        calls.append(sigma)
        return 0.1 * x

    module.follow(denoiser, point, torch.ones(1, 2).double(), log_linear(3, 1.0, 8.0), 3)
    assert calls == pytest.approx([8, 4, 2, 1])
