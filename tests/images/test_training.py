"""Training: exact resumption, the loss, refusals."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import xarray as xr

from theorylab.errors import StorageError, UsageError
from theorylab.images import checkpoints, training
from theorylab.images.datasets import ImageData
from theorylab.images.network import Architecture, UNetDenoiser
from theorylab.images.training import (
    Diverged,
    Recipe,
    batches,
    loss_by_image,
    moving_average,
    noise_levels,
    train,
)

SMALL = Architecture((1, 4, 4), patch=1, channels=(8,), embedding=16, sigma_data=0.7)


@pytest.fixture(autouse=True)
def one_thread():
    """Two threads sum in another order: other last bits than the killed process had."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    bytes_ = torch.from_numpy(rng.integers(0, 256, (40, 4, 4), dtype=np.uint8))
    return ImageData("noise", bytes_, torch.zeros(40, dtype=torch.uint8), "0" * 64, 255)


def test_every_image_is_seen_once_a_pass(data):
    numbered = data._replace(
        images=torch.arange(40, dtype=torch.uint8).repeat(16, 1).T.reshape(40, 4, 4)
    )
    steps = batches(numbered, Recipe(steps=1, batch=8))
    seen = torch.cat([next(steps)[0][:, 0, 0, 0] for _ in range(5)])
    assert sorted(((seen + 1) * 127.5).round().int().tolist()) == list(range(40))


def test_processes_share_each_batch(data):
    whole = next(batches(data, Recipe(steps=1, batch=8)))
    shares = [next(batches(data, Recipe(steps=1, batch=8), 0, rank, 2)) for rank in (0, 1)]
    for part, *parts in zip(whole, *shares, strict=True):
        assert torch.equal(torch.stack(parts, 1).flatten(0, 1), part)


def test_noise_levels_cover_the_range():
    sigma = noise_levels(100_000, torch.Generator().manual_seed(0))
    logs = sigma[::2].log()  # log-uniform on [.01, 80]: mean and variance by hand
    width = np.log(8000)
    assert float(logs.mean()) == pytest.approx(
        np.log(0.01) + width / 2, abs=4 * width / 12**0.5 / 5e4**0.5
    )
    assert float(logs.var()) == pytest.approx(width**2 / 12, rel=0.03)
    assert float(sigma[1::2].log().mean()) == pytest.approx(-0.8, abs=0.03)


def test_loss_is_the_weighted_error_of_the_denoiser():
    model = UNetDenoiser(SMALL)
    x0, noise = torch.randn(5, 1, 4, 4), torch.randn(5, 1, 4, 4)
    sigma = torch.tensor([0.1, 0.3, 1.0, 5.0, 20.0])
    found = loss_by_image(model, x0, sigma, noise).detach()
    for k, s in enumerate(sigma.tolist()):  # F = 0 at first: D = s_d^2/(s^2 + s_d^2) x
        error = 0.49 / (s**2 + 0.49) * (x0[k] + s * noise[k]) - x0[k]
        weight = (s**2 + 0.49) / (s * 0.7) ** 2
        assert float(found[k]) == pytest.approx(weight * float(error.square().mean()), rel=1e-4)


def test_it_learns_and_the_card_says_what_was_done(data, tmp_path):
    one_image = data._replace(images=data.images[:1].repeat(40, 1, 1))
    path = train(one_image, SMALL, Recipe(steps=150, batch=20, ema=0.9), tmp_path)
    history = xr.load_dataset(tmp_path / "history.nc")
    assert float(history.loss[-1]) < 0.5 * float(history.loss[0])
    card = checkpoints.read_card(path)
    assert card["steps"] == 150 and card["data"]["name"] == "noise" and card["recipe"]["seed"] == 0
    assert card["arithmetic"]["threads"] == 1 and card["arithmetic"]["device"] == "cpu"
    weights = checkpoints.read_weights(path, card)
    model = UNetDenoiser(SMALL)
    checkpoints.fill(model, weights, path)
    x0 = one_image.images[:1, None].float() / 127.5 - 1
    x = x0 + 2 * torch.randn(64, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        error = (model(x, 2.0) - x0).square().mean()
    # The best linear denoiser of zero-mean data of that variance leaves 4 * .49/4.49 = .44.
    assert float(error) < 0.25


def test_the_moving_average_forgets_its_start():
    averaged, updates = [torch.full((2,), 7.0)], moving_average(0.999)
    for n in range(200):
        updates(averaged, [torch.full((2,), float(n))], n)
    by_hand = 7.0
    for n in range(200):
        decay = min(0.999, (1 + n) / (10 + n))
        by_hand = decay * by_hand + (1 - decay) * n
    assert averaged[0].tolist() == pytest.approx([by_hand] * 2, rel=1e-5)
    assert by_hand > 170


SCRIPT = """
import sys, torch
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_training import SMALL, Recipe, train
import numpy as np
from theorylab.images.datasets import ImageData
rng = np.random.default_rng(0)
images = torch.from_numpy(rng.integers(0, 256, (40, 4, 4), dtype=np.uint8))
data = ImageData("noise", images, torch.zeros(40, dtype=torch.uint8), "0" * 64, 255)
train(data, SMALL, Recipe(steps=150, batch=8), Path({folder!r}), save_every=25)
"""


def test_killed_and_resumed_it_ends_the_same(data, tmp_path):
    recipe = Recipe(steps=150, batch=8)
    train(data, SMALL, recipe, tmp_path / "whole", save_every=25)
    folder = tmp_path / "killed"
    script = SCRIPT.format(tests=os.path.dirname(__file__), folder=str(folder))
    process = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 60
    while not (folder / "model.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    train(data, SMALL, recipe, folder, save_every=25)
    both = [f / "model.safetensors" for f in (tmp_path / "whole", folder)]
    assert both[0].read_bytes() == both[1].read_bytes()
    assert xr.load_dataset(both[0].with_name("history.nc")).identical(
        xr.load_dataset(both[1].with_name("history.nc"))
    )


def test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint(data, tmp_path, monkeypatch):
    calls = []

    def poisoned(*arguments):
        calls.append(1)
        return loss_by_image(*arguments) * (float("nan") if len(calls) == 61 else 1.0)

    monkeypatch.setattr(training, "loss_by_image", poisoned)
    with pytest.raises(Diverged, match="at step 61"):
        train(data, SMALL, Recipe(steps=100, batch=8), tmp_path, save_every=25)
    card = checkpoints.read_card(tmp_path / "model")
    weights = checkpoints.read_weights(tmp_path / "model", card)
    assert card["steps"] == 50
    assert all(bool(w.isfinite().all()) for w in weights.values())


def test_refusals(data, tmp_path):
    train(data, SMALL, Recipe(steps=25, batch=8), tmp_path)
    with pytest.raises(StorageError, match="another recipe"):
        train(data, SMALL, Recipe(steps=50, batch=8), tmp_path)
    with pytest.raises(UsageError, match="must be positive"):
        Recipe(steps=0)
    (tmp_path / "training.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(StorageError, match="delete it to start over"):
        train(data, SMALL, Recipe(steps=25, batch=8), tmp_path)


@pytest.mark.parametrize(
    "damage", ["truncated", "other card", "no card", "not json", "other network"]
)
def test_a_damaged_checkpoint_is_refused(damage, data, tmp_path):
    path = train(data, SMALL, Recipe(steps=25, batch=8), tmp_path)
    card_path = path.with_suffix(".json")
    model = UNetDenoiser(SMALL)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "other card":
        card_path.write_text(json.dumps({"format": "something else"}))
    elif damage == "no card":
        card_path.unlink()
    elif damage == "not json":
        card_path.write_text("{")
    else:
        model = UNetDenoiser(Architecture((1, 4, 4), patch=1, channels=(16,), embedding=16))
    with pytest.raises(
        Exception, match=r"truncated|format|no checkpoint card|cannot be read|another"
    ):
        card = checkpoints.read_card(path)
        checkpoints.fill(model, checkpoints.read_weights(path, card), path)


def test_a_name_that_is_nothing_is_refused():
    with pytest.raises(UsageError, match="there is no checkpoint 'nothing'"):
        checkpoints.resolve("nothing")
