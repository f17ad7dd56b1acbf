"""Inception FID: the wiring with a small network in Inception's place, and what is refused."""

import os
import pickle

import pytest
import torch
from torch import nn

from theorylab.errors import Missing, UsageError
from theorylab.images import pretrained
from theorylab.images.features import frechet_distance, moments
from theorylab.images.inception import inception_distance, inception_metric, only_tensors


class Small(nn.Module):
    """Means and squares of the three channels of uint8 images."""

    num_features = 6

    def forward(self, images):
        assert images.dtype == torch.uint8
        values = images.double() / 255
        return torch.cat([values.mean((2, 3)), values.square().mean((2, 3))], 1)


def images(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


def test_it_is_the_frechet_distance_of_features():
    pytest.importorskip("torchmetrics")
    reference, other = images(250, 0), images(120, 1)
    metric = inception_metric(reference, feature=Small())
    expected = [
        frechet_distance(moments(Small()(part).numpy()), moments(Small()(reference).numpy()))
        for part in (other, other // 2)
    ]
    for part, distance in zip((other, other // 2), expected, strict=True):
        # The reference stays, what was seen before does not count.
        found = inception_distance(metric, part.float() / 127.5 - 1)
        assert found == pytest.approx(distance, rel=1e-3, abs=1e-6)
    assert expected[1] > 100 * expected[0]


def test_it_refuses_without_weights(tmp_path, monkeypatch):
    pytest.importorskip("torchmetrics")
    monkeypatch.setenv("THEORYLAB_MODELS", str(tmp_path))
    with pytest.raises(Missing, match=r"weights-inception.*torch-fidelity.*THEORYLAB_MODELS"):
        inception_metric(images(2, 0))


def test_pretrained_weights_are_looked_for_and_named_by_content(tmp_path, monkeypatch):
    monkeypatch.setenv("THEORYLAB_MODELS", str(tmp_path))
    with pytest.raises(UsageError, match="known are ddpm-cifar10-32, inception"):
        pretrained.locate("stable")
    with pytest.raises(Missing, match="save_pretrained"):
        pretrained.checksum("ddpm-cifar10-32")
    folder = tmp_path / "ddpm-cifar10-32"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(b"1")
    assert pretrained.locate("ddpm-cifar10-32") == folder
    before = pretrained.checksum("ddpm-cifar10-32")
    weights.write_bytes(b"2")
    assert pretrained.checksum("ddpm-cifar10-32") != before


class Harmful:
    def __reduce__(self):
        return (open, ("harm", "w"))


def test_weights_with_code_in_them_are_refused_even_where_a_library_would_run_it(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    torch.save({"weight": Harmful()}, "weights.pth")
    with only_tensors(), pytest.raises(pickle.UnpicklingError):
        torch.load("weights.pth", weights_only=False)
    assert not (tmp_path / "harm").exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
