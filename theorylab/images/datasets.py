"""The real image sets: where they lie, that they are what they should be, and how to get them.

    digits          1,797 grey images of 8 x 8, values 0..16, carried by scikit-learn
    fashion-mnist   60,000 + 10,000 grey images of 28 x 28, values 0..255, in four IDX files

Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747, MIT licence) is looked for in an
explicit folder, or else in $THEORYLAB_DATA, the cache folder and the place where Debian's
`dataset-fashion-mnist` puts it.
Importing this module and calling `locate` or `checksum` loads neither torch nor numpy.
"""

import hashlib
import os
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from theorylab.errors import Missing, StorageError, UsageError
from theorylab.images.idx import parse_idx, read_content

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = [
    "DATASETS",
    "ImageData",
    "as_float",
    "cache_folder",
    "checksum",
    "digits",
    "download_fashion_mnist",
    "fashion_mnist",
    "locate",
]

DATASETS = ("digits", "fashion-mnist")

UPSTREAM = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


class _File(NamedTuple):
    """An IDX file by its uncompressed content: upstream and Debian differ in their gzip headers."""

    size: int
    sha256: str


FASHION_MNIST_FILES = {
    "train-images-idx3-ubyte": _File(
        47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte": _File(
        60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte": _File(
        7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte": _File(
        10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}
_PREFIX = {"train": "train", "test": "t10k"}
_PARTS = ("images-idx3-ubyte", "labels-idx1-ubyte")

# sha256 of the 1,797 x 64 pixel bytes followed by the 1,797 label bytes.
DIGITS_SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"


class ImageData(NamedTuple):
    """Images as they are stored: uint8 `(count, height, width)`, uint8 labels `(count,)`.

    `checksum` names the content (see `checksum`); `maximum` is the value that stands for white.
    """

    name: str
    images: "torch.Tensor"
    labels: "torch.Tensor"
    checksum: str
    maximum: int


def as_float(data: ImageData, dtype: "torch.dtype | None" = None) -> "torch.Tensor":
    """Images scaled to [-1, 1], 2 value / maximum - 1; float64 unless `dtype` says otherwise."""
    import torch

    return data.images.to(torch.float64).mul_(2 / data.maximum).sub_(1).to(dtype or torch.float64)


def digits() -> ImageData:
    """The 1,797 handwritten digits of 8 x 8 pixels, values 0..16, from scikit-learn.

    Raises Missing without scikit-learn, StorageError if its copy cannot be read or is not the one
    this laboratory was written for.
    """
    import numpy as np
    import torch

    # The file itself: importing scikit-learn takes a second, reading its table a hundredth.
    path = locate("digits") / "digits.csv.gz"
    try:
        rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)
        images, labels = rows[:, :-1].reshape(-1, 8, 8).copy(), rows[:, -1].copy()
    except (OSError, EOFError, IndexError, ValueError, zlib.error) as error:
        raise StorageError(f"{path} cannot be read ({error}); reinstall scikit-learn.") from error
    found = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    if found != DIGITS_SHA256:
        raise StorageError(
            f"scikit-learn's digits are not the expected data (sha256 {found}, expected "
            f"{DIGITS_SHA256}); reinstall scikit-learn."
        )
    return ImageData("digits", torch.from_numpy(images), torch.from_numpy(labels), found, 16)


def fashion_mnist(split: str = "train", folder: str | os.PathLike | None = None) -> ImageData:
    """Fashion-MNIST: 60,000 (`train`) or 10,000 (`test`) images of 28 x 28, values 0..255.

    `folder`, when given, is the only place searched. Raises Missing when the files are not there,
    StorageError naming the file when one is damaged, UsageError for another split.
    """
    import torch

    prefix = _split_prefix(split)
    where = locate("fashion-mnist", folder)
    images, labels = (_load(where, f"{prefix}-{part}") for part in _PARTS)
    return ImageData(
        "fashion-mnist" if split == "train" else "fashion-mnist-test",
        torch.from_numpy(images),
        torch.from_numpy(labels),
        checksum("fashion-mnist", split),
        255,
    )


def checksum(name: str, split: str = "train") -> str:
    """The sha256 that names a data set's content, known without reading it (loading verifies it).

    For fashion-mnist: sha256 of its two files' hex digests, images first, joined by a newline.
    """
    if _known(name) == "digits":
        return DIGITS_SHA256
    prefix = _split_prefix(split)
    parts = [FASHION_MNIST_FILES[f"{prefix}-{part}"].sha256 for part in _PARTS]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/theorylab, or ~/.cache/theorylab."""
    # The XDG specification says that a relative path there is to be ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "theorylab"


def locate(name: str, folder: str | os.PathLike | None = None) -> Path:
    """The folder that holds a data set. Reads names and sizes only; loading verifies the content.

    Raises Missing, saying where it looked and what to do; UsageError for an unknown name.
    """
    if _known(name) == "digits":
        from importlib.util import find_spec

        spec = find_spec("sklearn")
        if spec is None or spec.origin is None:
            raise Missing("The digits come with scikit-learn: python -m pip install scikit-learn")
        return Path(spec.origin).parent / "datasets" / "data"
    places = _places(folder)
    lacks = {}
    for place in places:
        lacks[place] = [stem for stem in FASHION_MNIST_FILES if _find(place, stem) is None]
        if not lacks[place]:
            return place
    raise Missing(_missing_text(lacks))


def download_fashion_mnist(
    folder: str | os.PathLike | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
    base_url: str = UPSTREAM,
    timeout: float = 30.0,
) -> Path:
    """Download the four files into `folder` (the cache folder if None) and return that folder.

    Files already there and intact are kept. `progress(file, done, total)` is called with bytes;
    total is None when the server does not say. A file appears under its name only when complete and
    verified. Raises Missing when the server cannot be reached or breaks off (after `timeout`
    seconds of silence), StorageError when the content is wrong or the folder cannot be written.
    """
    # Networking modules take a while to import: not for those who only look.
    from theorylab.images.download import download

    target = cache_folder() / "fashion-mnist" if folder is None else Path(folder).expanduser()
    try:
        target.mkdir(parents=True, exist_ok=True)
        for stem, expected in FASHION_MNIST_FILES.items():
            if _intact(target, stem):
                continue
            download(
                f"{base_url.rstrip('/')}/{stem}.gz",
                target / f"{stem}.gz",
                verify=partial(read_content, size=expected.size, sha256=expected.sha256),
                progress=progress,
                timeout=timeout,
                otherwise=_OTHER_WAYS,
            )
            # A damaged uncompressed file would be found before the good one.
            (target / stem).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"Cannot write into {target}: {error.strerror or error}.") from error
    return target


def _intact(folder: Path, stem: str) -> bool:
    path = _find(folder, stem)
    if path is None:
        return False
    try:
        read_content(path, *FASHION_MNIST_FILES[stem])
    except StorageError:
        return False
    return True


_OTHER_WAYS = """\
Without a network:
  apt-get install dataset-fashion-mnist      (Debian, Ubuntu)
or put the four files, .gz or not, into a folder and set THEORYLAB_DATA to it."""


def _load(where: Path, stem: str) -> "np.ndarray":
    path = _find(where, stem)
    if path is None:
        raise StorageError(f"{where / stem} disappeared while it was to be read.")
    return parse_idx(read_content(path, *FASHION_MNIST_FILES[stem]), path)


def _places(folder: str | os.PathLike | None) -> list[Path]:
    if folder is not None:
        return [Path(folder).expanduser()]
    places = []
    if os.environ.get("THEORYLAB_DATA"):
        base = Path(os.environ["THEORYLAB_DATA"]).expanduser()
        places += [base, base / "fashion-mnist"]
    return [*places, cache_folder() / "fashion-mnist", DEBIAN_FOLDER]


def _find(place: Path, stem: str) -> Path | None:
    for path in (place / stem, place / f"{stem}.gz"):
        # Not Path.is_file, which raises in a folder that may not be entered.
        if os.path.isfile(path):
            return path
    return None


def _missing_text(lacks: dict[Path, list[str]]) -> str:
    lines = ["Fashion-MNIST is not on this machine. Looked in:"]
    for place, stems in lacks.items():
        some = 0 < len(stems) < len(FASHION_MNIST_FILES)
        lines.append(f"  {place}" + (f" (lacks {', '.join(stems)})" if some else ""))
    lines += [
        "Get it in one of these ways:",
        "  python -m theorylab data fashion-mnist     (downloads 30 MB)",
        "  apt-get install dataset-fashion-mnist      (Debian, Ubuntu)",
        "or put the four files, .gz or not, into a folder and set THEORYLAB_DATA to it.",
    ]
    return "\n".join(lines)


def _known(name: str) -> str:
    known = name.replace("_", "-")
    if known not in DATASETS:
        raise UsageError(f"Unknown data set {name!r}; known are {', '.join(DATASETS)}.")
    return known


def _split_prefix(split: str) -> str:
    if split not in _PREFIX:
        raise UsageError(f"split must be 'train' or 'test'; got {split!r}.")
    return _PREFIX[split]
