"""Whether two stored runs speak of the same thing; if not, in what they differ."""

from __future__ import annotations

from .stored_runs import StoredRun

#: Parts of a measurement's key whose difference makes it another measurement.
DEFINING = {"code": "its code", "schema": "the schema", "dtype": "the dtype"}


def differences_of_definition(left: StoredRun, right: StoredRun) -> list[str]:
    """Sentences that say why the two runs do not speak of the same thing."""
    if left.experiment != right.experiment:
        return [f"these are two experiments: {left.experiment} and {right.experiment}"]
    reasons = []
    if left.judging_code != right.judging_code:
        reasons.append(
            "they were judged by different versions of theorylab's checks; judge both again: "
            f"theorylab judge {left.experiment} --results ..."
        )
    for name in sorted({*left.measurements, *right.measurements}):
        if name not in left.measurements or name not in right.measurements:
            reasons.append(f"only one of them has the measurement {name}")
            continue
        reasons += [f"measurement {name}: {reason}" for reason in _measured(left, right, name)]
    for id in sorted({*left.definitions, *right.definitions}):
        if id not in left.definitions or id not in right.definitions:
            reasons.append(f"only one of them has the claim {id}")
            continue
        a, b = left.definitions[id], right.definitions[id]
        parts = [part for part in sorted({*a, *b}) if a.get(part) != b.get(part)]
        if parts:
            reasons.append(f"claim {id}: differs in its {', '.join(parts)}")
    if not reasons and set(left.verdicts) != set(right.verdicts):
        reasons.append("not both have a verdict on every claim; judge both again")
    return reasons


def _measured(left: StoredRun, right: StoredRun, name: str) -> list[str]:
    """In what the definition of a measurement differs."""
    a, b = (run.measurements[name]["key_parts"] for run in (left, right))
    reasons = [f"{what} differs" for part, what in DEFINING.items() if a.get(part) != b.get(part)]
    if set(a["axes"]) != set(b["axes"]):
        reasons.append(f"its axes are {', '.join(a['axes'])} and {', '.join(b['axes'])}")
    else:
        for axis, values in a["axes"].items():
            # Presets may have grids of their own; a grid that was typed in, or that has changed
            # since, has other points, and a claim on them is another claim.
            typed = any(
                key in run.record["overrides"]
                for run in (left, right)
                for key in (axis, f"{name}.{axis}")
            )
            presets = left.record["preset"] != right.record["preset"]
            if values != b["axes"][axis] and (typed or not presets):
                reasons.append(f"its grid differs: {axis} is {values} and {b['axes'][axis]}")
    for data in sorted({*a["data"], *b["data"]}):
        pair = {a["data"].get(data), b["data"].get(data)}
        if len(pair) > 1 and "missing" not in pair:
            reasons.append(f"the data set {data} has another content")
    return reasons
