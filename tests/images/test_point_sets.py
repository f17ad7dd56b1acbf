import numpy as np
import pytest
import torch

from theorylab.images import datasets, point_sets


def test_digits_are_scaled_and_made_once():
    found = point_sets.image_set("digits")
    exact = datasets.digits().images.numpy().reshape(1797, 64) / 8.0 - 1
    np.testing.assert_array_equal(np.concatenate(list(found.blocks())), exact)
    assert point_sets.named_set("digits", None) is found
    assert point_sets.named_denoiser("digits", found) is point_sets.image_denoiser("digits")


def test_random_sets_have_the_size_of_their_name_and_the_cells_numbers():
    found = point_sets.named_set("20 in R^4", np.random.default_rng(3))
    assert found.points.shape == (20, 4) and found.points.dtype == torch.float64
    again = np.random.default_rng(3).standard_normal((20, 4)) * 1.5 + 0.7
    np.testing.assert_array_equal(found.points.numpy(), again)
    # Far out, where one point has all the weight, the denoiser gives that point.
    far = 1e3 * found.points[:1]
    nearest = found.points[(found.points - far).norm(dim=1).argmin()]
    denoised = point_sets.named_denoiser("20 in R^4", found)(far, 0.1)
    np.testing.assert_allclose(denoised[0], nearest, atol=1e-9)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="digits, fashion-mnist"):
        point_sets.image_points("cifar")


def test_points_as_floats_are_those_of_the_set_or_of_the_size_of_their_name():
    generator = torch.Generator().manual_seed(3)
    digits = point_sets.float_points("digits", generator, 100)
    np.testing.assert_array_equal(digits, point_sets.image_points("digits")[:100])
    again = torch.randn(20, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    np.testing.assert_array_equal(point_sets.float_points("20 in R^4", generator), again)
    with pytest.raises(ValueError):
        point_sets.float_points("cifar", generator)
