"""The command `figures`: figures of stored results, drawn for a venue, or checked."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from . import command_options, selection
from .errors import StorageError
from .suggest import OneOf
from .venues import FORMATS, VENUES, WIDTHS

#: Exit statuses beside 0: a figure is not as it should be; a figure could not be drawn.
NOT_FINE, FAILED = 1, 4


@click.command()
@command_options.experiments
@command_options.stored_settings
@click.option(
    "--style",
    "venue",
    type=OneOf(list(VENUES)),
    help="The venue's sizes. [default: icml2024; with --check as drawn]",
)
@click.option(
    "--width",
    type=OneOf(WIDTHS),
    help="One column, or half of the text; or all of it. [default: half; with --check as drawn]",
)
@click.option(
    "--format", "formats", metavar="LIST", help="[default: pdf,svg,png; with --check as drawn]"
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="figures",
    show_default=True,
    metavar="DIR",
    help="Where the figures are.",
)
@click.option("--check", is_flag=True, help="Write nothing; say which are out of date.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True)
def figures(experiments, venue, width, formats, out, check, jobs, preset, results, **given) -> None:
    """Draw the figures of stored results, with captions for a paper.

    Beside DIR/<figure>.pdf lie DIR/<figure>.caption.tex, to be read in by
    \\caption[]{\\input{...}}, DIR/captions.md, and DIR/figures.json, by which --check finds
    figures that are missing, stale (the data have changed) or different (they would show
    something else). A figure is compared by what is plotted, not by its bytes.

    \b
    Examples:
      python -m theorylab figures thin_shell --style neurips2024 --width full
      python -m theorylab figures --check
    """
    formats = _formats(formats, check)
    from .discovery import reference
    from .drawing import files

    settings = selection.read_settings(preset=preset or "default", results=results, **given)
    names = selection.names(experiments, given["paths"])
    if not check:
        files.writable(out)
    records = files.read_records(out)
    orders = []
    for name in names:
        known = {s: r for s, r in records.items() if r["experiment"] == name}
        chosen = settings if preset or settings.custom else _stored(settings, name, check, known)
        if experiments or (results / name).is_dir():
            orders.append(
                files.Order(
                    reference(name, given["paths"]),
                    chosen,
                    out,
                    venue or ("" if check else "icml2024"),
                    width or ("" if check else "half"),
                    formats,
                    known,
                    check,
                )
            )
    if not orders:
        raise StorageError(
            f"no results are stored in {results}; run something first: "
            "theorylab run all --preset quick"
        )
    states = []
    for outcome in files.carry_out(orders, jobs):
        states.append(outcome.state)
        click.echo(f"{outcome.state:<11} {outcome.stem}")
        for remark in outcome.remarks:
            click.echo(f"            {remark}")
        if outcome.record:
            records[outcome.stem] = outcome.record
    if not check:
        files.write_records(out, records)
    if "failed" in states:
        sys.exit(FAILED)
    if check and {"missing", "stale", "different"} & set(states):
        sys.exit(NOT_FINE)


def _formats(given: str | None, check: bool) -> tuple[str, ...]:
    if given is None:
        return () if check else FORMATS
    formats = tuple(dict.fromkeys(part.strip() for part in given.split(",")))
    unknown = [form for form in formats if form not in FORMATS]
    if unknown:
        raise click.UsageError(f"--format {','.join(unknown)}: allowed are {', '.join(FORMATS)}")
    return formats


def _stored(settings, name: str, check: bool, known: dict):
    """Settings as the figures were drawn with; else the most thorough preset that is stored."""
    drawn = [record["settings"] for record in known.values()] if check else []
    if drawn:
        first = drawn[0]
        overrides = {key: tuple(values) for key, values in first["overrides"].items()}
        return replace(settings, preset=first["preset"], overrides=overrides, seed=first["seed"])
    return replace(settings, preset=selection.most_thorough(settings, name) or settings.preset)
