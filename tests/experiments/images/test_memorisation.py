"""Nearest images, by SciPy's exact differences."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from theorylab.experiments.images import memorisation as lab


@pytest.fixture(autouse=True, params=[3, 512])
def block(request, monkeypatch):
    monkeypatch.setattr(lab, "BLOCK", request.param)


def test_nearest_agrees_with_exact_differences_and_finds_copies():
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(50, 784, generator=generator) * 2 - 1
    x = torch.cat([torch.rand(8, 784, generator=generator) * 2 - 1, points[7:9]])
    far, index = lab.nearest(x, points)
    exact = cdist(x.double(), points.double()) / 28
    np.testing.assert_allclose(far, exact.min(1), rtol=1e-12)
    assert index.tolist() == exact.argmin(1).tolist()
    assert far[-2:].tolist() == [0, 0]


def test_a_point_may_leave_itself_out():
    points = torch.rand(20, 784, generator=torch.Generator().manual_seed(1))
    far, _ = lab.nearest(points[:6], points, but_itself=True)
    exact = cdist(points[:6].double(), points.double()) / 28
    exact[np.arange(6), np.arange(6)] = np.inf
    np.testing.assert_allclose(far, exact.min(1), rtol=1e-12)
