"""The commands `list` and `show`: what there is, what is claimed, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from . import command_options, completion
from .discovery import find
from .documents import DOCUMENTS
from .errors import UsageError
from .latest import summary
from .outline import documents, may_claim, title
from .suggest import did_you_mean

#: Heading of experiments that cite none of the documents; sorted behind their numbers.
OTHER = "Other sources"


@click.command("list")
@click.argument("words", nargs=-1, metavar="[WORD...]")
@command_options.results
@command_options.path
def list_(words, results, paths) -> None:
    """List the experiments by document, with their latest verdicts.

    With WORDs only those that have each of them in name, title, subject or document.

    \b
    Examples:
      python -m theorylab list
      python -m theorylab list latent
      python -m theorylab list 004
    """
    files = find(paths)
    groups = _by_document(words, files)
    if not groups:
        raise UsageError(
            f"no experiment has {' and '.join(map(repr, words))} in its name, title, subject or "
            "document; without a word, `theorylab list` shows all"
        )
    names = [name for group in groups.values() for name, _ in group]
    width = max(map(len, names))
    found = {name: summary(results / name, files[name]) for name in names}
    for heading, group in groups.items():
        click.secho(heading, bold=True)
        for name, shown in group:
            click.echo(f"  {name:<{width}}  {shown}")
            if any(found.values()):
                click.secho(f"  {'':<{width}}  {found[name] or 'not run'}", dim=True)
        click.echo()
    if not any(found.values()):
        click.echo(
            f"Nothing is stored in {results} yet: python -m theorylab run all --preset quick"
        )


def _by_document(words: Sequence[str], files: Mapping) -> dict[str, list[tuple[str, str]]]:
    """Name and title of the experiments, below the document that most of their sources name."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, path in files.items():
        numbers = documents(path)
        heading = f"{numbers[0]}  {DOCUMENTS[numbers[0]]}" if numbers else OTHER
        try:
            shown = title(path)
        except UsageError as error:  # a file that is being written must not hide the others
            shown = f"({error})"
        if len(numbers) > 1:
            shown += f" (also {', '.join(numbers[1:])})"
        searched = " ".join([name, shown, path.parent.name, heading]).lower()
        if all(word.lower() in searched for word in words):
            groups.setdefault(heading, []).append((name, shown))
    return {heading: groups[heading] for heading in sorted(groups)}


@click.command()
@click.argument("name", metavar="EXPERIMENT|CLAIM", shell_complete=completion.experiment_or_claim)
@command_options.path
def show(name, paths) -> None:
    """Show what an experiment measures and claims, or one claim.

    \b
    Examples:
      python -m theorylab show thin_shell
      python -m theorylab show thin-shell-constant-measured-as-stated
    """
    from .discovery import load

    if "-" in name:  # an experiment's name is an identifier
        experiment, claims = _claim(name, paths)
        click.echo(f"{experiment.name}: {experiment.title}")
    else:
        experiment = load(name, paths)
        claims = experiment.claims
        click.echo(f"{experiment.name}: {experiment.title}")
        _show_measurements(experiment)
    for claim in claims:
        _show_claim(experiment, claim)


def _claim(id: str, paths: Sequence[Path]):
    """The experiment that makes the claim, and the claim with its twin."""
    from .discovery import load

    files = find(paths)
    # The text of most ids stands in their file; only ids that are put together need every file.
    likely = sorted(files, key=lambda name: not may_claim(files[name], id))
    known = []
    for name in likely:
        experiment = load(name, paths)
        found = [claim for claim in experiment.claims if claim.id == id]
        if found:
            twins = [c for c in experiment.claims if c is found[0].twin or c.twin is found[0]]
            return experiment, found + twins
        known += [claim.id for claim in experiment.claims]
    hint = did_you_mean(id, known, "`theorylab claims` lists all")
    raise UsageError(f"there is no claim {id!r}: {hint}")


def _show_measurements(experiment) -> None:
    for measurement in experiment.measurements.values():
        click.echo(f"\nmeasurement {measurement.name}")
        for axis, values in measurement.grid.items():
            click.echo(f"  axis {axis}: {', '.join(map(str, values))}")
        for preset in command_options.PRESETS:
            values = measurement.presets.get(preset)
            if measurement.left_out(preset):
                click.echo(f"  {preset}: left out")
            elif values is not None:
                inside = ", ".join(f"{k}={v}" for k, v in values.items())
                click.echo(f"  {preset}: {inside or 'as the axes say'}")


def _show_claim(experiment, claim) -> None:
    click.echo(f"\nclaim {claim.id} ({claim.form}; expected: {claim.expected or 'open'})")
    click.echo(f"  {claim.statement}")
    click.echo(f"  source: {claim.source}")
    if claim.conditions:
        click.echo(f"  conditions: {claim.conditions}")
    needed = [experiment.measurements[name] for name in experiment.datasets_of(claim.check)]
    judged = [p for p in command_options.PRESETS if not any(m.left_out(p) for m in needed)]
    if len(judged) < len(command_options.PRESETS):
        click.echo(f"  judged in the preset: {', '.join(judged) or 'none'}")
    if claim.twin:
        click.echo(f"  twin: {claim.twin.id}")
    for control in claim.controls:
        click.echo(f"  control: {control.statement}")
