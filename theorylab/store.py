"""Storage: atomic files, one shard per cell, one netCDF dataset per measurement.

    results/<experiment>/<preset or custom>-<key>/run.json, verdicts.json, <measurement>.nc
    results/<experiment>/latest-<preset>

A file appears under its final name only complete: temporary name in the same folder, fsync,
rename, fsync of the folder. The existence of the final name is the mark that it is done, so a
run can be killed at any moment and resumed. Wall-clock facts live in run.json; a dataset holds
nothing that depends on when or where it was made, so its sha256 identifies its content.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .errors import StorageError

#: Raised whenever the layout or the meaning of stored files changes.
SCHEMA = "theorylab-1"


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then move it there in one step.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; choose another folder with "
            "--results, or free some space"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> dict:
    """Raises StorageError when the file is not JSON of this schema."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot read {path}: {error}; delete it and run again") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise StorageError(f"{path} was not written by this version of theorylab; delete it")
    return value


def write_dataset(path: Path, dataset: xr.Dataset) -> None:
    write_atomically(path, lambda temporary: dataset.to_netcdf(temporary, engine="h5netcdf"))


def read_dataset(path: Path, data_key: str | None = None) -> xr.Dataset:
    """Read a whole dataset into memory; no handle stays open.

    Args:
        data_key: the key that the file must carry, if it is known.

    Raises:
        StorageError: the file is missing, truncated, foreign or carries another key.
    """
    try:
        dataset = xr.load_dataset(path, engine="h5netcdf")
    except Exception as error:
        reason = "no such file" if not path.exists() else f"{type(error).__name__}: {error}"
        raise StorageError(
            f"cannot read {path} ({reason}); delete it and run the experiment again"
        ) from None
    if dataset.attrs.get("schema") != SCHEMA:
        raise StorageError(f"{path} was not written by theorylab; move it out of the results")
    if data_key is not None and dataset.attrs.get("data_key") != data_key:
        raise StorageError(f"{path} holds another measurement's data; delete it and run again")
    return dataset


def check_measured(dataset: Any) -> None:
    """Refuse what a cell must not store: no Dataset, object arrays, or floats that are not finite.

    Raises:
        TypeError, FloatingPointError: saying which variable and how many entries.
    """
    if not isinstance(dataset, xr.Dataset):
        raise TypeError(f"a measure function returns an xarray.Dataset, not {type(dataset)}")
    for name, array in dataset.variables.items():
        if array.dtype.kind not in "biufUS":
            raise TypeError(f"variable {name!r} has dtype {array.dtype}, which cannot be stored")
        if array.dtype.kind == "f" and not np.isfinite(array.values).all():
            bad = int((~np.isfinite(array.values)).sum())
            raise FloatingPointError(f"variable {name!r}: {bad} of {array.size} are not finite")


def combine(
    axes: Mapping[str, tuple], shards: Mapping[tuple, xr.Dataset], attributes: Mapping[str, str]
) -> xr.Dataset:
    """One dataset from the shards, with one dimension for each grid axis.

    Args:
        axes: axis name -> values.
        shards: dataset of each cell by its tuple of axis values. A value of an axis for which
            every cell is absent (its data set is not there) is left out.
        attributes: strings that identify the content.

    Raises:
        StorageError: cells differ in their inner coordinates, or absent cells leave a hole.
    """
    kept = {
        name: [v for v in values if any(cell[i] == v for cell in shards)]
        for i, (name, values) in enumerate(axes.items())
    }
    holes = [cell for cell in itertools.product(*kept.values()) if cell not in shards]
    if holes:
        raise StorageError(f"cells without data leave a hole in the grid, e.g. {holes[0]}")

    some = next(iter(shards.values()))
    for cell, dataset in shards.items():
        if set(dataset.variables) != set(some.variables):
            odd = ", ".join(map(str, sorted(set(dataset.variables) ^ set(some.variables))))
            raise StorageError(
                f"every cell must return the same variables; {cell} differs in {odd}"
            )

    def nested(prefix: tuple):
        if len(prefix) == len(axes):
            here = dict(zip(axes, prefix, strict=True))
            return shards[prefix].drop_attrs().expand_dims({k: [v] for k, v in here.items()})
        return [nested((*prefix, v)) for v in list(kept.values())[len(prefix)]]

    try:
        # Cells must agree exactly: a length or coordinate that differs is a mistake, not a join.
        combined = (
            xr.combine_nested(
                nested(()),
                concat_dim=list(axes),
                data_vars="all",
                coords="minimal",
                compat="equals",
                join="exact",
                combine_attrs="override",
            )
            if axes
            else nested(())
        )
    except (ValueError, xr.AlignmentError, xr.MergeError) as error:
        raise StorageError(
            f"the cells do not fit together: {error}; every cell must return the same variables, "
            "dimensions and inner coordinates"
        ) from None
    for name in combined.variables:
        if name in some.variables:
            combined[name].attrs = dict(some[name].attrs)
    combined.attrs = dict(attributes)
    return combined


def reuse_file(source: Path, target: Path) -> None:
    """The same content under another name; a copy, so that neither run depends on the other."""
    write_atomically(target, lambda temporary: shutil.copyfile(source, temporary))


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system releases it even when the process is killed.

    Raises:
        StorageError: another process holds it, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = open(folder / ".lock", "a+")  # noqa: SIM115 - closed below, after the yield
    except OSError as error:
        raise StorageError(
            f"cannot write {folder}: {error.strerror}; choose another folder with --results"
        ) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            raise StorageError(
                f"process {handle.read().strip() or '?'} is computing the same run in {folder}; "
                "wait for it, or choose another folder with --results"
            ) from None
        handle.seek(0)
        handle.truncate()
        handle.write(str(os.getpid()))
        handle.flush()
        yield
