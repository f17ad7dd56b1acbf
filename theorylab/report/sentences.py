"""What was found, in one plain sentence for each claim."""

from __future__ import annotations

from collections.abc import Mapping

from ..evidence import REFUTED, SUPPORTED
from . import numbers

#: Evidence level -> how the number was found.
METHOD = {
    "proof": "By computer algebra",
    "certificate": "By interval arithmetic, which encloses both sides",
    "numerics": "Computed against an independent oracle",
    "statistics": "Estimated from samples",
    "observation": "Observed on real data or a trained network",
}

#: Evidence level -> its definition.
LEVELS = {
    "proof": "computer algebra reduces the difference of both sides to zero, for symbols",
    "certificate": "interval arithmetic encloses both sides",
    "numerics": "float64 or high precision, against an independent oracle",
    "statistics": "an interval at the stated level, from samples",
    "observation": "real data or a trained network; it speaks of that setting",
}


def evidence(row: Mapping) -> str:
    """One sentence: how, where, how much, what was needed, and so what."""
    if row["verdict"] is None:
        return "The stored run does not have this claim: it was added later."
    if row["interval"] is None:
        return f"No number decides it: {row['why']}." if row["why"] else "No number decides it."
    interval = numbers.interval(row["estimate"], *row["interval"])
    needed = numbers.region(*row["region"])
    at = f", at {row['where']}," if row["where"] else ""
    start = f"{METHOD[row['level']]}{at} the value that decides is {interval}"
    if row["verdict"] == REFUTED:
        slip = numbers.number(numbers.gap(row["interval"], row["region"]), 3)
        return f"{start}; the statement needs {needed}, so it fails by at least {slip}."
    if row["verdict"] == SUPPORTED:
        points = row["points"]
        rest = f", the closest call of {points:,} points" if points and points > 1 else ""
        return f"{start}{rest}; the statement needs {needed}, which holds."
    return f"{start}; the statement needs {needed}. Undecided: {row['why']}."


def found(row: Mapping) -> str:
    """What was found and what is needed, for one side of an erratum."""
    if row["interval"] is None:
        return f"No number decides it{': ' * bool(row['why'])}{row['why']}."
    interval = numbers.interval(row["estimate"], *row["interval"])
    at = f" at {row['where']}" if row["where"] else ""
    needed = numbers.region(*row["region"])
    return f"Found {interval}{at}, where {needed} is needed ({row['level']})."


def control(row: Mapping) -> str:
    """The interval of a control at the point that decides about it."""
    if row.get("estimate") is None or row.get("lower") is None or row.get("upper") is None:
        return row.get("why") or ""
    interval = numbers.interval(row["estimate"], row["lower"], row["upper"])
    return f"{interval} at {row['where']}" if row.get("where") else interval
