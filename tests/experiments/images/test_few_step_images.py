"""Every sampler of the table spends the evaluations that its column names."""

from types import SimpleNamespace

import pytest
import torch
from theorylab.experiments.images import few_step_images as lab

from theorylab.images import datasets


@pytest.mark.parametrize("arm", list(lab.ARMS))
@pytest.mark.parametrize("evaluations", [5, 10, 20, 50])
def test_evaluations(arm, evaluations, monkeypatch):
    asked = []

    def denoiser(x, sigma):
        asked.append(sigma)
        return x / (1 + sigma**2)

    def compare(bench, sampler, sigmas, groups, size, **options):
        asked.clear()
        list(sampler(denoiser, torch.ones(2, 1, 28, 28), sigmas, **options))

    bench = SimpleNamespace(model=SimpleNamespace(denoiser=denoiser))
    monkeypatch.setattr(lab, "fashion_bench", lambda: bench)
    monkeypatch.setattr(lab, "compare", compare)
    blank = datasets.ImageData("blank", torch.zeros(9, 28, 28, dtype=torch.uint8), None, "", 255)
    monkeypatch.setattr(lab.datasets, "fashion_mnist", lambda split: blank)
    lab.table(arm, evaluations, groups=1, size=2, estimated=4)
    odd = arm == "DPM-Solver-2" and evaluations % 2
    assert len(asked) == evaluations - odd
    assert max(asked) == pytest.approx(lab.SIGMA_MAX)
    assert min(asked) >= lab.SIGMA_MIN - 1e-9
