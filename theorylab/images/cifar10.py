"""CIFAR-10 in its binary version (no pickles), from a folder that the user has.

``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``, each 10,000 records of one
label byte and 3 x 32 x 32 pixel bytes (Krizhevsky 2009).
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from theorylab.errors import Missing, StorageError, UsageError

if TYPE_CHECKING:
    from theorylab.images.datasets import ImageData

FILES = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}
RECORD = 1 + 3 * 32 * 32


def cifar10(split: str = "train", folder: str | os.PathLike | None = None) -> "ImageData":
    """50,000 (`train`) or 10,000 (`test`) images, uint8 (N, 3, 32, 32).

    `folder`, else $THEORYLAB_DATA, is searched, and its subfolders cifar10 and
    cifar-10-batches-bin. Raises Missing where the files are not, StorageError naming a file of
    another size or with labels above 9, UsageError for another split.
    """
    import numpy as np
    import torch

    from theorylab.images.datasets import ImageData

    if split not in FILES:
        raise UsageError(f"split must be 'train' or 'test'; got {split!r}.")
    paths = _find(FILES[split], folder)
    digest, parts = hashlib.sha256(), []
    for path in paths:
        content = path.read_bytes()
        records = np.frombuffer(content, np.uint8)
        if len(records) == 0 or len(records) % RECORD or records[::RECORD].max() > 9:
            raise StorageError(
                f"{path} is not a CIFAR-10 binary batch: {len(content)} bytes, expected a multiple "
                f"of {RECORD} with labels 0 to 9"
            )
        digest.update(content)
        parts.append(records.reshape(-1, RECORD))
    table = torch.from_numpy(np.concatenate(parts))
    name = "cifar10" if split == "train" else "cifar10-test"
    images = table[:, 1:].reshape(-1, 3, 32, 32)
    return ImageData(name, images, table[:, 0].clone(), digest.hexdigest(), 255)


def locate(folder: str | os.PathLike | None = None) -> Path:
    """The folder of the training files; where `cifar10` looks, and Missing as it raises it."""
    return _find(FILES["train"], folder)[0].parent


def checksum(split: str = "train", folder: str | os.PathLike | None = None) -> str:
    """sha256 of the files' content; Missing as `cifar10` raises it."""
    digest = hashlib.sha256()
    for path in _find(FILES[split], folder):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _find(names: tuple[str, ...], folder: str | os.PathLike | None) -> list[Path]:
    bases = [Path(folder).expanduser()] if folder is not None else []
    if folder is None and os.environ.get("THEORYLAB_DATA"):
        bases = [Path(os.environ["THEORYLAB_DATA"]).expanduser()]
    places = [base / sub for base in bases for sub in ("", "cifar10", "cifar-10-batches-bin")]
    for place in places:
        if all((place / name).is_file() for name in names):
            return [place / name for name in names]
    looked = "".join(f"\n  {place}" for place in places) or " nowhere: THEORYLAB_DATA is not set"
    raise Missing(
        f"CIFAR-10 is not on this machine. Looked in:{looked}\n"
        "Download the binary version (cifar-10-binary.tar.gz) from "
        "https://www.cs.toronto.edu/~kriz/cifar.html, unpack it, and set THEORYLAB_DATA to the "
        "folder of its .bin files."
    )
