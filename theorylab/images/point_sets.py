"""Image data sets as points of R^d: loading costs as much as a cell, so each is made once."""

from __future__ import annotations

import functools

import numpy as np
import torch

from ..diffusion.finite_sets import FiniteSet
from ..diffusion.ideal import IdealDenoiser
from ..diffusion.point_cloud import PointCloud
from . import datasets

NAMES = ("digits", "fashion-mnist")


@functools.cache
def image_points(name: str) -> torch.Tensor:
    """The images of ``digits`` or ``fashion-mnist`` (training split), ``(N, d)``.

    Digits are float64 in [-1, 1]. Fashion-MNIST stays at one byte a pixel, which the finite sets
    of ``theorylab.diffusion`` read as ``u/127.5 - 1``. Raises ValueError for another name, Missing
    where the files are not on the machine.
    """
    if name == "digits":
        return datasets.as_float(datasets.digits()).flatten(1)
    if name == "fashion-mnist":
        return datasets.fashion_mnist().images.flatten(1)
    raise ValueError(f"no image set is called {name!r}; there are {', '.join(NAMES)}")


@functools.cache
def image_set(name: str) -> FiniteSet:
    """:func:`image_points` with their mean and spread."""
    return FiniteSet(image_points(name))


@functools.cache
def image_cloud(name: str) -> PointCloud:
    """:func:`image_points` with exact distance and projection."""
    return PointCloud(image_points(name))


@functools.cache
def image_denoiser(name: str) -> IdealDenoiser:
    """The ideal denoiser of :func:`image_points`, uniform weights."""
    return IdealDenoiser(image_points(name))


def named_set(name: str, rng: np.random.Generator) -> FiniteSet:
    """:func:`image_set`, or for ``"20 in R^4"`` 20 normal points of R^4 about .7, std 1.5."""
    if name in NAMES:
        return image_set(name)
    size = tuple(map(int, name.split(" in R^")))
    return FiniteSet(torch.from_numpy(rng.standard_normal(size) * 1.5 + 0.7))


def named_denoiser(name: str, chosen: FiniteSet) -> IdealDenoiser:
    """The ideal denoiser of ``chosen = named_set(name, rng)``, uniform weights."""
    return image_denoiser(name) if name in NAMES else IdealDenoiser(chosen.points)


def float_points(name: str, generator: torch.Generator, limit: int = 60_000) -> torch.Tensor:
    """The first ``limit`` images of a set in [-1, 1], or for ``"20 in R^4"`` 20 normal points.

    ``(m, n)`` float64 in either case, for sets whose points are compared in pairs. Raises
    ValueError for a name of neither kind, Missing where the files are not on the machine.
    """
    if name in NAMES:
        data = datasets.digits() if name == "digits" else datasets.fashion_mnist()
        return datasets.as_float(data._replace(images=data.images[:limit])).flatten(1)
    m, n = map(int, name.split(" in R^"))
    return torch.randn(m, n, dtype=torch.float64, generator=generator)
