"""The ledger as tables for machines: CSV, JSON and a data frame.

Every function takes rows as :func:`theorylab.ledger.row` makes them.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def flat(row: dict) -> dict:
    """One claim as flat columns, in a fixed order; None where there is nothing."""
    lower, upper = row["interval"] or (None, None)
    low, high = row["region"] or (None, None)
    controls = row["controls"]
    return {
        "id": row["id"],
        "experiment": row["experiment"],
        "document": row["source"]["document"],
        "place": row["source"]["place"],
        "entries": " ".join(row["entries"]),
        "form": row["form"],
        "kind": row["kind"],
        "statement": row["statement"],
        "conditions": row["conditions"],
        "expected": row["expected"],
        "verdict": row["verdict"],
        "outdated": row["outdated"],
        "level": row["level"],
        "estimate": row["estimate"],
        "lower": lower,
        "upper": upper,
        "region_lower": low,
        "region_upper": high,
        "where": row["where"],
        "points": row["points"],
        "excluded": row["excluded"],
        "alpha": row["alpha"],
        "controls": len(controls),
        "controls_refuted": sum(control["verdict"] == "refuted" for control in controls),
        "twin": row["twin"],
        "preset": row["preset"],
        "skipped": len(row["skipped"]),
        "reason": row["reason"],
        "why": row["why"],
        "note": row["note"],
        "sha256": " ".join(f"{name}={sha}" for name, sha in row["dataset sha256"].items()),
    }


def to_dataframe(rows: Sequence[dict]) -> pd.DataFrame:
    """One row a claim, indexed by its id; numbers are floats, infinities included."""
    import pandas as pd

    if not rows:
        return pd.DataFrame()
    frame = pd.DataFrame([flat(row) for row in rows]).set_index("id")
    numbers = ["estimate", "lower", "upper", "region_lower", "region_upper", "alpha"]
    return frame.astype(dict.fromkeys(numbers, float))


def as_csv(rows: Sequence[dict]) -> str:
    """One line a claim; numbers at full precision, ``inf`` for an open side of a region."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for i, row in enumerate(map(flat, rows)):
        if i == 0:
            writer.writerow(row)
        writer.writerow(row.values())
    return text.getvalue()


def as_json(rows: Sequence[dict], not_checkable: Sequence[dict] = ()) -> str:
    """A JSON list of claims, followed by the entries that cannot be checked."""
    return json.dumps([*rows, *not_checkable], indent=1, ensure_ascii=False)


def number(value) -> str:
    """A number for people: four significant digits; infinities as signs."""
    if value is None:
        return "-"
    value = float(value) + 0.0  # no "-0"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.4g}"
