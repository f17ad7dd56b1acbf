"""Training the classifier whose features serve as metric."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from theorylab import __version__
from theorylab.images import checkpoints
from theorylab.images.datasets import ImageData
from theorylab.images.features import Classifier
from theorylab.images.training import (
    generator_of,
    prefers_bfloat16,
    with_channels,
)


def accuracy(classifier: Classifier, data: ImageData) -> float:
    """Share of the images whose label has the largest logit."""
    right = 0
    with torch.no_grad():
        for images, labels in zip(
            with_channels(data.images).split(1000), data.labels.split(1000), strict=True
        ):
            logits = classifier(images.float() * (2 / data.maximum) - 1)
            right += int((logits.argmax(1) == labels).sum())
    return right / len(data.labels)


def train_classifier(
    train: ImageData, test: ImageData, path: Path, *, passes: int = 8, seed: int = 0, **facts
) -> float:
    """Train by cross entropy (AdamW, one-cycle rate), save, and return the test accuracy."""
    images = with_channels(train.images)
    classes = int(train.labels.max()) + 1
    classifier = Classifier(images.shape[1], classes, generator=generator_of(seed, 2))
    classifier.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=3e-3, weight_decay=0.05)
    batch = 128
    steps = passes * (len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    classifier.train()
    for turn in range(passes):
        order = torch.randperm(len(images), generator=generator_of(seed, 1, turn))
        for rows in order[: len(order) // batch * batch].split(batch):
            x = images[rows].float() * (2 / train.maximum) - 1
            with torch.autocast("cpu", torch.bfloat16, enabled=prefers_bfloat16("cpu")):
                logits = classifier(x)
            loss = functional.cross_entropy(logits.float(), train.labels[rows].long())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(classifier.parameters(), 5.0)
            optimizer.step()
            schedule.step()
    classifier.eval()
    reached = accuracy(classifier, test)
    weights = {
        k: w.to(torch.float16) if w.is_floating_point() else w
        for k, w in classifier.state_dict().items()
    }
    card = {
        "kind": "classifier",
        "channels": images.shape[1],
        "classes": classes,
        "data": {"name": train.name, "sha256": train.checksum},
        "test_accuracy": reached,
        "seed": seed,
        "passes": passes,
        "versions": {"theorylab": __version__, "torch": torch.__version__},
        **facts,
    }
    checkpoints.save(weights, card, path)
    return reached
