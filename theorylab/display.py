"""How results, the ledger, judgements and evidence show themselves as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from .evidence import INCONCLUSIVE, REFUTED, SUPPORTED
from .report.numbers import interval, region

if TYPE_CHECKING:
    import xarray as xr

    from .evidence import Evidence
    from .judge import Judgement
    from .result import Result


def result_text(result: Result) -> str:
    lines = [f"{result.name}: {result.title}", f"  {settings(result)}, {counts(result.verdicts)}"]
    lines += [f"  {judgement}" for judgement in result.judgements]
    lines += [f"  skipped      {cell}" for cell in skipped(result)]
    lines += [f"  failed       {cell}" for cell in failed(result)]
    return "\n".join([*lines, f"  data         {result.data!r}", f"  stored in    {result.folder}"])


def datasets_text(datasets: Mapping[str, xr.Dataset], absent: Mapping[str, str]) -> str:
    there = [f"{name} ({sizes(dataset)})" for name, dataset in datasets.items()]
    return "; ".join([*there, *(f"{name} (absent: {why})" for name, why in absent.items())])


def ledger_text(rows: Sequence[dict], remarks: Sequence[str] = ()) -> str:
    lines = [f"{len(rows)} claims: {counts(by_id(rows))}"]
    for document, of_it in by_document(rows).items():
        lines.append(f"  {document}: {len(of_it)} claims, {counts(by_id(of_it))}")
    return "\n".join([*lines, *(f"  {remark}" for remark in remarks)])


def judgement_text(judgement: Judgement) -> str:
    evidence, controls = judgement.evidence, judgement.controls
    parts = [f"{judgement.verdict:<12} {judgement.id}", evidence.get("level"), measured(evidence)]
    if controls:
        parts.append(f"controls refuted {refuted(controls)}")
    return "  ".join(filter(None, [*parts, judgement.why]))


def evidence_text(evidence: Evidence) -> str:
    from .judge import describe

    verdict, found = evidence.verdict(), describe(evidence)
    points = f"{evidence.points} points" + f", {evidence.excluded} excluded" * bool(
        evidence.excluded
    )
    return f"<Evidence {verdict} by {evidence.level}: {measured(found)}; {points}>"


def settings(result: Result) -> str:
    changed = [f"{k}={','.join(map(str, v))}" for k, v in result.overrides.items()]
    changed += [f"seed={result.seed}"] if result.seed else []
    return ", ".join([f"preset {result.preset}", *changed])


def counts(verdicts: Mapping[str, str | None]) -> str:
    given = list(verdicts.values())
    counts = {
        name: given.count(verdict)
        for verdict in (SUPPORTED, REFUTED, INCONCLUSIVE, None)
        for name in [verdict or "not run"]
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no claim"


def by_id(rows: Iterable[dict]) -> dict[str, str | None]:
    return {row["id"]: row["verdict"] for row in rows}


def by_document(rows: Iterable[dict]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["source"]["document"], []).append(row)
    return dict(sorted(found.items()))


def skipped(result: Result) -> list[str]:
    return sorted({cell for cells in result.skipped.values() for cell in cells})


def failed(result: Result) -> list[str]:
    return [f"{cell}: {text}" for cells in result.failed.values() for cell, text in cells.items()]


def sizes(dataset: xr.Dataset) -> str:
    return ", ".join(f"{name}: {size}" for name, size in dataset.sizes.items()) or "scalars"


def measured(found: Mapping) -> str:
    """The deciding point in words: estimate and interval, what is acceptable, and where."""
    if found.get("estimate") is None:
        return ""
    text = interval(*(found[key] for key in ("estimate", "lower", "upper")))
    if found.get("region"):
        text += f"; acceptable: {region(*found['region'])}"
    return text + (f"; at {found['where']}" if found.get("where") else "")


def refuted(controls: Sequence[Mapping]) -> str:
    return f"{sum(c['verdict'] == REFUTED for c in controls)}/{len(controls)}"
