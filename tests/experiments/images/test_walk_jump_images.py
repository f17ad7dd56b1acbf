"""The walk on a normal law, where its variance follows a recursion."""

from types import SimpleNamespace

import pytest
import torch
from theorylab.experiments.images import walk_jump_images as lab


def test_variance_of_a_walk_on_a_normal_law(monkeypatch):
    denoiser = lambda y, sigma: y / (1 + sigma**2)
    bench = SimpleNamespace(model=SimpleNamespace(denoiser=denoiser))
    monkeypatch.setattr(lab, "fashion_bench", lambda: bench)
    sigma, variance = 0.7, 9.0
    generator = torch.Generator().manual_seed(0)
    y = 3 * torch.randn(200_000, 1, generator=generator)
    for _ in range(3):
        gain = lab.STEP * sigma**2
        variance = (1 - gain / (1 + sigma**2)) ** 2 * variance + 2 * gain
        y = lab.walk(y, sigma, 1, generator)
        # Five standard errors of a variance from 200,000 normal numbers.
        assert float(y.var()) == pytest.approx(variance, rel=5 * (2 / 200_000) ** 0.5)
