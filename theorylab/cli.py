"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from . import __version__, command_options, data_command, listing, model_commands, new
from .errors import Missing, StorageError, TheorylabError


class Commands(click.Group):
    """A group that answers a mistyped command with the nearest one, in the order of use."""

    def list_commands(self, context):
        return list(self.commands)

    def resolve_command(self, context, arguments):
        name = arguments[0]
        if name not in self.commands:
            close = difflib.get_close_matches(name, self.commands, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(self.commands)}"
            context.fail(f"there is no command {name!r}: {hint}")
        return super().resolve_command(context, arguments)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="theorylab")
def cli() -> None:
    """Are the theorems about diffusion models true as stated, and what shows it?

    Example: python -m theorylab run thin_shell --preset quick
    """


cli.add_command(listing.list_)
cli.add_command(listing.show)


@cli.command()
@click.argument("experiments", nargs=-1, required=True, metavar="EXPERIMENT...|all")
@command_options.settings
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes on this machine.")
@click.option("--scheduler", metavar="ADDRESS", help="A dask scheduler, e.g. tcp://host:8786.")
@click.option("--why", is_flag=True, help="Say why each result was reused or computed.")
@click.option("--fresh", is_flag=True, help="Compute everything again.")
def run(experiments, jobs, scheduler, why, fresh, **given) -> None:
    """Measure, judge and store experiments; `all` runs every one.

    Exit status: 0 every expected verdict was reached, 1 one was contradicted, 2 wrong usage,
    3 one was not reached, 4 a cell failed or something could not be stored.
    """
    from . import engine, runner, screen
    from .judge import FAILED, NOT_REACHED, worst_status

    settings = _read_settings(fresh=fresh, **given)
    runs = _prepare(experiments, settings, given["paths"])
    out = screen.console()
    with engine.engine(jobs, scheduler) as chosen, screen.progress(out) as bar:
        progress = bar.add_task("measuring", total=None)

        def on_cell(task, outcome):
            bar.advance(progress)
            if not out.is_terminal:
                out.print(f"{outcome.status:<8} {outcome.seconds:6.1f} s  {task}", markup=False)

        runner.execute(
            runs,
            chosen,
            on_plan=lambda cells: bar.update(progress, total=cells),
            on_cell=on_cell,
            on_judged=lambda finished: screen.print_run(out, finished),
        )
    if why:
        for finished in runs:
            for measurement, reason in finished.why.items():
                click.echo(f"{finished.name}.{measurement}: {reason}")
    screen.print_summary(out, runs)
    statuses = [j.status for r in runs for j in r.judgements]
    if not statuses:
        click.echo("theorylab: nothing was checked: there is no claim to judge", err=True)
        statuses = [NOT_REACHED]
    statuses += [FAILED for r in runs for cells in r.failed.values() if cells]
    sys.exit(worst_status(statuses))


@cli.command()
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT...]")
@command_options.settings
def judge(experiments, **given) -> None:
    """Judge stored results again, measuring nothing."""
    from . import runner, screen
    from .judge import worst_status

    settings = _read_settings(**given)
    out = screen.console()
    runs = _stored(experiments, settings, given["paths"], runner.judge_stored)
    for judged in runs:
        for measurement, reason in judged.why.items():
            out.print(f"[yellow]note[/yellow] {judged.name}.{measurement}: {reason}")
        screen.print_run(out, judged)
    screen.print_summary(out, runs)
    sys.exit(worst_status(j.status for r in runs for j in r.judgements))


@cli.command()
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT...]")
@command_options.settings
@click.option("--style", default="icml2024", show_default=True, help="The venue's sizes.")
@click.option("--width", default="half", show_default=True, help="half or full")
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
    runs = _stored(experiments, _read_settings(**given), given["paths"], runner.judge_stored)
    stale = drawing.draw_all(runs, style, width, formats, out, check=check, say=click.echo)
    sys.exit(1 if check and stale else 0)


@cli.command()
@click.argument("experiments", nargs=-1, metavar="[EXPERIMENT...]")
@command_options.stored_preset
@command_options.results
@command_options.path
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--latex", "as_latex", is_flag=True, help="For papers: a booktabs longtable.")
def claims(experiments, preset, results, paths, as_json, as_latex) -> None:
    """The ledger: every claim, as printed and corrected, with its latest verdict."""
    from . import ledger

    rows = ledger.rows(_names(experiments, paths), results, preset, paths)
    if as_json:
        click.echo(ledger.as_json(rows))
    elif as_latex:
        click.echo(ledger.as_latex(rows))
    else:
        from . import screen

        screen.print_ledger(screen.console(), rows)
        click.echo(
            f"\n{len(rows)} claims; {len(ledger.not_checkable())} entries of the catalogue cannot "
            f"be checked (reasons: --json); chance that any verdict is wrong by bad luck: at most "
            f"{ledger.chance_of_a_wrong_verdict(rows):.1g}"
        )


for further in (data_command.data, new.new, model_commands.train, model_commands.diagnose):
    cli.add_command(further)


def _read_settings(*, preset, assignments, seed, device, results, paths, fresh=False):
    from .runner import Settings

    overrides = {}
    for assignment in assignments:
        key, sign, values = assignment.partition("=")
        if not sign or not key.strip() or not values.strip():
            raise click.UsageError(f"--set {assignment}: write KEY=VALUE or KEY=V1,V2")
        overrides[key.strip()] = tuple(value.strip() for value in values.split(","))
    return Settings(preset, overrides, seed, device, results, fresh)


def _names(experiments, paths) -> list[str]:
    """Names as given, or all of them for `all` or none; unknown names are refused."""
    from .discovery import find, reference

    if not experiments or "all" in experiments:
        return list(find(paths))
    return list(dict.fromkeys(reference(name, paths).name for name in experiments))


def _prepare(experiments, settings, paths):
    from . import runner
    from .discovery import reference

    runs = [runner.prepare(reference(name, paths), settings) for name in _names(experiments, paths)]
    runner.check_overrides([r.experiment for r in runs], settings.overrides)
    return runs


def _stored(experiments, settings, paths, load):
    """Runs filled from the store by ``load``; without names, of all that have been run."""
    runs = _prepare(experiments, settings, paths)
    if not experiments:
        runs = [r for r in runs if r.folder.parent.is_dir()]
        if not runs:
            raise StorageError(
                f"no results are stored in {settings.results}; run something first: "
                "theorylab run all --preset quick"
            )
    for prepared in runs:
        load(prepared)
    return runs


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: errors meant for a person are printed as they are, without a traceback."""
    # Read before numpy or torch start; parallelism is over cells, in processes.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    try:
        cli(arguments, prog_name="theorylab")
    except (StorageError, Missing) as error:
        click.echo(f"theorylab: {error}", err=True)
        sys.exit(4)
    except TheorylabError as error:
        click.echo(f"theorylab: {error}", err=True)
        sys.exit(2)
