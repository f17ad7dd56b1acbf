"""What a command was asked about: settings as typed, experiments by name, runs as stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .errors import StorageError

if TYPE_CHECKING:
    from .runner import Run, Settings


def read_settings(*, preset, assignments, seed, device, results, paths, fresh=False) -> Settings:
    """The options of ``command_options.settings`` as the runner's settings."""
    from .runner import Settings

    overrides = {}
    for assignment in assignments:
        key, sign, values = assignment.partition("=")
        if not sign or not key.strip() or not values.strip():
            raise click.UsageError(f"--set {assignment}: write KEY=VALUE or KEY=V1,V2")
        overrides[key.strip()] = tuple(value.strip() for value in values.split(","))
    return Settings(preset, overrides, seed, device, results, fresh)


def names(experiments: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """Names as given, or all of them for `all` or none; unknown names are refused."""
    from .discovery import find, reference

    if not experiments or "all" in experiments:
        return list(find(paths))
    return list(dict.fromkeys(reference(name, paths).name for name in experiments))


def prepare(experiments: Sequence[str], settings: Settings, paths: Sequence[Path]) -> list[Run]:
    """Planned runs of the experiments; overrides that none of them knows are refused."""
    from . import runner
    from .discovery import reference

    runs = [runner.prepare(reference(name, paths), settings) for name in names(experiments, paths)]
    runner.check_overrides([r.experiment for r in runs], settings.overrides)
    return runs


def stored(
    experiments: Sequence[str],
    settings: Settings,
    paths: Sequence[Path],
    load: Callable[[Run], None],
) -> list[Run]:
    """Runs filled from the store by ``load``; without names, of all that have been run."""
    runs = prepare(experiments, settings, paths)
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
