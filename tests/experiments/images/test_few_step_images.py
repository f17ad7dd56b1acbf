"""Every sampler spends the evaluations that its column names; CIFAR-10 runs, or is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import xarray as xr
from theorylab.experiments.images import few_step_images as lab

from theorylab.errors import Missing
from theorylab.images import datasets
from theorylab.images.cifar10 import FILES, RECORD
from theorylab.keys import data_key_parts

ARMS = ("DDIM", "gradient estimation", "linear in sigma")


@pytest.mark.parametrize("arm", list(lab.ARMS))
@pytest.mark.parametrize("evaluations", [5, 10, 20, 50])
def test_evaluations(arm, evaluations, monkeypatch):
    asked = []

    def denoiser(x, sigma):
        asked.append(sigma)
        return x / (1 + sigma**2)

    def compare(bench, sampler, sigmas, groups, size, **options):
        asked.clear()
        list(sampler(denoiser, torch.ones(2, 1, 28, 28), sigmas, **options))

    bench = SimpleNamespace(model=SimpleNamespace(denoiser=denoiser))
    monkeypatch.setattr(lab, "fashion_bench", lambda: bench)
    monkeypatch.setattr(lab, "compare", compare)
    blank = datasets.ImageData("blank", torch.zeros(9, 28, 28, dtype=torch.uint8), None, "", 255)
    monkeypatch.setattr(lab.datasets, "fashion_mnist", lambda split: blank)
    lab.table(arm, evaluations, groups=1, size=2, estimated=4)
    odd = arm == "DPM-Solver-2" and evaluations % 2
    assert len(asked) == evaluations - odd
    assert max(asked) == pytest.approx(lab.SIGMA_MAX)
    assert min(asked) >= lab.SIGMA_MIN - 1e-9


@pytest.fixture
def cifar10_folder(tmp_path, monkeypatch):
    """A pipeline of that name with random weights, and six files of three records each."""
    diffusers = pytest.importorskip("diffusers")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = diffusers.UNet2DModel(
            sample_size=32,
            block_out_channels=(8,),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D",),
            up_block_types=("UpBlock2D",),
        )
        pipeline = diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler())
        pipeline.save_pretrained(tmp_path / lab.PRETRAINED)
    generator = torch.Generator().manual_seed(0)
    for name in (*FILES["train"], *FILES["test"]):
        records = torch.randint(0, 256, (3, RECORD), dtype=torch.uint8, generator=generator)
        records[:, 0] %= 10
        (tmp_path / name).write_bytes(records.numpy().tobytes())
    monkeypatch.setenv("THEORYLAB_MODELS", str(tmp_path))
    monkeypatch.setenv("THEORYLAB_DATA", str(tmp_path))
    lab._cifar10_bench.cache_clear()
    yield tmp_path
    lab._cifar10_bench.cache_clear()


def test_cifar10_is_refused_without_weights(cifar10_folder):
    with pytest.raises(Missing, match="weights-inception"):
        lab.cifar10("DDIM", 5, groups=2, size=4, device="cpu")


def test_cifar10_with_a_small_network_in_inceptions_place(cifar10_folder, monkeypatch):
    pytest.importorskip("torchmetrics")

    class Means(torch.nn.Module):
        num_features = 3

        def forward(self, images):
            return images.double().mean((2, 3))

    metric = lab.inception_metric
    monkeypatch.setattr(
        lab, "inception_metric", lambda images, device: metric(images, feature=Means())
    )
    (cifar10_folder / "weights-inception-2015-12-05-6726825d.pth").touch()
    cells = {arm: lab.cifar10(arm, 5, groups=2, size=4, device="cpu") for arm in ARMS}
    for cell in cells.values():
        assert cell.fid.shape == (2,) and cell.shown.shape == (4, 3, 32, 32)
    assert not cells["DDIM"].fid.equals(cells["linear in sigma"].fid)
    # A group's noise is the group's own, not the call's.
    assert cells["DDIM"].fid.equals(lab.cifar10("DDIM", 5, groups=2, size=4, device="cpu").fid)
    (cifar10_folder / lab.PRETRAINED / "model_index.json").unlink()
    lab._cifar10_bench.cache_clear()
    with pytest.raises(Missing, match="save_pretrained"):
        lab.cifar10("DDIM", 5, groups=2, size=4, device="cpu")


def test_the_order_on_cifar10_is_judged_by_pairs():
    common = np.array([60.0, 61.0, 59.0, 62.0, 60.5])
    fid = np.stack([common, common - 10 + 0.1 * np.arange(5)])[:, None]
    arms = ["DDIM", "gradient estimation"]
    data = xr.Dataset(
        {"fid": (("arm", "evaluations", "group"), fid)}, {"arm": arms, "evaluations": [5]}
    )
    assert lab.nearer_on_cifar10(data).verdict() == "supported"
    assert lab.nearer_on_cifar10(data, *arms).verdict() == "refuted"


def test_the_weights_are_in_the_data_key(cifar10_folder, monkeypatch):
    plan = lab.experiment.measurements["cifar10"].plan("paper")
    found = data_key_parts("few_step_images", plan, 0, "cpu")["data"]
    assert found["pretrained:inception"] == "missing"
    assert len(found["cifar10"]) == len(found[f"pretrained:{lab.PRETRAINED}"]) == 64
    monkeypatch.setenv("THEORYLAB_DATA", str(cifar10_folder / "nowhere"))
    assert data_key_parts("few_step_images", plan, 0, "cpu")["data"]["cifar10"] == "missing"
