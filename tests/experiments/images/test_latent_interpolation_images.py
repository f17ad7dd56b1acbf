"""The energy of the image gradient, by hand."""

import torch
from theorylab.experiments.images import latent_interpolation_images as lab


def test_energy_of_a_ramp_and_what_blur_takes_from_it():
    down = 0.5 * torch.arange(28.0)[:, None].expand(1, 1, 28, 28)
    assert lab.gradient_energy(down) == 0.25
    both = down + 2 * torch.arange(28.0)
    assert lab.gradient_energy(both) == 4.25
    noise = torch.randn(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1)
    assert lab.gradient_energy(blurred) < 0.2 * lab.gradient_energy(noise)
