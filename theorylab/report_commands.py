"""The command about the page for readers: `report`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import command_options
from .checks_version import mend

#: Exit status where an experiment could not be shown; the page holds the others.
LEFT_OUT = 4


@click.command()
@command_options.experiments
@command_options.stored_preset
@command_options.results
@command_options.path
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that draw."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="report.html",
    show_default=True,
    metavar="FILE",
    help="Where the page goes.",
)
def report(experiments, preset, results, paths, jobs, out) -> None:
    """One HTML page of what is stored: errata, claims, intervals, figures, provenance.

    The page needs no network. Without names it shows every experiment that has been run. Exit
    status: 4 where one is left out, being damaged; all others are shown.

    Example: python -m theorylab report thin_shell --out thin_shell.html
    """
    from . import screen
    from .report import gather, page

    page.writable(out)
    names = () if "all" in experiments else experiments
    with screen.progress(screen.console()) as bar:
        drawing = bar.add_task("drawing", total=None)
        sections, problems = gather.gather(
            names,
            results,
            preset,
            paths,
            jobs=jobs,
            on_section=lambda done, total: bar.update(drawing, completed=done, total=total),
        )
    size = page.write(out, sections, problems)
    for problem in problems:
        click.echo(f"theorylab: left out of the report: {problem}", err=True)
    for section in sections:
        for remark in section.remarks:
            click.echo(f"theorylab: {section.name}: {remark}", err=True)
    stale = [section.name for section in sections if section.stale]
    if stale:
        click.echo(
            f"theorylab: measured by other code than there is now: {', '.join(stale)}; "
            "the page says so; `theorylab run` brings them up to date",
            err=True,
        )
    outdated = [section for section in sections if section.outdated]
    for preset in dict.fromkeys(section.preset for section in outdated):
        names = [section.name for section in outdated if section.preset == preset]
        click.echo(
            f"theorylab: judged by other checks than there are now: {', '.join(names)}; "
            f"the page says so; {mend(names, preset)} brings them up to date",
            err=True,
        )
    claims = sum(len(section.rows) for section in sections)
    click.echo(
        f"{out}: {claims} claims of {len(sections)} experiments, {size / 1e6:.1f} MB; "
        "open it in a browser"
    )
    if problems:
        sys.exit(LEFT_OUT)
