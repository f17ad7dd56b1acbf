"""The verdicts of the latest stored run of an experiment, checked for what is read of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import store
from .checks_version import outdated
from .errors import StorageError
from .judge import Judgement
from .measurement import PRESETS


@dataclass(frozen=True)
class Verdicts:
    """Judgements by claim, and whether other checks made them than there are now."""

    judgements: Mapping[str, Judgement]
    outdated: bool


def latest(folder: Path, preset: str | None) -> tuple[str, Path] | None:
    """Preset and folder of the latest run of an experiment.

    Args:
        folder: ``results/<experiment>``.
        preset: None: the most thorough one that is stored.
    """
    for name in [preset] if preset else reversed(PRESETS):
        pointer = folder / f"latest-{name}"
        if pointer.is_file():
            return name, folder / pointer.read_text(encoding="utf-8", errors="replace").strip()
    return None


def read_verdicts(experiment_file: Path, preset: str, run: Path) -> Verdicts:
    """The verdicts in the folder of a run.

    Raises:
        StorageError: the file is missing or damaged; the message says how to make it again.
    """
    path = run / "verdicts.json"
    judge = f"theorylab judge {experiment_file.stem} --preset {preset}"
    again = f"make it again from the data: {judge}"
    try:
        stored = store.read_json(path)
        found = [Judgement(**row) for row in stored["judgements"]]
        for part in [j.evidence for j in found] + [c for j in found for c in j.controls]:
            numbers = [part.get(key) for key in ("estimate", "lower", "upper", "alpha")]
            for number in [*numbers, *(part.get("region") or ())]:
                float(number or 0)
        by_claim = {judgement.id: judgement for judgement in found}
    except StorageError as error:
        raise StorageError(f"{error}; or {again}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise StorageError(f"{path} is damaged ({reason}); {again}") from None
    return Verdicts(by_claim, outdated(stored, experiment_file))
