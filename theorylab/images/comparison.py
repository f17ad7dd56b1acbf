"""Samplers compared by the laws of their samples: the same initial noise, distances in features."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from theorylab.images import datasets
from theorylab.images.features import (
    features_of,
    frechet_distance,
    kernel_distances,
    load_classifier,
    moments,
)
from theorylab.images.generation import initial_noise, last_states
from theorylab.images.models import Model, load_model

REFERENCES = 2000  # test images in a kernel distance; all of them in a Fréchet distance
SHOWN = 8


class Bench(NamedTuple):
    """A trained model, the classifier of its metric, and the features of the data's test set."""

    model: Model
    features: Callable[[Tensor], np.ndarray]
    reference: np.ndarray


@functools.cache
def fashion_bench(name: str = "fashion-mnist") -> Bench:
    """The shipped Fashion-MNIST network and classifier. Raises Missing without the images."""
    test = datasets.fashion_mnist("test")
    features = functools.partial(features_of, load_classifier("fashion-mnist-classifier"))
    images = datasets.as_float(test, torch.float32)
    return Bench(load_model(name), features, features(images))


def group_noise(model: Model, group: int, size: int) -> Tensor:
    """Initial noise of one group: the same for every sampler, schedule and step count."""
    return initial_noise(size, model.event, torch.Generator().manual_seed(1_000_003 + group))


def compare(
    bench: Bench,
    sampler: Callable[..., Iterable[Tensor]],
    sigmas: Tensor,
    groups: int,
    size: int,
    **options,
) -> xr.Dataset:
    """Distances of a sampler's samples from the test images, by group of initial noise.

    kernel (group,): unbiased, so that groups may be small. frechet: of all samples together; it
    grows with fewer samples, so compare equal numbers. shown (image, channel, height, width).
    """
    noise = torch.cat([group_noise(bench.model, group, size) for group in range(groups)])
    x = noise * float(sigmas[0])
    images = last_states(sampler, bench.model.denoiser, x, sigmas, **options)
    features = bench.features(images)
    kernels = kernel_distances(np.split(features, groups), bench.reference[:REFERENCES])
    whole = frechet_distance(moments(features), moments(bench.reference))
    return xr.Dataset(
        {
            "kernel": ("group", kernels, {"long_name": "squared kernel distance in features"}),
            "frechet": ((), whole, {"long_name": "Fréchet distance in features"}),
            "shown": (("image", "channel", "height", "width"), images[:SHOWN].numpy()),
            "samples": groups * size,
        }
    )
