"""The preconditioned network: its limits, its shapes, what it refuses."""

import pytest
import torch

from theorylab.images.models import load_model
from theorylab.images.network import Architecture, UNetDenoiser

SMALL = Architecture((1, 8, 8), patch=1, channels=(8, 16), embedding=16, sigma_data=0.7)


@pytest.fixture
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = UNetDenoiser(SMALL)
        for parameter in model.parameters():  # the zero layers too
            torch.nn.init.normal_(parameter, std=0.2)
    return model.requires_grad_(False)


def test_preconditioning_by_hand(network):
    x, sigma, s = torch.randn(3, 1, 8, 8), 1.3, 0.7
    total = (sigma**2 + s**2) ** 0.5
    raw = network.raw(x / total, torch.full((3, 1, 1, 1), sigma))
    by_hand = (s / total) ** 2 * x + sigma * s / total * raw
    assert torch.allclose(network(x, sigma), by_hand, atol=1e-6)


def test_an_untrained_network_is_the_best_linear_denoiser():
    # F = 0 at first, and c_skip is the shrinkage for data of mean 0 and variance sigma_data^2.
    x = torch.randn(2, 1, 8, 8)
    assert torch.allclose(UNetDenoiser(SMALL)(x, 0.7), x / 2)


@pytest.mark.parametrize("low_precision", [False, True])
def test_an_untrained_network_is_its_skip_connection(low_precision):
    # Experiments take this for what a network gives before training, at any size and level.
    fashion = load_model("fashion-mnist").denoiser.architecture
    sigma = torch.logspace(-2, 2, 5).reshape(5, 1, 1, 1)
    for architecture in (SMALL, fashion):
        model = UNetDenoiser(architecture, low_precision=low_precision)
        x = sigma * torch.randn(5, *architecture.image, generator=torch.Generator().manual_seed(0))
        c = architecture.sigma_data**2
        torch.testing.assert_close(model(x, sigma), c / (c + sigma**2) * x, rtol=1e-6, atol=0)


def test_small_noise_leaves_x_alone(network):
    x = torch.randn(2, 1, 8, 8)
    assert torch.allclose(network(x, 1e-4), x, atol=1e-2)


def test_rows_do_not_see_each_other(network):
    x, sigma = torch.randn(4, 1, 8, 8), torch.tensor([0.1, 0.5, 2.0, 20.0])
    alone = torch.cat([network(x[k : k + 1], float(sigma[k])) for k in range(4)])
    assert torch.allclose(network(x, sigma.reshape(4, 1, 1, 1)), alone, atol=1e-5)


def test_the_noise_level_matters(network):
    x = torch.randn(1, 1, 8, 8)
    level = torch.tensor([[[[0.5]]], [[[3.0]]]])
    one, two = network.raw(x.repeat(2, 1, 1, 1), level)
    assert float((one - two).abs().max()) > 1e-3


@pytest.mark.parametrize(
    ("image", "patch", "channels"), [((1, 28, 28), 2, (8, 8)), ((3, 32, 32), 2, (8, 16, 16))]
)
def test_shapes(image, patch, channels):
    model = UNetDenoiser(Architecture(image, patch=patch, channels=channels, embedding=16))
    assert model(torch.randn(2, *image), 1.0).shape == (2, *image)


def test_low_precision_is_near(network):
    x = torch.randn(2, 1, 8, 8)
    expected = network(x, 1.0)
    network.low_precision = True
    assert float((network(x, 1.0) - expected).norm() / expected.norm()) < 0.05


def test_refuses_what_it_cannot_do(network):
    with pytest.raises(ValueError, match=r"multiples of 4"):
        Architecture((1, 30, 28), patch=2, channels=(8, 8))
    with pytest.raises(ValueError, match="multiples of 8"):
        Architecture((1, 28, 28), channels=(12,))
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8\).*got \(1, 28, 28\)"):
        network(torch.randn(1, 1, 28, 28), 1.0)
    with pytest.raises(ValueError, match="above 0"):
        network(torch.randn(1, 1, 8, 8), 0.0)


def test_an_architecture_survives_a_card():
    assert Architecture.from_dict({**SMALL.as_dict(), "image": [1, 8, 8]}) == SMALL
    with pytest.raises(ValueError, match="not an architecture"):
        Architecture.from_dict({"image": [1, 8, 8], "width": 3})
