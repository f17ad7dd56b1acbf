"""The command `compare`: do two stored runs say the same?"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import command_options

SAME, DIFFERS, REFUSED = 0, 1, 2


@click.command()
@click.argument("left", type=click.Path(path_type=Path), metavar="RUN")
@click.argument("right", type=click.Path(path_type=Path), metavar="RUN")
@command_options.stored_preset
@click.option("--all", "every", is_flag=True, help="Show the claims that agree, too.")
def compare(left, right, preset, every) -> None:
    """Compare two stored runs: exactly where their data must be equal, else by the claims.

    RUN is the folder of a run (results/EXPERIMENT/PRESET-KEY), of an experiment (its latest run),
    or of all results (every experiment that both hold). Data of the same key, measured on the same
    kind of machine, must be equal; other seeds, presets and machines must reach the same verdicts.
    Runs whose claims, checks, measuring code or grids differ are not compared, with the reason.

    Exit status: 0 they are the same, 1 they differ, 2 wrong usage or not to be compared.

    Example: python -m theorylab compare results /mnt/other/results
    """
    from . import comparison
    from .errors import StorageError, UsageError

    try:
        pairs = comparison.compare(left, right, preset)
        alone = comparison.only_in_one(left, right)
    except StorageError as error:
        raise UsageError(str(error)) from None
    for pair in pairs:
        _show(pair, every)
    for folder, names in zip((left, right), alone, strict=True):
        if names:
            click.echo(f"only in {folder}: {', '.join(names)}")
    found = [pair.status for pair in pairs]
    if len(found) > 1:
        kinds = (comparison.SAME, comparison.DIFFERS, comparison.REFUSED)
        counts = ", ".join(f"{found.count(kind)} {kind}" for kind in kinds)
        click.echo(f"{len(found)} experiments: {counts}")
    refused = comparison.REFUSED in found
    sys.exit(REFUSED if refused else DIFFERS if comparison.DIFFERS in found else SAME)


def _show(pair, every: bool) -> None:
    click.echo(f"{pair.status:<8} {pair.experiment}")
    if pair.settings[0] != pair.settings[1]:
        click.echo(f"    {pair.settings[0]} | {pair.settings[1]}")
    for reason in pair.reasons:
        click.echo(f"    {reason}")
    for name, state in pair.data.items():
        if every or not state.startswith("identical"):
            click.echo(f"    data {name}: {state}")
    for claim in pair.claims:
        if not claim.agree:
            click.echo(f"    {claim.id}: {claim.verdicts[0]} | {claim.verdicts[1]}  {claim.text}")
        elif every:
            click.echo(f"    {claim.id}: {claim.verdicts[0]} in both  {claim.text}")
    if pair.claims:
        agree = sum(claim.agree for claim in pair.claims)
        numbers = [claim.overlap for claim in pair.claims if claim.overlap is not None]
        click.echo(
            f"    {agree} of {len(pair.claims)} verdicts agree; one estimate lies in the other's "
            f"interval for {sum(numbers)} of {len(numbers)} claims"
        )
