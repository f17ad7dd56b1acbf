"""How results, the ledger, claims and evidence show themselves: as text, and as HTML in notebooks.

HTML carries its style in place, without scripts, style sheets or a background of its own, so that
it is legible on light and dark pages and wherever style sheets are stripped. Everything that
came from a file or a user is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from .documents import DOCUMENTS
from .evidence import INCONCLUSIVE, REFUTED, SUPPORTED
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


def result_text(result: Result) -> str:
    lines = [f"{result.name}: {result.title}", f"  {_settings(result)}, {_counts(result.verdicts)}"]
    lines += [f"  {judgement}" for judgement in result.judgements]
    lines += [f"  skipped      {cell}" for cell in _skipped(result)]
    lines += [f"  failed       {cell}" for cell in _failed(result)]
    return "\n".join([*lines, f"  data         {result.data!r}", f"  stored in    {result.folder}"])


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
    notes = [f"skipped: {cell}" for cell in _skipped(result)]
    notes += [f"failed: {cell}" for cell in _failed(result)]
    return _block(
        f"<strong>{escape(result.name)}</strong>: {escape(result.title)}",
        _line(f"{_settings(result)}: {_counts(result.verdicts)}"),
        _table(("verdict", "claim", "level", "measured", "controls refuted"), rows),
        *(_line(note) for note in notes),
        datasets_html(result.data, {}),
        _line(f"stored in {result.folder}"),
    )


def datasets_text(datasets: Mapping[str, xr.Dataset], absent: Mapping[str, str]) -> str:
    there = [f"{name} ({_sizes(dataset)})" for name, dataset in datasets.items()]
    return "; ".join([*there, *(f"{name} (absent: {why})" for name, why in absent.items())])


def datasets_html(datasets: Mapping[str, xr.Dataset], absent: Mapping[str, str]) -> str:
    rows = [
        (_code(name), escape(_sizes(dataset)), escape(", ".join(map(str, dataset.data_vars))))
        for name, dataset in datasets.items()
    ]
    rows += [(_code(name), escape(f"absent: {why}"), "") for name, why in absent.items()]
    return _fold(f"data: {len(datasets)} datasets", _table(("name", "size", "variables"), rows))


def ledger_text(rows: Sequence[dict]) -> str:
    lines = [f"{len(rows)} claims: {_counts(_by_id(rows))}"]
    for document, of_it in _by_document(rows).items():
        lines.append(f"  {document}: {len(of_it)} claims, {_counts(_by_id(of_it))}")
    return "\n".join(lines)


def ledger_html(rows: Sequence[dict]) -> str:
    parts = [_line(f"{len(rows)} claims: {_counts(_by_id(rows))}")]
    for document, of_it in _by_document(rows).items():
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
        parts.append(_fold(f"{title} ({_counts(_by_id(of_it))})", _table(heads, table)))
    return _block("<strong>Ledger</strong>", *parts)


def claim_html(claim: Claim) -> str:
    facts = [
        ("source", escape(str(claim.source))),
        ("form", escape(claim.form)),
        ("kind", escape(claim.kind)),
        ("conditions", escape(claim.conditions)),
        ("expected", escape(claim.expected or "open")),
        ("twin", _code(claim.twin.id) if claim.twin else ""),
        ("controls", "<br>".join(escape(control.statement) for control in claim.controls)),
    ]
    return _block(
        f"<strong>{escape(claim.id)}</strong>",
        f"<div style='margin:.5em 0'>{mathematics(claim.statement)}</div>",
        _table((), [(escape(name), value) for name, value in facts if value]),
    )


def judgement_text(judgement: Judgement) -> str:
    evidence, controls = judgement.evidence, judgement.controls
    parts = [f"{judgement.verdict:<12} {judgement.id}", evidence.get("level"), _measured(evidence)]
    if controls:
        parts.append(f"controls refuted {_refuted(controls)}")
    return "  ".join(filter(None, [*parts, judgement.why]))


def judgement_html(judgement: Judgement) -> str:
    controls = [
        (_verdict(control["verdict"]), escape(control["statement"]), escape(_measured(control)))
        for control in judgement.controls
    ]
    level = judgement.evidence.get("level")
    return _block(
        f"<strong>{escape(judgement.id)}</strong>: {_verdict(judgement.verdict)}"
        + (f", by {escape(level)}" if level else ""),
        _line(_measured(judgement.evidence)),
        *(_line(judgement.evidence.get(key) or "") for key in ("reason", "note")),
        _line(judgement.why),
        _table(("control", "", ""), controls) if controls else "",
    )


def evidence_text(evidence: Evidence) -> str:
    from .judge import describe

    verdict, found = evidence.verdict(), describe(evidence)
    points = f"{evidence.points} points" + f", {evidence.excluded} excluded" * bool(
        evidence.excluded
    )
    return f"<Evidence {verdict} by {evidence.level}: {_measured(found)}; {points}>"


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


def mathematics(latex: str) -> str:
    """A statement as MathML."""
    return _code(latex)


def _settings(result: Result) -> str:
    changed = [f"{k}={','.join(map(str, v))}" for k, v in result.overrides.items()]
    changed += [f"seed={result.seed}"] if result.seed else []
    return ", ".join([f"preset {result.preset}", *changed])


def _counts(verdicts: Mapping[str, str | None]) -> str:
    given = list(verdicts.values())
    counts = {name: given.count(verdict) for verdict in VERDICTS for name in [verdict or "not run"]}
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no claim"


def _by_id(rows: Iterable[dict]) -> dict[str, str | None]:
    return {row["id"]: row["verdict"] for row in rows}


def _by_document(rows: Iterable[dict]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["source"]["document"], []).append(row)
    return dict(sorted(found.items()))


def _evidence_of(row: dict) -> dict:
    lower, upper = row["interval"] or (None, None)
    return row | {"lower": lower, "upper": upper}


def _skipped(result: Result) -> list[str]:
    return sorted({cell for cells in result.skipped.values() for cell in cells})


def _failed(result: Result) -> list[str]:
    return [f"{cell}: {text}" for cells in result.failed.values() for cell, text in cells.items()]


def _sizes(dataset: xr.Dataset) -> str:
    return ", ".join(f"{name}: {size}" for name, size in dataset.sizes.items()) or "scalars"


def _measured(found: Mapping) -> str:
    """The deciding point in words: estimate and interval, what is acceptable, and where."""
    if found.get("estimate") is None:
        return ""
    text = interval(*(found[key] for key in ("estimate", "lower", "upper")))
    if found.get("region"):
        text += f"; acceptable: {region(*found['region'])}"
    return text + (f"; at {found['where']}" if found.get("where") else "")


def _refuted(controls: Sequence[Mapping]) -> str:
    return f"{sum(c['verdict'] == REFUTED for c in controls)}/{len(controls)}"


def _evidence_cells(evidence: Mapping, controls: Sequence[Mapping]) -> tuple[str, str, str]:
    level, judged = evidence.get("level"), any(c["verdict"] for c in controls)
    return (
        escape(level or ""),
        escape(_measured(evidence)),
        _refuted(controls) if judged else str(len(controls) or ""),
    )


def _claim_cell(id: str, statement: str, form: str, why: str) -> str:
    quiet = f"<span style='{_QUIET}'>{escape(form)}</span>"
    return f"{_code(id)} {quiet}<br>{mathematics(statement)}" + (_line(why) if why else "")


def _verdict(verdict: str | None) -> str:
    sign, colour = VERDICTS[verdict]
    name = verdict or "not run"
    return f"<span style='color:{colour};white-space:nowrap'>{sign} {escape(name)}</span>"


def _code(text: str) -> str:
    return f"<code style='background:none'>{escape(text)}</code>"


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
