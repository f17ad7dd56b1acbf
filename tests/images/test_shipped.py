"""The checkpoints that come along: what their cards say, and that they do what they are for."""

import pytest
import torch

from theorylab.errors import Missing
from theorylab.images import checkpoints, datasets
from theorylab.images.features import load_classifier
from theorylab.images.models import load_model

DENOISERS = ["digits", *(f"digits-seed{k}" for k in range(1, 6)), "fashion-mnist"]


@pytest.mark.parametrize("name", [*DENOISERS, "fashion-mnist-classifier"])
def test_a_card_says_where_it_comes_from(name):
    card = checkpoints.read_card(checkpoints.resolve(name))
    assert card["data"]["sha256"] == datasets.checksum(card["data"]["name"])
    assert card["command"].startswith("python -m theorylab train ")
    assert card["licence"] and card["versions"]["torch"] and "/" not in card["command"]
    assert name in checkpoints.shipped()


def test_all_that_is_shipped_is_tested_here():
    assert checkpoints.shipped() == sorted([*DENOISERS, "fashion-mnist-classifier"])


def test_they_are_small():
    assert sum(p.stat().st_size for p in checkpoints.SHIPPED.iterdir()) < 16.5e6


def test_the_classifier_is_right_nine_times_in_ten():
    classifier = load_classifier()
    try:
        test = datasets.fashion_mnist("test")
    except Missing:
        pytest.skip("Fashion-MNIST is not on this machine")
    assert checkpoints.read_card(checkpoints.resolve("fashion-mnist-classifier"))[
        "test_accuracy"
    ] >= (0.9)
    images = datasets.as_float(test, torch.float32)[:2000, None]
    right = (classifier(images).argmax(1) == test.labels[:2000]).float().mean()
    assert float(right) > 0.88  # 0.9 less three standard errors


@pytest.mark.parametrize("name", DENOISERS)
@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_a_denoiser_beats_the_best_linear_one(name, sigma):
    # Where images take shape; at larger sigma hardly more than the linear part can be known.
    try:
        data = datasets.digits() if name.startswith("digits") else datasets.fashion_mnist("test")
    except Missing:
        pytest.skip("Fashion-MNIST is not on this machine")
    images = datasets.as_float(data)
    flat = images.flatten(1)
    mean, covariance = flat.mean(0), flat.T.cov()
    x0 = flat[::20][:90]
    x = x0 + sigma * torch.randn(x0.shape, generator=torch.Generator().manual_seed(0)).double()
    identity = torch.eye(len(mean), dtype=torch.float64)
    gain = torch.linalg.solve(covariance + sigma**2 * identity, covariance)
    linear = (mean + (x - mean) @ gain - x0).square().mean()
    model = load_model(name)
    with torch.no_grad():
        denoised = model.denoiser(x.float().reshape(-1, *model.event), sigma)
    network = (denoised.flatten(1).double() - x0).square().mean()
    assert float(network) < 0.9 * float(linear)
