"""The IDX file format of MNIST and its successors: a big-endian header, then the values in C order.

    bytes 0-1  zero
    byte  2    type of the values (0x08: unsigned byte)
    byte  3    number of dimensions
    then       one 32-bit unsigned size per dimension, then the values

Source: Y. LeCun, C. Cortes & C. J. C. Burges, "The MNIST database of handwritten digits".
"""

import gzip
import hashlib
import math
import os
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from theorylab.errors import StorageError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["parse_idx", "read_content"]

_UNSIGNED_BYTE = 0x08


def parse_idx(content: bytes, source: str | os.PathLike) -> "np.ndarray":
    """The uint8 array in an uncompressed IDX file; a writable copy. `source` names it in errors.

    Raises StorageError when the header is not that of unsigned bytes or the length does not fit it.
    """
    import numpy as np

    if len(content) < 4 or content[:2] != b"\0\0":
        raise StorageError(f"{source} is not an IDX file: it starts with {content[:4]!r}.")
    kind, dimensions = content[2], content[3]
    if kind != _UNSIGNED_BYTE:
        raise StorageError(f"{source} holds values of type 0x{kind:02x}; expected 0x08 (uint8).")
    start = 4 + 4 * dimensions
    if dimensions == 0 or len(content) < start:
        raise StorageError(f"{source} is not an IDX file: its header of {dimensions} sizes is cut.")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) != start + math.prod(shape):
        raise StorageError(
            f"{source} is truncated or has bytes added: its header promises {shape}, "
            f"{math.prod(shape)} values; it holds {len(content) - start}."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()


def read_content(path: Path, size: int, sha256: str) -> bytes:
    """The uncompressed content of a file, gzipped or not, that must have this size and sha256.

    Raises StorageError naming the file when it cannot be read or is not the expected content.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as stream:
            # One byte more than expected shows a longer file without unpacking all of it.
            content = stream.read(size + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StorageError(f"{path} is damaged ({error}). {_REMEDY}") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        amount = f"more than {size}" if len(content) > size else f"{len(content)} of {size}"
        raise StorageError(
            f"{path} is not the expected file: {amount} bytes of content, sha256 {found}, "
            f"expected {sha256}. {_REMEDY}"
        )
    return content


_REMEDY = "Delete it and get it again."
