"""Inception FID by torchmetrics, where the weights of the Inception network are on the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from theorylab.errors import Missing
from theorylab.images import pretrained

if TYPE_CHECKING:
    from torchmetrics.image.fid import FrechetInceptionDistance

BATCH = 100


def inception_metric(
    reference: Tensor, *, feature: nn.Module | None = None, device: str = "cpu"
) -> FrechetInceptionDistance:
    """torchmetrics' metric that holds the moments of ``reference``, uint8 (N, 3, height, width).

    feature: another network of images with an attribute ``num_features``; by default Inception's
    2,048 features, with the resizing of the published numbers. Raises Missing, saying what to do,
    without torchmetrics, torch-fidelity (which reads the weights) or the weights themselves.
    """
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance
    except ModuleNotFoundError as error:
        raise Missing(
            "Inception FID needs torchmetrics: python -m pip install 'theorylab[images]'"
        ) from error
    if feature is None:
        weights = pretrained.locate("inception")
        try:
            with only_tensors():
                metric = FrechetInceptionDistance(
                    2048,
                    reset_real_features=False,
                    feature_extractor_weights_path=str(weights),
                    antialias=False,
                )
        except ModuleNotFoundError as error:
            raise Missing(
                "Inception's weights are read by torch-fidelity: "
                "python -m pip install torch-fidelity"
            ) from error
    else:
        metric = FrechetInceptionDistance(feature, reset_real_features=False)
    metric = metric.to(device)
    _update(metric, reference, real=True)
    return metric


@contextmanager
def only_tensors() -> Iterator[None]:
    """Whatever torch reads meanwhile may hold tensors, and no code to run.

    The published weights are a pickle, and another library reads them: before torch 2.6 that would
    run what is in it.
    """
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def inception_distance(metric: FrechetInceptionDistance, images: Tensor) -> float:
    """Inception FID of images in [-1, 1], (N, 3, height, width), from the metric's reference.

    Rounded to 8 bits, as an image file would. It falls with N: compare equal N only.
    """
    metric.reset()
    _update(metric, ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8), real=False)
    return float(metric.compute())


def _update(metric: FrechetInceptionDistance, images: Tensor, *, real: bool) -> None:
    with torch.inference_mode():
        for part in images.split(BATCH):
            metric.update(part.to(metric.device), real=real)
