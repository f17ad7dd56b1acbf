"""The commands `list` and `show`: what there is, what is claimed, and what was found."""

from __future__ import annotations

import click

from . import command_options


@click.command("list")
@command_options.path
def list_(paths) -> None:
    """List the experiments with their titles."""
    from .discovery import find, title

    found = find(paths)
    width = max(map(len, found), default=0)
    for name, path in found.items():
        click.echo(f"{name:<{width}}  {title(path)}")


@click.command()
@click.argument("experiment")
@command_options.path
def show(experiment, paths) -> None:
    """Show an experiment: what it measures, and its claims with their controls."""
    from .discovery import load

    loaded = load(experiment, paths)
    click.echo(f"{loaded.name}: {loaded.title}")
    for measurement in loaded.measurements.values():
        click.echo(f"\nmeasurement {measurement.name}")
        for axis, values in measurement.grid.items():
            click.echo(f"  axis {axis}: {', '.join(map(str, values))}")
        for preset, values in measurement.presets.items():
            inside = ", ".join(f"{k}={v}" for k, v in values.items())
            click.echo(f"  {preset}: {inside or 'as the axes say'}")
    for claim in loaded.claims:
        click.echo(f"\nclaim {claim.id} ({claim.form}; expected: {claim.expected or 'open'})")
        click.echo(f"  {claim.statement}")
        click.echo(f"  source: {claim.source}")
        if claim.conditions:
            click.echo(f"  conditions: {claim.conditions}")
        if claim.twin:
            click.echo(f"  twin: {claim.twin.id}")
        for control in claim.controls:
            click.echo(f"  control: {control.statement}")
