"""What the commands print: verdict lines, progress and summaries, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .evidence import INCONCLUSIVE, REFUTED, SUPPORTED
from .judge import CONTRADICTED, FAILED, NOT_REACHED, OK, Judgement, chance_of_a_wrong_verdict
from .runner import Run
from .tables import number

COLOUR = {SUPPORTED: "green", REFUTED: "red", INCONCLUSIVE: "yellow"}
REMARK = {CONTRADICTED: "contradicts the expected", NOT_REACHED: "misses the expected"}


def console() -> Console:
    """Console for results; rich obeys NO_COLOR, and does without colours in a pipe."""
    plain = Console(highlight=False)
    # In a pipe there is no width to fit: a line stays a line.
    return plain if plain.is_terminal else Console(highlight=False, width=10_000)


def progress(out: Console) -> Progress:
    """A progress bar on a terminal or in a notebook; nothing in a pipe."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=out,
        transient=True,
        disable=not (out.is_terminal or out.is_jupyter),
    )


def print_run(out: Console, run: Run) -> None:
    """The verdicts of one experiment, and what was skipped or failed."""
    out.print(f"[bold]{escape(run.name)}[/bold]: {escape(run.experiment.title)}")
    for judgement in run.judgements:
        out.print(_line(judgement))
        if judgement.why:
            out.print(f"      {escape(judgement.why)}")
    for cell in sorted({cell for cells in run.skipped.values() for cell in cells}):
        out.print(f"  [yellow]skipped[/yellow]  {escape(cell)}")
    for name, cells in run.failed.items():
        for cell, outcome in cells.items():
            out.print(
                f"  [red]failed[/red]   {escape(name)}: {escape(cell)}: {escape(outcome.message)}"
            )
    out.print(f"  stored in {escape(str(run.folder))}\n")


def print_summary(out: Console, runs: Sequence[Run]) -> None:
    judgements = [j for run in runs for j in run.judgements]
    # Without data neither a claim nor its controls are judged; a check that failed is no excuse.
    without_data = [j for j in judgements if not j.evidence and j.status != FAILED]
    controls = [c for j in judgements if j not in without_data for c in j.controls]
    refuted = sum(c["verdict"] == REFUTED for c in controls)
    counts = {v: sum(j.verdict == v for j in judgements) for v in COLOUR}
    reached = sum(j.status == OK for j in judgements)
    out.print(
        f"{len(judgements)} claims: "
        + ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        + f"; {reached} as expected; {refuted} of {len(controls)} controls refuted; "
        + (f"{len(without_data)} without data; " if without_data else "")
        + f"chance that any verdict is wrong by bad luck: at most "
        f"{chance_of_a_wrong_verdict(judgements):.1g}"
    )
    for run in runs:
        for measurement, why in run.left_out.items():
            out.print(f"[yellow]left out[/yellow] {escape(run.name)}.{measurement}: {escape(why)}")


def _line(judgement: Judgement) -> str:
    evidence = judgement.evidence
    verdict = f"[{COLOUR[judgement.verdict]}]{judgement.verdict:<12}[/]"
    parts = [f"  {verdict} {escape(judgement.id)}"]
    if judgement.status in REMARK:
        parts.append(f"[bold red]{REMARK[judgement.status]} {judgement.expected}[/bold red]")
    elif judgement.status == FAILED:
        parts.append("[bold red]the check failed[/bold red]")
    if evidence:
        parts.append(evidence["level"])
    if evidence.get("estimate") is not None:
        interval = f"{number(evidence['lower'])}, {number(evidence['upper'])}"
        region = ", ".join(number(edge) for edge in evidence["region"])
        parts.append(escape(f"[{interval}] against [{region}]"))
    if evidence.get("points", 0) > 1:
        parts.append(f"{evidence['points']} points")
    if evidence.get("excluded"):
        parts.append(f"{evidence['excluded']} excluded")
    if judgement.controls:
        refuted = sum(c["verdict"] == REFUTED for c in judgement.controls)
        parts.append(f"controls refuted {refuted}/{len(judgement.controls)}")
    return "  ".join(parts)


def print_ledger(out: Console, ledger: Sequence[dict]) -> None:
    """The ledger as a table; as printed beside as corrected."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("source", "claim", "form", "verdict", "evidence", "controls", "preset"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "claim")
    for row in ledger:
        verdict = row["verdict"] or ("unreadable" if row["why"] else "not run")
        age = " (outdated)" if row["outdated"] else ""
        refuted = sum(c["verdict"] == REFUTED for c in row["controls"])
        table.add_row(
            row["source"]["document"],
            escape(row["id"]),
            row["form"],
            f"[{COLOUR.get(verdict, 'dim')}]{verdict}[/]{age}",
            row["level"] or "-",
            f"{refuted}/{len(row['controls'])}" if row["verdict"] else str(len(row["controls"])),
            row["preset"] or "-",
        )
    out.print(table)
