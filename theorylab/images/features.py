r"""Distances between image laws in the features of a small classifier of the same data.

These are the Fréchet and kernel distances of the literature, but **not** Inception FID or KID: the
features are the 64 penultimate activations of a classifier trained on the data set itself (its card
says which), so their numbers compare with each other and with no published table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy import linalg
from torch import Tensor, nn

from theorylab.images import checkpoints
from theorylab.images.initial import build
from theorylab.images.training import with_channels


class Classifier(nn.Module):
    """Three convolutions and 64 features; ``forward(x) -> logits``, x in [-1, 1].

    Initial weights are drawn from ``generator`` (without one, from seed 0).
    """

    def __init__(
        self, channels: int = 1, classes: int = 10, *, generator: torch.Generator | None = None
    ):
        super().__init__()
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        body = lambda: nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.SiLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.SiLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.BatchNorm2d(64),
            nn.SiLU(),
        )
        self.body = build(body, generator)
        self.head = build(lambda: nn.Linear(64, classes), generator)

    def features(self, x: Tensor) -> Tensor:
        """(batch, 64): means over the image of the last activations."""
        return self.body(x).mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


class Moments(NamedTuple):
    """Mean (d,) and covariance (d, d) of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray


class Estimate(NamedTuple):
    """A number with its bootstrap interval at the stated level."""

    value: float
    low: float
    high: float


def load_classifier(name: str | Path = "fashion-mnist-classifier") -> Classifier:
    """A classifier from a checkpoint, in evaluation mode. Errors as `checkpoints` raises them."""
    path = checkpoints.resolve(name)
    card = checkpoints.read_card(path)
    classifier = Classifier(card.get("channels", 1), card.get("classes", 10))
    checkpoints.fill(classifier, checkpoints.read_weights(path, card), path)
    # Channels last, in small batches: four times faster on a CPU.
    return classifier.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def features_of(classifier: Classifier, images: Tensor, batch: int = 128) -> np.ndarray:
    """(N, 64) float64 features of images in [-1, 1], (N, height, width) or with channels.

    Values are clipped to [-1, 1], as an image file would.
    """
    parts = [
        classifier.features(
            part.to(torch.float32).clamp(-1, 1).contiguous(memory_format=torch.channels_last)
        ).double()
        for part in with_channels(images).split(batch)
    ]
    return torch.cat(parts).numpy()


def moments(features: np.ndarray) -> Moments:
    """Sample mean and unbiased covariance."""
    return Moments(features.mean(0), np.cov(features, rowvar=False))


def frechet_distance(one: Moments, two: Moments) -> float:
    r""":math:`|\mu_1-\mu_2|^2 + \mathrm{tr}(C_1 + C_2 - 2(C_1^{1/2}C_2C_1^{1/2})^{1/2})`.

    The squared W2 distance between the two normal laws (Dowson & Landau 1982), which is what "FID"
    is of Inception features (Heusel et al. 2017, arXiv 1706.08500). The last trace is the sum of
    the singular values of :math:`C_1^{1/2}C_2^{1/2}`.
    """
    roots = []
    for covariance in (one.covariance, two.covariance):
        values, vectors = linalg.eigh(covariance)
        roots.append(vectors * np.sqrt(values.clip(0)) @ vectors.T)
    cross = linalg.svdvals(roots[0] @ roots[1]).sum()
    shift = float(np.square(one.mean - two.mean).sum())
    return float(shift + np.trace(one.covariance) + np.trace(two.covariance) - 2 * cross)


def frechet_features(
    sampled: np.ndarray,
    reference: Moments,
    *,
    level: float = 0.95,
    replicates: int = 200,
    rng: np.random.Generator,
) -> Estimate:
    """Fréchet distance of sampled features (N, d) to a reference, with a bootstrap interval.

    The estimate is biased upwards by about d^2/N of a variance's size, so compare equal N only; the
    interval is of the estimate at this N (basic bootstrap around it: the resampled distances carry
    the bias twice).
    """
    value = frechet_distance(moments(sampled), reference)
    again = np.array(
        [
            frechet_distance(
                moments(sampled[rng.integers(len(sampled), size=len(sampled))]), reference
            )
            for _ in range(replicates)
        ]
    )
    spread = again - again.mean()
    tail = (1 - level) / 2
    low, high = value - np.quantile(spread, [1 - tail, tail])
    return Estimate(value, float(low), float(high))


def kernel_distance(one: np.ndarray, two: np.ndarray) -> float:
    r"""Unbiased squared MMD with the kernel :math:`(x\cdot y/d + 1)^3`: "KID" of these features.

    Binkowski et al. 2018, arXiv 1801.01401, eq. 3 and 4. May be negative.
    """
    return kernel_distances([one], two)[0]


def kernel_distances(groups: Sequence[np.ndarray], reference: np.ndarray) -> list[float]:
    """`kernel_distance` of each of several sets to one reference, whose own mean is taken once."""
    own = _mean_of_pairs(reference)
    return [
        float(_mean_of_pairs(group) + own - 2 * _kernel(group, reference).mean())
        for group in groups
    ]


def _kernel(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    base = one @ two.T / one.shape[1] + 1
    return base * base * base  # numpy's power takes a logarithm for every entry


def _mean_of_pairs(features: np.ndarray) -> float:
    kernel, n = _kernel(features, features), len(features)
    return (kernel.sum() - np.trace(kernel)) / (n * (n - 1))
