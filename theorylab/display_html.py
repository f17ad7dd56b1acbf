"""How results, the ledger, claims and evidence show themselves in a notebook, as HTML.

It carries its style in place, without scripts, style sheets or a background of its own, so that
it is legible on light and dark pages and wherever style sheets are stripped. Everything that
came from a file or a user is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from .display import (
    by_document,
    by_id,
    counts,
    failed,
    measured,
    refuted,
    settings,
    sizes,
    skipped,
)
from .documents import DOCUMENTS
from .evidence import INCONCLUSIVE, REFUTED, SUPPORTED
from .report.mathml import prose, typeset
from .report.numbers import interval, region

if TYPE_CHECKING:
    import xarray as xr

    from .claim import Claim
    from .evidence import Evidence
    from .judge import Judgement
    from .result import Result

#: Sign and colour of a verdict; the colours have contrast 4 or more on white and on black.
VERDICTS = {
    SUPPORTED: ("✓", "#1f8a4c"),
    REFUTED: ("✗", "#d6453d"),
    INCONCLUSIVE: ("?", "#a87400"),
    None: ("–", "#808080"),
}
_CELL = "text-align:left;vertical-align:top;padding:.25em .8em .25em 0;border:0"
_QUIET = "opacity:.75;font-size:90%"
POINTS_SHOWN = 12


def result_html(result: Result) -> str:
    claims = result.claims
    rows = [
        (
            _verdict(judgement.verdict),
            _claim_cell(
                judgement.id,
                claims[judgement.id].statement,
                claims[judgement.id].form,
                judgement.why,
            ),
            *_evidence_cells(judgement.evidence, judgement.controls),
        )
        for judgement in result.judgements
    ]
    notes = [f"skipped: {cell}" for cell in skipped(result)]
    notes += [f"failed: {cell}" for cell in failed(result)]
    return _block(
        f"<strong>{escape(result.name)}</strong>: {escape(result.title)}",
        _line(f"{settings(result)}: {counts(result.verdicts)}"),
        _table(("verdict", "claim", "level", "measured", "controls refuted"), rows),
        *(_line(note) for note in notes),
        datasets_html(result.data, {}),
        _line(f"stored in {result.folder}"),
    )


def datasets_html(datasets: Mapping[str, xr.Dataset], absent: Mapping[str, str]) -> str:
    rows = [
        (_code(name), escape(sizes(dataset)), escape(", ".join(map(str, dataset.data_vars))))
        for name, dataset in datasets.items()
    ]
    rows += [(_code(name), escape(f"absent: {why}"), "") for name, why in absent.items()]
    return _fold("data", _table(("name", "size", "variables"), rows))


def ledger_html(rows: Sequence[dict], remarks: Sequence[str] = ()) -> str:
    parts = [_line(f"{len(rows)} claims: {counts(by_id(rows))}"), *map(_line, remarks)]
    for document, of_it in by_document(rows).items():
        table = [
            (
                _verdict(row["verdict"]),
                _claim_cell(row["id"], row["statement"], row["form"], row["why"]),
                escape(row["source"]["place"]),
                *_evidence_cells(_evidence_of(row), row["controls"]),
            )
            for row in of_it
        ]
        heads = ("verdict", "claim", "place", "level", "measured", "controls refuted")
        title = ": ".join(filter(None, (document, DOCUMENTS.get(document, ""))))
        parts.append(_fold(f"{title} ({counts(by_id(of_it))})", _table(heads, table)))
    return _block("<strong>Ledger</strong>", *parts)


def claim_html(claim: Claim) -> str:
    facts = [
        ("source", escape(str(claim.source))),
        ("form", escape(claim.form)),
        ("kind", escape(claim.kind)),
        ("conditions", prose(claim.conditions)),
        ("expected", escape(claim.expected or "open")),
        ("twin", _code(claim.twin.id) if claim.twin else ""),
        ("controls", "<br>".join(str(prose(control.statement)) for control in claim.controls)),
    ]
    return _block(
        f"<strong>{escape(claim.id)}</strong>",
        f"<div style='margin:.5em 0'>{typeset(claim.statement)}</div>",
        _table((), [(escape(name), value) for name, value in facts if value]),
    )


def judgement_html(judgement: Judgement) -> str:
    controls = [
        (_verdict(control["verdict"]), prose(control["statement"]), escape(measured(control)))
        for control in judgement.controls
    ]
    level = judgement.evidence.get("level")
    return _block(
        f"<strong>{escape(judgement.id)}</strong>: {_verdict(judgement.verdict)}"
        + (f", by {escape(level)}" if level else ""),
        _line(measured(judgement.evidence)),
        *(_line(judgement.evidence.get(key) or "") for key in ("reason", "note")),
        _line(judgement.why),
        _table(("control", "", ""), controls) if controls else "",
    )


def evidence_html(evidence: Evidence) -> str:
    import numpy as np

    # The points that stick out farthest come first: they decide.
    order = np.argsort(np.nan_to_num(np.ravel(evidence.slack().values), nan=-np.inf))
    points = [evidence.at(int(i)) for i in order[:POINTS_SHOWN]]
    rows = [
        (
            escape(point["where"] or "the only point"),
            escape(interval(*(point[key] for key in ("estimate", "lower", "upper")))),
            escape(region(*point["region"])),
        )
        for point in points
    ]
    more = evidence.points - len(points)
    level = "" if evidence.alpha is None else f" at level {evidence.alpha:g}"
    return _block(
        f"{_verdict(evidence.verdict())} by {escape(evidence.level)}{level}: {evidence.points} "
        f"points, {evidence.excluded} excluded",
        _line(evidence.reason),
        _line(evidence.note),
        _table(("point", "measured", "acceptable"), rows),
        _line(f"and {more} points with more slack") if more > 0 else "",
    )


def _evidence_of(row: dict) -> dict:
    lower, upper = row["interval"] or (None, None)
    return row | {"lower": lower, "upper": upper}


def _evidence_cells(evidence: Mapping, controls: Sequence[Mapping]) -> tuple[str, str, str]:
    level, judged = evidence.get("level"), any(c["verdict"] for c in controls)
    return (
        escape(level or ""),
        escape(measured(evidence)),
        refuted(controls) if judged else str(len(controls) or ""),
    )


def _claim_cell(id: str, statement: str, form: str, why: str) -> str:
    quiet = f"<span style='{_QUIET}'>{escape(form)}</span>"
    return f"{_code(id)} {quiet}<br>{typeset(statement)}" + (_line(why) if why else "")


def _verdict(verdict: str | None) -> str:
    sign, colour = VERDICTS[verdict]
    name = verdict or "not run"
    return f"<span style='color:{colour};white-space:nowrap'>{sign} {escape(name)}</span>"


def _code(text: str) -> str:
    return f"<code style='background:none;padding:0'>{escape(text)}</code>"


def _line(text: str) -> str:
    return f"<div style='{_QUIET}'>{escape(text)}</div>" if text else ""


def _fold(title: str, inside: str) -> str:
    summary = f"<summary style='cursor:pointer'>{escape(title)}</summary>"
    return f"<details>{summary}{inside}</details>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of HTML; ``heads`` are plain text."""
    top = "".join(f"<th style='{_CELL};{_QUIET}'>{escape(head)}</th>" for head in heads)
    body = "".join(
        "<tr style='background:none'>"
        + "".join(f"<td style='{_CELL}'>{cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    head = f"<thead><tr style='background:none'>{top}</tr></thead>" if heads else ""
    return f"<table style='border-collapse:collapse;border:0'>{head}<tbody>{body}</tbody></table>"


def _block(*parts: str) -> str:
    return f"<div style='overflow-x:auto'>{''.join(parts)}</div>"
