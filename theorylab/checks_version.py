"""Which version of the checks made stored verdicts, and whether there is another one by now.

The list asks this of every experiment, so nothing heavy is imported, and a file is parsed only
where its bytes are not those of then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from . import fingerprint

JUDGING = ("evidence.py", "judge.py", "claim.py", "checks")


def judging_code() -> str:
    """Fingerprint of the laboratory's code that turns data into verdicts."""
    return _fingerprint(_judging_files())


def version(experiment_file: Path) -> dict[str, dict[str, str]]:
    """The code that judges an experiment now, as it is stored with the verdicts."""
    return {
        part: {"sha256": _sha256(files), "fingerprint": _fingerprint(files)}
        for part, files in _parts(experiment_file).items()
    }


def outdated(judged: Mapping[str, Any], experiment_file: Path) -> bool:
    """Whether other code than today's made the verdicts; comments and formatting do not count.

    Args:
        judged: verdicts.json.
        experiment_file: holds the checks and claims.
    """
    try:
        then = judged["checks"]
        return any(_differs(then[part], files) for part, files in _parts(experiment_file).items())
    except (KeyError, TypeError):
        return True  # they were written before versions were


def mend(names: Sequence[str], preset: str | None = None) -> str:
    """The command that judges those experiments anew."""
    return " ".join(["theorylab judge", *names, *(["--preset", preset] if preset else [])])


def _parts(experiment_file: Path) -> dict[str, tuple[Path, ...]]:
    return {"laboratory": _judging_files(), "experiment": (experiment_file,)}


@cache
def _judging_files() -> tuple[Path, ...]:
    paths = [Path(__file__).parent / name for name in JUDGING]
    files = [sorted(path.glob("*.py")) if path.is_dir() else [path] for path in paths]
    return tuple(file for found in files for file in found)


def _differs(then: Mapping[str, str], files: tuple[Path, ...]) -> bool:
    if then["sha256"] == _sha256(files):
        return False
    try:
        return then["fingerprint"] != _fingerprint(files)
    except SyntaxError:
        return True  # a file that is being written


def _sha256(files: tuple[Path, ...]) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _fingerprint(files: tuple[Path, ...]) -> str:
    return _fingerprint_of(files, _sha256(files))


@cache
def _fingerprint_of(files: tuple[Path, ...], sha256: str) -> str:
    return fingerprint.file_fingerprint(*files)
