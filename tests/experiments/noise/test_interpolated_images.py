"""What is measured of images."""

import torch
from theorylab.experiments.noise import interpolated_images as latent


def test_detail_counts_neighbouring_differences():
    image = torch.zeros(1, 9, dtype=torch.float64)
    image[0, 4] = 2.0  # the middle of 3 x 3 has four neighbours
    assert latent._detail(image).tolist() == [16.0]
