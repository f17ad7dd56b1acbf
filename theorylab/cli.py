"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from . import (
    __version__,
    catalogue_command,
    claims_command,
    command_options,
    compare_command,
    completion,
    data_command,
    figure_commands,
    listing,
    model_commands,
    new,
    report_commands,
    selection,
)
from .errors import Missing, StorageError, TheorylabError
from .suggest import did_you_mean


class Commands(click.Group):
    """A group that answers a mistyped command with the nearest one, in the order of use."""

    def list_commands(self, context):
        return list(self.commands)

    def resolve_command(self, context, arguments):
        name = arguments[0]
        if name not in self.commands:
            context.fail(f"there is no command {name!r}: {self._hint(name)}")
        return super().resolve_command(context, arguments)

    def _hint(self, name: str) -> str:
        from .discovery import find

        if name in find():
            return f"it is an experiment; theorylab run {name}"
        return did_you_mean(name, self.commands, f"there are {', '.join(self.commands)}")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="theorylab")
def cli() -> None:
    """Are the theorems about diffusion models true as stated, and what shows it?

    \b
    Examples:
      python -m theorylab list
      python -m theorylab run thin_shell --preset quick
      python -m theorylab show thin_shell
    """


cli.add_command(listing.list_)
cli.add_command(listing.show)


@cli.command()
@click.argument(
    "experiments",
    nargs=-1,
    required=True,
    metavar="EXPERIMENT...|all",
    shell_complete=completion.experiments,
)
@command_options.settings
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes on this machine.")
@click.option("--scheduler", metavar="ADDRESS", help="A dask scheduler, e.g. tcp://host:8786.")
@click.option("--why", is_flag=True, help="Say why each result was reused or computed.")
@click.option("--fresh", is_flag=True, help="Compute everything again.")
def run(experiments, jobs, scheduler, why, fresh, **given) -> None:
    """Measure, judge and store experiments; `all` runs every one.

    Exit status: 0 every expected verdict was reached, 1 one was contradicted, 2 wrong usage,
    3 one was not reached, 4 a cell failed or something could not be stored.

    \b
    Examples:
      python -m theorylab run all --preset quick --jobs 2
      python -m theorylab run thin_shell --set dim=2,512 --why
      python -m theorylab run noise_length --preset quick --path my
    """
    from . import engine, runner, screen
    from .judge import FAILED, NOT_REACHED, worst_status

    settings = selection.read_settings(fresh=fresh, **given)
    if jobs > 1 and not scheduler:
        engine.warm_up()
    runs = selection.prepare(experiments, settings, given["paths"])
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
    statuses = [j.status for r in runs for j in r.judgements if j.asked]
    if not statuses:
        where = f"in the {settings.preset} preset"
        click.echo(f"theorylab: nothing was checked: there is no claim to judge {where}", err=True)
        statuses = [NOT_REACHED]
    statuses += [FAILED for r in runs for cells in r.failed.values() if cells]
    sys.exit(worst_status(statuses))


@cli.command()
@command_options.experiments
@command_options.stored_settings
def judge(experiments, preset, **given) -> None:
    """Judge stored results again, measuring nothing.

    \b
    Examples:
      python -m theorylab judge
      python -m theorylab judge thin_shell --preset quick
    """
    from . import runner, screen
    from .judge import worst_status

    out = screen.console()
    runs = selection.stored(experiments, preset, runner.judge_stored, **given)
    for judged in runs:
        for measurement, reason in judged.why.items():
            out.print(f"[yellow]note[/yellow] {judged.name}.{measurement}: {reason}")
        screen.print_run(out, judged)
    screen.print_summary(out, runs)
    sys.exit(worst_status(j.status for r in runs for j in r.judgements))


for further in (
    figure_commands.figures,
    claims_command.claims,
    compare_command.compare,
    report_commands.report,
    catalogue_command.catalogue,
    data_command.data,
    new.new,
    model_commands.train,
    model_commands.diagnose,
    completion.completion,
):
    cli.add_command(further)


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
