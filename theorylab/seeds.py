"""Random streams that depend on what a cell is, and on nothing else.

The seed words are the sha256 of ``json([root, experiment, measurement, cell])``, so serial,
parallel and resumed runs draw the same bits. Values are canonical before they get here
(see ``experiment.canonical_axis``): ``sigma=1`` and ``sigma=1.0`` are the same cell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_sequence(
    root: int, experiment: str, measurement: str, cell: Mapping[str, Any]
) -> np.random.SeedSequence:
    """SeedSequence of one cell, with entropy from the sha256 of what the cell is."""
    identity = json.dumps([root, experiment, measurement, dict(cell)], sort_keys=True)
    digest = hashlib.sha256(identity.encode()).digest()
    return np.random.SeedSequence(np.frombuffer(digest, dtype="<u4").tolist())


def numpy_generator(sequence: np.random.SeedSequence) -> np.random.Generator:
    return np.random.default_rng(sequence)


def torch_generator(sequence: np.random.SeedSequence) -> torch.Generator:
    """CPU generator seeded from the same cell, independent of the numpy stream."""
    import torch

    # Another spawn key gives a stream that shares no words with the numpy generator's.
    (child,) = np.random.SeedSequence(sequence.entropy, spawn_key=(1,)).generate_state(1, np.uint64)
    # torch takes signed 64-bit seeds.
    return torch.Generator().manual_seed(int(child) >> 1)
