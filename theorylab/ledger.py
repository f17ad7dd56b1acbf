"""The ledger: every claim with the verdict of its latest stored run, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import tables
from .catalogue import load_catalogue
from .checks_version import mend
from .claim import Claim
from .discovery import find, load, reference
from .documents import DOCUMENTS
from .errors import NotThere, StorageError, UsageError
from .evidence import REFUTED
from .experiment import Experiment
from .measurement import PRESETS
from .stored_verdicts import latest, read_verdicts
from .suggest import did_you_mean

if TYPE_CHECKING:
    import pandas as pd


class Ledger(Sequence):
    """Rows of the ledger, for Python and notebooks: by number, or by the id of a claim.

    ``problems`` are sentences on stored verdicts that cannot be read; their claims have none.
    """

    def __init__(self, rows: Sequence[dict], problems: Sequence[str] = ()):
        self.rows, self.problems = list(rows), list(problems)

    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, slice):
            return Ledger(self.rows[key], self.problems)
        if isinstance(key, str):
            found = [row for row in self.rows if row["id"] == key]
            if not found:
                hint = did_you_mean(key, [row["id"] for row in self.rows])
                raise NotThere(f"there is no claim {key!r}" + (hint and f": {hint}"))
            return found[0]
        return self.rows[key]

    def __len__(self) -> int:
        return len(self.rows)

    def errata(self) -> list[tuple[dict, dict | None]]:
        """See :func:`errata`."""
        return errata(self.rows)

    def outdated(self) -> str:
        """Whose verdicts other checks made than there are now, and what to do; "" if nobody's."""
        runs = dict.fromkeys((row["experiment"], row["preset"]) for row in self if row["outdated"])
        if not runs:
            return ""
        commands = [
            mend([name for name, of in runs if of == preset], preset)
            for preset in dict.fromkeys(preset for _, preset in runs)
        ]
        return (
            f"{len(runs)} outdated: other checks than today's made the verdicts; judge again: "
            f"{'; '.join(commands)}"
        )

    def to_dataframe(self) -> pd.DataFrame:
        """One row a claim, the columns of ``theorylab claims --csv``."""
        return tables.to_dataframe(self.rows)

    def to_csv(self) -> str:
        return tables.as_csv(self.rows)

    def to_json(self) -> str:
        return tables.as_json(self.rows, not_checkable())

    def to_latex(self) -> str:
        """Tables for a paper: one for each document, and the errata."""
        from .latex_tables import as_latex

        return as_latex(self.rows, self.errata())

    def __repr__(self) -> str:
        from .display import ledger_text

        return ledger_text(self.rows, self._remarks())

    def _repr_html_(self) -> str:
        from .display_html import ledger_html

        return ledger_html(self.rows, self._remarks())

    def _remarks(self) -> list[str]:
        return [text for text in (self.outdated(), *self.problems) if text]


def claims(
    *experiments: str,
    preset: str | None = None,
    results: str | Path = "results",
    path: str | Path | Iterable[str | Path] = (),
) -> Ledger:
    """The ledger of what is stored: every claim, run or not, with its latest verdict.

    Args:
        experiments: names; none: all.
        preset: whose latest run is shown; None: the most thorough one that is stored.
        results: results folder.
        path: folders or files with your own experiments.

    Raises:
        UsageError: an unknown experiment, preset or path.

    Stored verdicts that are damaged cost only themselves: they are in ``Ledger.problems``.
    """
    if preset is not None and preset not in PRESETS:
        raise UsageError(f"unknown preset {preset!r}; there are {', '.join(PRESETS)}")
    paths = (Path(path),) if isinstance(path, (str, Path)) else tuple(map(Path, path))
    names = [reference(name, paths).name for name in dict.fromkeys(experiments)]
    files = find(paths)
    rows, problems = [], []
    for name in names or files:
        experiment = load(name, paths)
        run = latest(Path(results) / name, preset)
        judged, outdated, unread = {}, False, {}
        if run:
            try:
                verdicts = read_verdicts(files[name], *run)
                judged, outdated = verdicts.judgements, verdicts.outdated
            except StorageError as error:
                unread = {"why": str(error)}
                problems.append(f"{name}: {error}")
        for claim in experiment.claims:
            known = vars(judged[claim.id]) if claim.id in judged else unread
            rows.append(row(experiment, claim, run and run[0], known, outdated))
    return Ledger(rows, problems)


def not_checkable() -> list[dict]:
    """Catalogue entries that no experiment can check, with the reason."""
    return [
        {"entry": id, "title": entry.title, "reason": entry.not_checkable}
        for id, entry in load_catalogue().items()
        if entry.not_checkable
    ]


def chance_of_a_wrong_verdict(ledger: Sequence[dict]) -> float:
    """Union bound on the chance that any verdict is wrong: the levels of the claims, added up."""
    return min(1.0, sum(row["alpha"] or 0.0 for row in ledger))


def errata(ledger: Sequence[dict]) -> list[tuple[dict, dict | None]]:
    """Statements that are refuted as printed or as read, each with the row of its corrected form.

    The corrected form is the twin, judged by the same check; None where an exact witness refutes
    a statement that has none.
    """
    by_id = {row["id"]: row for row in ledger}
    printed = [
        row
        for row in ledger
        if row["verdict"] == REFUTED and row["form"] in ("as stated", "reading")
    ]
    return [(row, by_id.get(row["twin"])) for row in printed]


def row(
    experiment: Experiment, claim: Claim, preset: str | None, judged: dict, outdated: bool = False
) -> dict:
    """The row of one claim; ``verdict`` is None where there is no judgement (``{}``)."""
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
        "asked": judged.get("asked", True),
        "outdated": bool(judged) and outdated,
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
