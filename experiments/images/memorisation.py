r"""Memorisation: the ideal denoiser draws training images; a trained network does not.

The minimiser of the denoising loss over a finite data set is known exactly, and DDIM with it ends
at training images. What a network draws beyond them is the difference between the two. Samples of
both, from the same initial noise, are compared by their nearest images, in pixels:

- in the whole training set, against the distance at which held-out (test) images lie from it;
- in six parts of the training set, each as large as the test set, against the test set itself:
  a model that has learned the law, and not the images, comes equally near to both.

The ideal denoiser holds the first 2,000 training images: one part of six holds all of its copies,
which is the weakest case of memorising that the second comparison must see.
"""

import functools

import numpy as np
import torch
import xarray as xr

from theorylab import Control, Experiment, Source, checks
from theorylab.diffusion.denoisers import expand_sigma
from theorylab.diffusion.ideal import IdealDenoiser
from theorylab.diffusion.samplers import ddim
from theorylab.diffusion.schedules import edm
from theorylab.images import datasets
from theorylab.images.generation import initial_noise, last_states
from theorylab.images.models import load_model

experiment = Experiment()

DATA = ("fashion-mnist", "model:fashion-mnist")
SIGMA_MIN, SIGMA_MAX = 0.02, 40.0
HELD, PARTS, SHOWN = 2000, 6, 5
BLOCK = 512  # images whose distances are held at a time: 120 MB to the training set, not 1.2 GB
ARMS = ["network", "ideal", "untrained", "test images"]
SETTING = (
    "the shipped Fashion-MNIST network (one training seed), or the ideal denoiser where the claim"
    " names it; initial noises"
)
GREY_LEVEL = 2 / 255  # of the data, in units of a pixel


@functools.cache
def images(split: str) -> torch.Tensor:
    return datasets.as_float(datasets.fashion_mnist(split), torch.float32).flatten(1)


def nearest(x: torch.Tensor, points: torch.Tensor, *, but_itself: bool = False):
    """Root mean square distance per pixel to the nearest of ``points``, and its index.

    The product that finds it loses digits where x is one of them; the distance is taken again.
    ``but_itself``: row k of x is point k, and is left out.
    """
    squares, found = points.square().sum(1), []
    for rows in torch.arange(len(x)).split(BLOCK):
        away = squares - 2 * x[rows] @ points.mT
        if but_itself:
            away[torch.arange(len(rows)), rows] = torch.inf
        found.append(away.argmin(1))
    index = torch.cat(found)
    gap = x.double() - points[index].double()
    return gap.square().mean(1).sqrt(), index


def drawn(arm: str, number: int, steps: int) -> torch.Tensor:
    """(number, 784) samples, or test images."""
    if arm == "test images":
        return images("test")[:number]
    model = load_model("fashion-mnist")
    denoiser = network = model.denoiser
    if arm == "ideal":
        held = datasets.fashion_mnist().images[:HELD, None]
        denoiser = IdealDenoiser(held)
    elif arm == "untrained":  # its last layer is 0: c_skip x is what it gives, to the bit
        denoiser = lambda x, sigma: network.coefficients(expand_sigma(sigma, x))[0] * x
    noise = initial_noise(number, model.event, torch.Generator().manual_seed(5))
    sigmas = edm(steps, SIGMA_MIN, SIGMA_MAX)
    ends = last_states(ddim, denoiser, noise * SIGMA_MAX, sigmas, final_denoise=True)
    return ends.clamp(-1, 1).flatten(1)


@experiment.measure(
    grid={"arm": ARMS},
    data=DATA,
    quick={"samples": 150, "steps": 16},
    default={"samples": 1000, "steps": 30},
    paper={"samples": 5000, "steps": 50},
)
def neighbours(arm, samples, steps):
    """Nearest images of each sample."""
    x = drawn(arm, samples, steps)
    train, test = images("train"), images("test")
    parts = [nearest(x, part)[0] for part in train.chunk(PARTS)]
    whole, index = nearest(x, train)
    held_out = nearest(x, test, but_itself=arm == "test images")[0]
    pictures = torch.stack([x[:SHOWN], train[index[:SHOWN]]]).reshape(2, SHOWN, 28, 28)
    name = "r.m.s. distance per pixel to the nearest "
    return xr.Dataset(
        {
            "train": ("sample", whole.numpy(), {"long_name": name + "training image"}),
            "test": ("sample", held_out.numpy(), {"long_name": name + "test image"}),
            "sixths": (
                ("part", "sample"),
                torch.stack(parts).numpy(),
                {"long_name": name + "image of a sixth of the training set"},
            ),
            "shown": (("kind", "example", "height", "width"), pictures.numpy()),
        },
        {"kind": ["sample", "nearest training image"]},
    )


def copies(neighbours, arm="ideal"):
    """Samples are training images, to one grey level."""
    farthest = neighbours.train.sel(arm=arm).max("sample", skipna=False)
    return checks.bound(
        farthest / GREY_LEVEL - 1,
        rounding=1e-4,
        margin=0.01,
        reason="different stored pixels are one grey level apart; states are float32",
        tightness=farthest / GREY_LEVEL,
        level="observation",
        note=SETTING,
    )


def generalises(neighbours, arm="network", factor=0.5, relation=">="):
    """Distance to the training set, in units of that of held-out images, on a log scale."""
    logs = np.log(neighbours.train.clip(min=GREY_LEVEL / 10))
    return checks.observation(
        logs.sel(arm=arm, drop=True),
        logs.sel(arm="test images", drop=True),
        margin=-np.log(factor) if relation == ">=" else abs(np.log(factor)),
        reason=f"a factor {factor:g} of a held-out image's distance",
        setting=SETTING,
        dim="sample",
        relation=relation,
    )


def symmetric(neighbours, arm="network"):
    """Mean log distance to parts of the training set against the test set, of one size."""
    chosen = neighbours.sel(arm=arm, drop=True).clip(min=GREY_LEVEL / 10)
    return checks.observation(
        np.log(chosen.sixths).mean("part"),
        np.log(chosen.test),
        margin=0.05,
        reason="5 % of the distance; copies of one part alone make it 100 % and more",
        setting=SETTING,
        dim="sample",
        relation="==",
    )


# ---- claims -----------------------------------------------------------------------------------

IDEAL = Source("000", "slide 'Ideal denoisers'")
ORIGIN = Source("001", "slide 'Conclusion'")

experiment.claim(
    "memorisation-ideal-copies",
    r"\max_k \min_i \|x_k - x_i\| / \sqrt{d} \le 2/255",
    source=IDEAL,
    kind="empirical",
    form="derived",
    conditions="DDIM with the ideal denoiser of 2,000 training images",
    check=copies,
    controls=[
        Control("the network's samples are training images", arm="network"),
        Control("the untrained network's are", arm="untrained"),
        Control("test images are", arm="test images"),
    ],
)
experiment.claim(
    "memorisation-network-generalises",
    r"\min_i\|x-x_i\| \ge \tfrac12\,\min_i\|x_{\mathrm{test}}-x_i\|",
    source=ORIGIN,
    kind="empirical",
    form="derived",
    conditions="geometric means over samples and over test images, all training images",
    check=generalises,
    controls=[Control("the ideal denoiser's samples too", arm="ideal")],
)
experiment.claim(
    "memorisation-network-as-far-as-held-out",
    r"\min_i\|x-x_i\| = \min_i\|x_{\mathrm{test}}-x_i\|\ (\pm 15\,\%)",
    source=ORIGIN,
    kind="empirical",
    form="derived",
    conditions="the same; whether it holds depends on how far the network was trained",
    expected=None,
    check=generalises,
    factor=1.15,
    relation="==",
    controls=[
        Control("the ideal denoiser", arm="ideal"),
        Control("the untrained network", arm="untrained"),
    ],
)
experiment.claim(
    "memorisation-network-train-like-test",
    r"\min_{i\in\text{part}}\|x-x_i\| = \min_{i\in\text{test}}\|x-x_i\|",
    source=ORIGIN,
    kind="empirical",
    form="derived",
    conditions="geometric means; parts of the training set as large as the test set",
    check=symmetric,
    controls=[Control("the ideal denoiser's samples too", arm="ideal")],
)
