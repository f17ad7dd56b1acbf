"""Read stored runs, and only them: no experiment is loaded, and every file is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from . import store
from .errors import StorageError, UsageError
from .measurement import PRESETS


@dataclass(frozen=True)
class StoredRun:
    """One run as its files tell it.

    Args:
        record: run.json.
        verdicts: stored judgements by claim.
        definitions: of the claims, see :func:`theorylab.definitions.definitions`.
        judging_code: fingerprint of the code that judged.
        sha256: content identity of each dataset.
    """

    folder: Path
    record: Mapping
    verdicts: Mapping[str, Mapping]
    definitions: Mapping[str, Mapping]
    judging_code: str
    sha256: Mapping[str, str]

    @property
    def experiment(self) -> str:
        return self.record["experiment"]

    @property
    def measurements(self) -> Mapping[str, Mapping]:
        return self.record["measurements"]

    def dataset(self, name: str) -> xr.Dataset:
        return store.read_dataset(self.folder / f"{name}.nc", self.measurements[name]["data_key"])

    def settings(self) -> str:
        """Preset, seed and overrides in words."""
        parts = [f"preset {self.record['preset']}", f"seed {self.record['seed']}"]
        parts += [f"{k}={','.join(map(str, v))}" for k, v in self.record["overrides"].items()]
        return ", ".join(parts)


def read_run(folder: Path) -> StoredRun:
    """Read and check a run's folder.

    Raises:
        StorageError: a file is missing, damaged or foreign, or the files do not belong together.
    """
    record = store.read_json(folder / "run.json")
    judged = store.read_json(folder / "verdicts.json")
    try:
        experiment, preset = record["experiment"], record["preset"]
        verdicts = {row["id"]: row for row in judged["judgements"]}
        for row in verdicts.values():
            row["verdict"], row["evidence"], row["datasets"]
        for measurement in record["measurements"].values():
            measurement["key_parts"]["axes"], measurement["data_key"]
        record["seed"], record["overrides"], record["provenance"]
    except (KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"run.json or verdicts.json in {folder} is damaged: {type(error).__name__}: {error}; "
            "run the experiment again"
        ) from None
    again = (
        f"judge it again: theorylab judge {experiment} --preset {preset} "
        f"--results {folder.parent.parent}"
    )
    if "definitions" not in judged or "judging_code" not in judged:
        raise StorageError(
            f"{folder / 'verdicts.json'} does not say how its claims are defined, it was written "
            f"by an earlier version; {again}"
        )
    sha256 = {}
    for name in record["measurements"]:
        path = folder / f"{name}.nc"
        if path.is_file():
            sha256[name] = store.sha256(path)
    for row in verdicts.values():
        for name, expected in row["datasets"].items():
            if sha256.get(name) != expected:
                state = "is not" if name in sha256 else "is missing, not"
                raise StorageError(
                    f"{folder / f'{name}.nc'} {state} the data that the verdicts are about "
                    f"(sha256 {expected[:12]}...); {again}"
                )
    return StoredRun(
        folder, record, verdicts, judged["definitions"], judged["judging_code"], sha256
    )


def find_runs(given: Path) -> dict[str, dict[str, Path]]:
    """Folders of runs by experiment and preset.

    Args:
        given: the folder of one run, of one experiment (its latest runs), or of all results (the
            latest runs of all experiments).

    Raises:
        UsageError: it is none of these.
    """
    if (given / "run.json").exists() or (given / "verdicts.json").exists():
        record = store.read_json(given / "run.json")
        return {str(record.get("experiment")): {str(record.get("preset")): given}}
    if not given.is_dir():
        raise UsageError(f"{given}: there is no such folder")
    latest = _latest(given)
    if latest:
        return {given.resolve().name: latest}
    inside = {path.name: _latest(path) for path in sorted(given.iterdir()) if path.is_dir()}
    found = {name: runs for name, runs in inside.items() if runs}
    if not found:
        # Runs with a seed or with values of their own never become the latest ones.
        others = sorted(
            path.parent for path in [*given.glob("*/run.json"), *given.glob("*/*/run.json")]
        )
        hint = f"; there is {', '.join(map(str, others))}: give its path" if others else ""
        raise UsageError(
            f"{given} holds no latest run of an experiment: give a results folder, "
            f"results/EXPERIMENT, or results/EXPERIMENT/PRESET-KEY{hint}"
        )
    return found


def _latest(folder: Path) -> dict[str, Path]:
    found = {}
    for preset in PRESETS:
        pointer = folder / f"latest-{preset}"
        if pointer.is_file():
            found[preset] = folder / pointer.read_text(encoding="utf-8", errors="replace").strip()
    return found
