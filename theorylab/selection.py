"""What a command was asked about: settings as typed, experiments by name, runs as stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .command_options import PRESETS
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
    runner.check_overrides(runs, settings.overrides)
    return runs


def most_thorough(settings: Settings, name: str) -> str | None:
    """The largest preset of which a run of the experiment is stored."""
    for preset in reversed(PRESETS):
        if (settings.results / name / f"latest-{preset}").is_file():
            return preset
    return None


def stored(
    experiments: Sequence[str], preset: str | None, load: Callable[[Run], None], **given
) -> list[Run]:
    """Runs filled from the store by ``load``; without names, of all that are stored.

    Args:
        experiments: as typed.
        preset: whose results; None: of each experiment the most thorough ones that are stored.
        load: of the runner.
        **given: the other options of ``command_options.stored_settings``.
    """
    from . import runner
    from .discovery import reference

    settings = read_settings(preset=preset or "default", **given)
    planned, runs = [], []
    for name in names(experiments, given["paths"]):
        if not experiments and not (settings.results / name).is_dir():
            continue  # planning takes a moment: it reads the code that each number depends on
        found = preset or (None if settings.custom else most_thorough(settings, name))
        chosen = replace(settings, preset=found or settings.preset)
        prepared = runner.prepare(reference(name, given["paths"]), chosen)
        planned.append(prepared)
        latest = prepared.folder.parent / f"latest-{chosen.preset}"
        known = (prepared.folder / "run.json").is_file() or latest.is_file()
        if experiments or known:
            runs.append(prepared)
    runner.check_overrides(planned, settings.overrides)
    if not runs:
        raise StorageError(
            f"no results {f'of the preset {preset} ' if preset else ''}are stored in "
            f"{settings.results}; run something first: theorylab run all --preset "
            f"{preset or 'quick'} (experiments of your own need --path DIR)"
        )
    for prepared in runs:
        load(prepared)
    return runs
