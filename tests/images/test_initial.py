"""Nothing here draws from torch's global generator, whose state belongs to the caller."""

import math

import pytest
import torch

from theorylab.images import datasets
from theorylab.images.classifying import train_classifier
from theorylab.images.diagnosis import diagnose
from theorylab.images.features import Classifier, load_classifier
from theorylab.images.initial import build
from theorylab.images.models import Model, load_model
from theorylab.images.network import Architecture, UNetDenoiser
from theorylab.images.training import Recipe, train

SMALL = Architecture((1, 8, 8), patch=1, channels=(8,), embedding=16)


@pytest.fixture(autouse=True)
def global_state_is_left_alone():
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)


def few(count=40):
    data = datasets.digits()
    return data._replace(images=data.images[:count], labels=data.labels[:count])


def test_a_network_is_made_of_its_generator():
    # torch's global state differs between the two constructions.
    one = UNetDenoiser(SMALL, generator=torch.Generator().manual_seed(3))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        two = UNetDenoiser(SMALL, generator=torch.Generator().manual_seed(3))
    other = UNetDenoiser(SMALL, generator=torch.Generator().manual_seed(4))
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, two.state_dict()[name])
    assert not torch.equal(one.net.stem.weight, other.net.stem.weight)
    assert not one.net.head.weight.any()  # zero at first, so that the network is linear


def test_a_classifier_is_made_of_its_generator():
    one, two = Classifier(), Classifier(generator=torch.Generator().manual_seed(0))
    assert torch.equal(one.head.weight, two.head.weight)
    assert not torch.equal(one.body[0].weight, one.body[4].weight[:32, :1])


def test_weights_are_uniform_as_torch_draws_them():
    layer = build(lambda: torch.nn.Linear(400, 500), torch.Generator().manual_seed(1))
    bound = 1 / math.sqrt(400)
    assert 0.99 * bound < float(layer.weight.detach().max()) < bound
    # 200,000 draws: the standard error of the deviation is bound / 1,400.
    assert float(layer.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.01)


def test_training(tmp_path):
    train(few(), SMALL, Recipe(steps=2, batch=8), tmp_path / "network")
    labelled = few(128)  # one batch
    train_classifier(labelled, labelled, tmp_path / "classifier", passes=1)


def test_loading_and_diagnosing():
    load_classifier()
    network = UNetDenoiser(SMALL).requires_grad_(False)
    found = diagnose(Model(network, (1, 8, 8), (0.05, 20.0), {}), few(), samples=2)
    assert float(found.calibration.min()) > 0


def test_loading_a_diffusers_network(tmp_path):
    diffusers = pytest.importorskip("diffusers")
    with torch.random.fork_rng(devices=[]):
        unet = diffusers.UNet2DModel(
            sample_size=8,
            in_channels=1,
            out_channels=1,
            block_out_channels=(8,),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D",),
            up_block_types=("UpBlock2D",),
        )
        diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler()).save_pretrained(tmp_path)
    load_model(tmp_path)
