"""A folder of image files as a data set."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from theorylab.errors import Missing, StorageError

if TYPE_CHECKING:
    from theorylab.images.datasets import ImageData

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


def image_folder(folder: str | os.PathLike) -> "ImageData":
    """All images under `folder`, in the order of their names, uint8 (N, 1 or 3, height, width).

    Grey where every file is grey, else RGB. Labels are the indices of the subfolders. Raises
    Missing where there is no image, StorageError for a damaged file or one of another size.
    """
    import numpy as np
    import torch
    from PIL import Image, UnidentifiedImageError

    from theorylab.images.datasets import ImageData

    base = Path(folder).expanduser()
    paths = sorted(p for p in base.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise Missing(f"{base} holds no images (looked for {', '.join(SUFFIXES)})")
    arrays, groups = [], sorted({p.parent for p in paths})
    for path in paths:
        try:
            with Image.open(path) as image:
                grey = image.mode in ("L", "1", "I;16", "LA")
                arrays.append(np.asarray(image.convert("L" if grey else "RGB")))
        except (OSError, UnidentifiedImageError) as error:
            raise StorageError(f"{path} cannot be read as an image: {error}") from error
        if arrays[-1].shape[:2] != arrays[0].shape[:2]:
            sizes = ["{1} x {0}".format(*a.shape) for a in (arrays[-1], arrays[0])]
            raise StorageError(
                f"{path} is {sizes[0]}, {paths[0].name} is {sizes[1]}: all images must have one "
                "size; resize them first"
            )
    if any(a.ndim == 3 for a in arrays):
        arrays = [a if a.ndim == 3 else np.repeat(a[..., None], 3, axis=2) for a in arrays]
        images = np.stack(arrays).transpose(0, 3, 1, 2)
    else:
        images = np.stack(arrays)[:, None]
    labels = torch.tensor([groups.index(p.parent) for p in paths], dtype=torch.int64)
    digest = hashlib.sha256(repr(images.shape).encode() + images.tobytes()).hexdigest()
    return ImageData(base.name, torch.from_numpy(images.copy()), labels, digest, 255)
