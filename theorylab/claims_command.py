"""The command `claims`: the ledger on the terminal, or as a table for papers and machines."""

from __future__ import annotations

import sys

import click

from . import command_options

#: Exit status where some stored verdicts could not be read; the others are shown.
DAMAGED = 4

FORMATS = {
    "json": "For machines: everything, with the catalogue's entries that cannot be checked.",
    "csv": "For spreadsheets and data frames: one line a claim.",
    "latex": "For papers: booktabs tables, one a document, and the errata.",
}


def _formats(function):
    for name, text in reversed(FORMATS.items()):
        function = click.option(f"--{name}", f"as_{name}", is_flag=True, help=text)(function)
    return function


@click.command()
@command_options.experiments
@command_options.stored_preset
@command_options.results
@command_options.path
@_formats
def claims(experiments, preset, results, paths, **chosen) -> None:
    """The ledger: every claim, as printed and corrected, with its latest verdict.

    Verdicts that other checks made than there are now are called outdated. Exit status: 4 where
    stored verdicts are damaged; all others are shown.

    Example: python -m theorylab claims thin_shell --latex > claims.tex
    """
    wanted = [name for name in FORMATS if chosen[f"as_{name}"]]
    if len(wanted) > 1:
        given = " and ".join(f"--{name}" for name in wanted)
        raise click.UsageError(f"{given}: one format at a time")
    from . import ledger

    names = () if "all" in experiments else experiments
    found = ledger.claims(*names, preset=preset, results=results, path=paths)
    if wanted:
        click.echo(getattr(found, f"to_{wanted[0]}")(), nl=wanted == ["json"])
    else:
        from . import screen

        screen.print_ledger(screen.console(), found)
        click.echo(
            f"\n{len(found)} claims; {len(ledger.not_checkable())} entries of the catalogue "
            f"cannot be checked (reasons: --json); chance that any verdict is wrong by bad luck: "
            f"at most {ledger.chance_of_a_wrong_verdict(found):.1g}"
        )
    if found.outdated():
        click.echo(f"theorylab: {found.outdated()}", err=True)
    for problem in found.problems:
        click.echo(f"theorylab: verdicts that cannot be read: {problem}", err=True)
    if found.problems:
        sys.exit(DAMAGED)
