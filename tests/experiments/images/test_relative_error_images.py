"""The measured ratios by brute force, for a denoiser whose DDIM path is known: c(sigma) x."""

import numpy as np
import torch
from theorylab.experiments.images import relative_error_images as lab

from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.images.models import Model
from theorylab.images.network import Architecture, UNetDenoiser


def bench(monkeypatch):
    images = torch.randn(30, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    untrained = UNetDenoiser(Architecture((1, 4, 4), patch=1, channels=(8, 8), embedding=8))
    model = Model(untrained, (1, 4, 4), (0.01, 80.0), {})
    monkeypatch.setattr(lab, "bench", lambda: (model, images, IdealDenoiser(images)))
    some = lambda split, count, group: images[:count] + (split == "test")
    monkeypatch.setattr(lab, "some_images", some)
    return images.double().flatten(1), untrained.architecture.sigma_data**2


def test_ratios_along_the_path_of_an_untrained_network(monkeypatch):
    data, square = bench(monkeypatch)
    noise = 80 * torch.randn((7, 1, 4, 4), generator=torch.Generator().manual_seed(5))
    found = lab.paths(0, 7, 1, torch.Generator().manual_seed(5))
    x = noise.double().flatten(1)
    sigmas = 80 * 0.5 ** np.arange(lab.OCTAVES + 1)
    np.testing.assert_allclose(found.sigma, sigmas, rtol=1e-12)
    for sigma in sigmas:
        c = square / (sigma**2 + square)
        distance, index = torch.cdist(x, data, compute_mode="donot_use_mm_for_euclid_dist").min(1)
        error = lambda output, index=index: (output - data[index]).norm(dim=1)
        at = found.sel(sigma=sigma, method="nearest")
        np.testing.assert_allclose(at.nu.sel(denoiser="network"), distance / (4 * sigma), rtol=1e-4)
        for arm, output in {
            "network": c * x,
            "untrained": c * x,
            "another path": c * x.roll(1, 0),
            "mean of the data": data.mean(0),
        }.items():
            np.testing.assert_allclose(at.eta.sel(arm=arm), error(output) / distance, rtol=1e-4)
        x = (c + (1 - c) / 2) * x


def test_ideal_denoiser_told_another_level(monkeypatch):
    data, square = bench(monkeypatch)
    found = lab.mismatch(0, 5, torch.Generator().manual_seed(3), told=(0.5, 4.0)).eta
    generator = torch.Generator().manual_seed(3)
    for true in lab.TRUE:
        noise = torch.randn((5, 1, 4, 4), generator=generator)
        x = (data[:5].float().reshape(noise.shape) + true * noise).double().flatten(1)
        distance = torch.cdist(x, data, compute_mode="donot_use_mm_for_euclid_dist")
        nearest, index = distance.min(1)
        for told in (0.5, 4.0):
            weight = torch.softmax(-(distance**2) / (2 * (told * true) ** 2), 1)
            c = square / ((told * true) ** 2 + square)
            for name, output in (("ideal", weight @ data), ("network", c * x)):
                expected = (output - data[index]).norm(dim=1) / nearest
                measured = found.sel(denoiser=name, true=true, told=told)
                np.testing.assert_allclose(measured, expected, rtol=1e-4, atol=1e-7)
