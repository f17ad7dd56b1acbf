"""Denoisers from elsewhere: diffusers folders, callables, checkpoints."""

import json
import math
import sys

import pytest
import torch

from theorylab.errors import StorageError, UsageError
from theorylab.images import checkpoints
from theorylab.images.models import DiffusersDenoiser, load_model
from theorylab.images.network import Architecture, UNetDenoiser

diffusers = pytest.importorskip("diffusers")


@pytest.fixture(scope="module")
def pipeline():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = diffusers.UNet2DModel(
            sample_size=8,
            in_channels=1,
            out_channels=1,
            block_out_channels=(8, 8),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
        )
    return unet.eval().requires_grad_(False)


def saved(pipeline, folder, **config):
    scheduler = diffusers.DDPMScheduler(**config)
    diffusers.DDPMPipeline(pipeline, scheduler).save_pretrained(folder)
    return scheduler


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
def test_agrees_with_the_scheduler_on_its_own_levels(schedule, prediction, pipeline, tmp_path):
    scheduler = saved(
        pipeline, tmp_path, beta_schedule=schedule, prediction_type=prediction, clip_sample=False
    )
    model = load_model(tmp_path)
    assert model.event == (1, 8, 8)
    for t in (3, 250, 900):
        alpha_bar = float(scheduler.alphas_cumprod[t])
        sigma = math.sqrt((1 - alpha_bar) / alpha_bar)
        z = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(t))
        output = pipeline(z, torch.tensor(t)).sample
        expected = scheduler.step(output, t, z).pred_original_sample
        found = model.denoiser(z * math.sqrt(1 + sigma**2), sigma)
        # float32 times and levels of the scheduler; the network multiplies their error.
        assert torch.allclose(found, expected, atol=2e-3 * (1 + sigma), rtol=2e-3)


def test_times_are_interpolated_and_held_at_the_ends(pipeline):
    sigmas = torch.tensor([0.1, 0.4, 1.6], dtype=torch.float64)
    time = DiffusersDenoiser(pipeline, sigmas, "epsilon").time
    found = time(torch.tensor([0.01, 0.1, 0.2, 0.4, 1.6, 80.0])[:, None])
    assert found.flatten().tolist() == pytest.approx([0, 0, 0.5, 1, 2, 2], abs=1e-6)


def test_folders_that_will_not_do(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path / "network")
    with pytest.raises(StorageError, match="without its scheduler"):
        load_model(tmp_path / "network")
    saved(pipeline, tmp_path / "whole")
    config = tmp_path / "whole" / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "beta_schedule": "sigmoid"}))
    with pytest.raises(StorageError, match="'sigmoid' is not known"):
        load_model(tmp_path / "whole")
    config.unlink()
    with pytest.raises(StorageError, match=r"no scheduler/scheduler_config\.json"):
        load_model(tmp_path / "whole")


def test_any_callable(tmp_path, monkeypatch):
    (tmp_path / "my_denoisers.py").write_text(
        "def shrink(x, sigma):\n    return x / (1 + sigma**2)\n\nshrink.event = 1, 4, 4\nv = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_denoisers", raising=False)
    model = load_model("my_denoisers:shrink")
    assert model.event == (1, 4, 4)
    assert torch.equal(model.denoiser(torch.ones(1, 1, 4, 4), 1.0), torch.full((1, 1, 4, 4), 0.5))
    with pytest.raises(UsageError, match="no callable 'v'"):
        load_model("my_denoisers:v")
    with pytest.raises(UsageError, match="no module 'nowhere'"):
        load_model("nowhere:shrink")


def test_our_own_checkpoint(tmp_path):
    architecture = Architecture((1, 8, 8), patch=1, channels=(8,), embedding=16)
    network = UNetDenoiser(architecture)
    checkpoints.save(network.state_dict(), {"architecture": architecture.as_dict()}, tmp_path / "a")
    model = load_model(tmp_path / "a.safetensors")
    x = torch.randn(2, 1, 8, 8)
    assert torch.allclose(model.denoiser(x, 1.0), network(x, 1.0), atol=2e-2)
    checkpoints.save(network.state_dict(), {"kind": "classifier"}, tmp_path / "b")
    with pytest.raises(StorageError, match="is no denoiser"):
        load_model(tmp_path / "b")
