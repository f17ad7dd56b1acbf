"""Provenance: on what a run was made. Facts for run.json, never part of a dataset."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

PACKAGES = (
    "theorylab",
    "numpy",
    "scipy",
    "torch",
    "sympy",
    "mpmath",
    "python-flint",
    "xarray",
    "h5netcdf",
    "h5py",
    "POT",
    "scikit-learn",
    "matplotlib",
    "dask",
)


@cache
def facts() -> dict:
    """Versions, platform, BLAS and git state, as JSON values."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "blas": _blas(),
        "threads": 1,
        "dtype": "float64",
        "git": _git(),
        "command": ["theorylab", *sys.argv[1:]],
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _blas() -> list[str]:
    from threadpoolctl import threadpool_info

    keys = ("internal_api", "version", "architecture")
    return sorted({" ".join(str(lib.get(key, "")) for key in keys) for lib in threadpool_info()})


def _git() -> dict | None:
    """Commit and dirty flag of the checkout that holds the code; None for a wheel."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit, status = (
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "-uno"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "dirty": bool(status)}
