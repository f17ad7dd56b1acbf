"""Counts of the latest stored verdicts, read as plain JSON for the list: quick, and never fatal.

The ledger reads the same files strictly; a list must not fail over a folder that was damaged or
that another program wrote.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from .checks_version import mend, outdated
from .command_options import PRESETS

VERDICTS = ("supported", "refuted", "inconclusive")


def summary(folder: Path, file: Path, now: datetime | None = None) -> str:
    """The verdicts of the most thorough latest run in one line, or "" where none is stored.

    For example ``"12 supported, 3 refuted; quick, 2 days ago"``; verdicts other than the expected
    ones are counted behind it, and where other checks made them than there are now, it says so.

    Args:
        folder: ``results/<experiment>``.
        file: of the experiment.
        now: the time that the age is counted to; default: the present.
    """
    for preset in reversed(PRESETS):
        pointer = folder / f"latest-{preset}"
        if not pointer.is_file():
            continue
        try:
            run = folder / pointer.read_text(encoding="utf-8").strip()
            stored = _object(run / "verdicts.json")
            judgements = stored["judgements"]
            count = Counter(row["verdict"] for row in judgements)
            unexpected = sum(row["status"] != 0 for row in judgements)
        except (OSError, ValueError, KeyError, TypeError):
            return f"the latest {preset} results in {folder} cannot be read; run it again"
        known = [f"{count[verdict]} {verdict}" for verdict in VERDICTS if count[verdict]]
        parts = [", ".join(known) or "no claim", ", ".join(filter(None, [preset, _age(run, now)]))]
        parts += [f"{unexpected} not as expected"] if unexpected else []
        parts += [f"outdated: {mend([file.stem])}"] if outdated(stored, file) else []
        return "; ".join(parts)
    return ""


def _object(path: Path) -> dict:
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise TypeError
    return value


def _age(run: Path, now: datetime | None) -> str:
    """How long ago the run finished, in words; "" where its record does not say."""
    try:
        finished = datetime.fromisoformat(_object(run / "run.json")["finished"])
        seconds = ((now or datetime.now(UTC)) - finished).total_seconds()
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            whole = int(seconds // length)
            return f"{whole} {unit}{'s' if whole > 1 else ''} ago"
    return "just now"
