"""Download one file so that it appears under its name only when it is complete and verified."""

import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from theorylab.errors import Missing, StorageError

__all__ = ["download"]


def download(
    url: str,
    path: Path,
    *,
    verify: Callable[[Path], object],
    progress: Callable[[str, int, int | None], None] | None,
    timeout: float,
    otherwise: str,
) -> None:
    """Fetch `url` into `path` by a temporary name in the same folder, `verify`, then `os.replace`.

    `verify(temporary)` raises StorageError for a wrong content; `progress(name, done, total)` is
    called with bytes; `otherwise` tells the reader of an error what else there is to do. Raises
    Missing for every failure of the network, StorageError for a wrong content, OSError when the
    folder cannot be written. Nothing is left behind by a failure.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for done, total, block in _blocks(url, timeout, otherwise):
                file.write(block)
                if progress is not None:
                    progress(path.name, done, total)
            file.flush()
            os.fsync(file.fileno())
        try:
            verify(temporary)
        except StorageError as error:
            raise StorageError(
                f"What {url} sent is not the expected {path.name} (a proxy's or a log-in page, "
                f"perhaps); nothing was kept.\n{otherwise}"
            ) from error
        temporary.chmod(0o644)  # mkstemp's 0600 would shut out other users of a shared folder
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _blocks(url: str, timeout: float, otherwise: str) -> Iterator[tuple[int, int | None, bytes]]:
    """Yield (bytes so far, total or None, block); every failure of the network is Missing."""

    def missing(reason: object) -> Missing:
        return Missing(f"Could not download {url}: {reason}.\n{otherwise}")

    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length and length.isdigit() else None
            done = 0
            while block := response.read(1 << 16):
                done += len(block)
                yield done, total, block
            if total is not None and done != total:
                raise missing(f"the connection broke off after {done} of {total} bytes")
    except urllib.error.HTTPError as error:
        raise missing(f"the server answered {error.code}") from error
    except urllib.error.URLError as error:
        raise missing(f"no connection ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise missing(str(error) or type(error).__name__) from error
