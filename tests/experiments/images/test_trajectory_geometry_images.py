"""The experiment's deviations on a flow that is known: shapes by formula, not by its own code."""

import numpy as np
import torch
from theorylab.experiments.images import trajectory_geometry_images as lab

from theorylab.images.models import Model
from theorylab.images.network import Architecture, UNetDenoiser


def test_trajectories_of_a_linear_denoiser(monkeypatch):
    # D = c(sigma) x with c of variance v: the flow is x_s = x_S sqrt((v + s^2)/(v + S^2)).
    untrained = UNetDenoiser(Architecture((1, 4, 4), patch=1, channels=(8, 8), embedding=8))
    v = untrained.architecture.sigma_data**2
    monkeypatch.setattr(lab, "load_model", lambda name: Model(untrained, (1, 4, 4), (0.01, 80), {}))
    generator = torch.Generator().manual_seed(2)
    found = lab.trajectories(0, 5, 12, generator).sel(denoiser="untrained")
    noise = 80 * torch.randn((5, 1, 4, 4), generator=torch.Generator().manual_seed(2))
    size = noise.double().flatten(1).norm(dim=1).numpy()
    s = found.sigma.values[:, None]
    norm = np.sqrt((v + s**2) / (v + 80**2)) * size
    x, r = (found.magnitude.sel(trajectory=name) for name in ("sampling", "denoising"))
    np.testing.assert_allclose(x, norm, rtol=2e-3)
    np.testing.assert_allclose(r, v / (v + s**2) * norm, rtol=2e-3)
    np.testing.assert_allclose(
        found.distance.sel(trajectory="sampling"), norm - norm[-1], rtol=2e-3, atol=1e-3
    )
    assert float(found.deviation.max()) < 1e-6  # on a ray through 0 nothing bends
