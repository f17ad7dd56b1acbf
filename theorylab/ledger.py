"""The ledger: every claim with the verdict of its latest stored run, as rows, JSON or LaTeX."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from . import store
from .catalogue import load_catalogue
from .claim import Claim
from .discovery import find, load
from .documents import DOCUMENTS
from .evidence import ALPHA
from .experiment import PRESETS, Experiment


def rows(
    names: Sequence[str], results: Path, preset: str | None = None, paths: Sequence[Path] = ()
) -> list[dict]:
    """One row for each claim; ``verdict`` is None where no run is stored.

    Args:
        names: experiments.
        results: results folder.
        preset: whose latest run is shown; None: the most thorough one that is stored.
        paths: where the user's own experiments are.
    """
    ledger = []
    for name in names:
        experiment = load(name, paths)
        stored_preset, judged = _latest(results / name, preset)
        ledger += [
            _row(experiment, claim, stored_preset, judged.get(claim.id, {}))
            for claim in experiment.claims
        ]
    return ledger


def not_checkable() -> list[dict]:
    """Catalogue entries that no experiment can check, with the reason."""
    return [
        {"entry": id, "title": entry.title, "reason": entry.not_checkable}
        for id, entry in load_catalogue().items()
        if entry.not_checkable
    ]


def as_json(ledger: Sequence[dict]) -> str:
    """A JSON list of claims, followed by the entries that cannot be checked."""
    return json.dumps([*ledger, *not_checkable()], indent=1, ensure_ascii=False)


def chance_of_a_wrong_verdict(ledger: Sequence[dict]) -> float:
    """Union bound over the claims judged by chance: their number times the level of each."""
    return min(1.0, sum(row["alpha"] is not None for row in ledger) * ALPHA)


def as_latex(ledger: Sequence[dict]) -> str:
    """A booktabs table: source, statement, form, verdict and evidence; for ``longtable``."""
    lines = [
        r"% needs \usepackage{amsmath,amssymb,booktabs,longtable}",
        r"\begin{longtable}{llp{.48\linewidth}ll}",
        r"\toprule",
        r"Source & Form & Statement & Verdict & Evidence \\",
        r"\midrule",
        r"\endhead",
    ]
    for row in ledger:
        source = row["source"]
        cells = (
            _escape(f"{source['document']}, {source['place']}".rstrip(", ")),
            row["form"],
            f"${row['statement']}$",
            row["verdict"] or "not run",
            row["level"] or "--",
        )
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{longtable}"])


def names(paths: Sequence[Path] = ()) -> list[str]:
    return list(find(paths))


def _latest(folder: Path, preset: str | None) -> tuple[str | None, dict[str, dict]]:
    """Preset and stored judgements, by claim, of the latest run of an experiment."""
    for name in [preset] if preset else reversed(PRESETS):
        pointer = folder / f"latest-{name}"
        if not pointer.is_file():
            continue
        path = folder / pointer.read_text().strip() / "verdicts.json"
        return name, {row["id"]: row for row in store.read_json(path)["judgements"]}
    return None, {}


def _row(experiment: Experiment, claim: Claim, preset: str | None, judged: dict) -> dict:
    evidence = judged.get("evidence", {})
    twins = [c.id for c in experiment.claims if c.twin is claim]
    controls = {row["statement"]: row for row in judged.get("controls", [])}
    return {
        "id": claim.id,
        "entries": list(claim.entries),
        "form": claim.form,
        "experiment": experiment.name,
        "source": {
            "document": claim.source.document,
            "place": claim.source.place,
            "title": DOCUMENTS.get(claim.source.document, ""),
        },
        "statement": claim.statement,
        "conditions": claim.conditions,
        "kind": claim.kind,
        "expected": claim.expected,
        "verdict": judged.get("verdict"),
        "why": judged.get("why", ""),
        "level": evidence.get("level"),
        "estimate": evidence.get("estimate"),
        "interval": _pair(evidence.get("lower"), evidence.get("upper")),
        "region": evidence.get("region"),
        "reason": evidence.get("reason"),
        "where": evidence.get("where"),
        "points": evidence.get("points"),
        "excluded": evidence.get("excluded"),
        "alpha": evidence.get("alpha"),
        "note": evidence.get("note"),
        "controls": [
            {
                "statement": control.statement,
                "verdict": controls.get(control.statement, {}).get("verdict"),
            }
            for control in claim.controls
        ],
        "twin": claim.twin.id if claim.twin else (twins[0] if twins else None),
        "preset": preset,
        "skipped": judged.get("skipped", []),
        "dataset sha256": judged.get("datasets", {}),
    }


def _pair(lower, upper):
    return None if lower is None else [lower, upper]


def _escape(text: str) -> str:
    for sign in "&%#_$":
        text = text.replace(sign, "\\" + sign)
    return text


def number(value) -> str:
    """A number for people: four significant digits; infinities as signs."""
    if value is None:
        return "-"
    value = float(value)
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.4g}"
