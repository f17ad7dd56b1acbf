"""The command `catalogue`: the documents, and what has become of each of their statements."""

from __future__ import annotations

from pathlib import Path

import click

from .documents import DOCUMENTS
from .suggest import OneOf


@click.command()
@click.argument("document", required=False, type=OneOf(DOCUMENTS), metavar="[DOCUMENT]")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Put the table between the marks <!-- documents --> of a Markdown file.",
)
def catalogue(document, into) -> None:
    """What the documents state, and what has become of it.

    Without a DOCUMENT a table of all; with one, its statements one by one: covered by which
    claims, not checkable for which reason, or open.

    \b
    Examples:
      python -m theorylab catalogue
      python -m theorylab catalogue 001
      python -m theorylab catalogue --into README.md
    """
    from .catalogue import load_catalogue

    entries = load_catalogue()
    if document and into:
        raise click.UsageError("--into takes the table of all documents: leave DOCUMENT out")
    if document:
        click.secho(f"{document}  {DOCUMENTS[document]}", bold=True)
        for entry in entries.values():
            if document in entry.documents:
                _print_entry(entry)
        return
    from . import document_table
    from .discovery import find, load

    table = document_table.rows(entries, [c for name in find() for c in load(name).claims])
    if into:
        changed = document_table.update(into, table)
        click.echo(f"{into}: {'the table is new' if changed else 'the table was up to date'}")
    else:
        click.echo(document_table.as_markdown(table), nl=False)


def _print_entry(entry) -> None:
    click.echo(f"\n{entry.id} ({entry.state})")
    click.echo(f"  {entry.title}")
    click.secho(f"  {entry.source}", dim=True)
    if entry.claims:
        click.echo(f"  claims: {', '.join(entry.claims)}")
    else:
        click.echo(f"  {entry.not_checkable or entry.open}")
