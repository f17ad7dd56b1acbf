"""Distances in feature space against closed forms and other libraries."""

import numpy as np
import pytest
import torch
from scipy import linalg

from theorylab.images.classifying import train_classifier
from theorylab.images.datasets import ImageData
from theorylab.images.features import (
    Moments,
    features_of,
    frechet_distance,
    frechet_features,
    kernel_distance,
    load_classifier,
    moments,
)


def random_moments(rng, d=5, rank=None):
    factor = rng.standard_normal((d, rank or d))
    return Moments(rng.standard_normal(d), factor @ factor.T)


@pytest.mark.parametrize("rank", [5, 2])
def test_frechet_by_the_matrix_square_root(rank):
    rng = np.random.default_rng(0)
    one, two = random_moments(rng, rank=rank), random_moments(rng)
    root = linalg.sqrtm(two.covariance @ one.covariance)
    expected = np.square(one.mean - two.mean).sum() + np.trace(
        one.covariance + two.covariance - 2 * np.real(root)
    )
    assert frechet_distance(one, two) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_the_interval_covers_the_distance_of_the_laws():
    rng = np.random.default_rng(1)
    one, two = random_moments(rng, 3), random_moments(rng, 3)
    truth, hits = frechet_distance(one, two), 0
    for _ in range(60):
        sample = rng.multivariate_normal(one.mean, one.covariance, 1000)
        found = frechet_features(sample, two, rng=rng, replicates=60, level=0.9)
        hits += found.low <= truth <= found.high
    # Nominal 54; below 46 has probability 4e-3 at .9, and the coverage must not be far below it.
    assert hits >= 46


def test_kernel_distance_is_unbiased_and_sees_a_shift():
    rng = np.random.default_rng(2)
    same = [kernel_distance(*rng.standard_normal((2, 40, 6))) for _ in range(200)]
    assert abs(np.mean(same)) < 4 * np.std(same) / 200**0.5
    one, two = rng.standard_normal((2, 200, 6))
    assert kernel_distance(one, two + 0.5) > 5 * np.std(same)
    # Written out pair by pair.
    a, b = rng.standard_normal((2, 4, 3))
    k = lambda u, v: (u @ v / 3 + 1) ** 3
    within = lambda s: np.mean([k(s[i], s[j]) for i in range(4) for j in range(4) if i != j])
    across = np.mean([k(u, v) for u in a for v in b])
    assert kernel_distance(a, b) == pytest.approx(within(a) + within(b) - 2 * across)


def test_a_classifier_learns_saves_and_loads(tmp_path):
    rng = np.random.default_rng(3)
    labels = torch.from_numpy(rng.integers(0, 2, 512, dtype=np.uint8))
    images = torch.from_numpy(rng.integers(0, 100, (512, 8, 8), dtype=np.uint8))
    images[:, :4] += 100 * labels[:, None, None]
    data = ImageData("halves", images, labels, "0" * 64, 255)
    reached = train_classifier(data, data, tmp_path / "c", passes=6)
    assert reached > 0.95
    classifier = load_classifier(tmp_path / "c")
    found = features_of(classifier, images.float() / 127.5 - 1)
    assert found.shape == (512, 64) and found.dtype == np.float64
    assert frechet_distance(moments(found[labels == 0]), moments(found[labels == 1])) > 0
