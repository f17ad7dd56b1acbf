"""The command `figures`: figures of stored results, drawn for a venue, or checked."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import command_options, selection
from .suggest import OneOf
from .venues import VENUES, WIDTHS


@click.command()
@command_options.experiments
@command_options.settings
@click.option(
    "--style",
    type=OneOf(list(VENUES)),
    default="icml2024",
    show_default=True,
    help="The venue's sizes.",
)
@click.option("--width", type=OneOf(WIDTHS), default="half", show_default=True)
@click.option("--format", "formats", default="pdf,svg,png", show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="figures",
    show_default=True,
    metavar="DIR",
    help="Where the figures go.",
)
@click.option("--check", is_flag=True, help="Write nothing; say which figures are out of date.")
def figures(experiments, style, width, formats, out, check, **given) -> None:
    """Draw the figures of stored results as PDF, SVG and PNG."""
    from . import figures as drawing
    from . import runner

    formats = formats.split(",")
    unknown = [form for form in formats if form not in drawing.FORMATS]
    if unknown:
        raise click.UsageError(
            f"--format {','.join(unknown)}: allowed are {', '.join(drawing.FORMATS)}"
        )
    settings = selection.read_settings(**given)
    runs = selection.stored(experiments, settings, given["paths"], runner.judge_stored)
    stale = drawing.draw_all(runs, style, width, formats, out, check=check, say=click.echo)
    sys.exit(1 if check and stale else 0)
