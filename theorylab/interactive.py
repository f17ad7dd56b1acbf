"""theorylab from Python and notebooks: run an experiment, or load what is stored of it.

    result = theorylab.run("thin_shell", preset="quick")
    result.data.norms, result.verdicts, result.figure("width")

Nothing is printed, and no setting of the process is changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import engine, runner
from .discovery import reference
from .errors import UsageError
from .measurement import PRESETS
from .result import Result, result_of

Paths = str | Path | Iterable[str | Path]


def run(
    experiment: str,
    preset: str = "default",
    *,
    set: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "cpu",
    results: str | Path = "results",
    jobs: int = 1,
    scheduler: str | None = None,
    path: Paths = (),
    fresh: bool = False,
    progress: bool = False,
) -> Result:
    """Measure, judge and store an experiment, reusing what is stored, and return its result.

    Args:
        experiment: its name; see ``theorylab list``.
        preset: ``"quick"``, ``"default"`` or ``"paper"``.
        set: other values for axes or parameters, e.g. ``{"dim": [2, 512], "samples": 1000}``.
        seed: of all random numbers.
        device: ``"cpu"`` or ``"cuda"``.
        results: folder in which everything is stored.
        jobs: processes on this machine. A script that asks for more than one must do so below
            ``if __name__ == "__main__":``, as everywhere in Python.
        scheduler: address of a dask scheduler, instead of ``jobs``.
        path: folders or files with your own experiments.
        fresh: compute everything again.
        progress: show a bar.

    Raises:
        UsageError: something given is not allowed.
        StorageError: something cannot be written or read.

    A cell that fails costs nothing else: it is in ``Result.failed``, and a warning says so.
    """
    prepared = _prepare(experiment, preset, set, seed, device, results, path, fresh)
    with engine.engine(jobs, scheduler) as chosen, _bar(progress) as callbacks:
        runner.execute([prepared], chosen, **callbacks)
    found = result_of(prepared)
    for name, cells in found.failed.items():
        cell, message = next(iter(cells.items()))
        more = f" (and {len(cells) - 1} more)" if len(cells) > 1 else ""
        warnings.warn(f"{found.name}.{name}: {cell} failed: {message}{more}", stacklevel=2)
    return found


def load_result(
    experiment: str,
    preset: str | None = None,
    *,
    set: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "cpu",
    results: str | Path = "results",
    path: Paths = (),
) -> Result:
    """The stored result of an experiment, judged by today's checks; measures and writes nothing.

    Args:
        preset: None: the most thorough one that is stored.

    The other arguments are those of :func:`run`.

    Raises:
        UsageError: something given is not allowed.
        StorageError: there is no such stored run, or a file of it is damaged.
    """
    if preset is None:
        folder = Path(results) / reference(experiment, _paths(path)).name
        stored = [name for name in PRESETS if (folder / f"latest-{name}").is_file()]
        preset = stored[-1] if stored and not set and not seed else "default"
    prepared = _prepare(experiment, preset, set, seed, device, results, path, False)
    runner.load_stored(prepared)
    runner.judge_loaded(prepared)
    return result_of(prepared)


def _prepare(experiment, preset, overrides, seed, device, results, path, fresh) -> runner.Run:
    overrides = _texts(overrides or {})
    settings = runner.Settings(preset, overrides, seed, device, Path(results), fresh)
    prepared = runner.prepare(reference(experiment, _paths(path)), settings)
    runner.check_overrides([prepared], settings.overrides)
    return prepared


def _paths(path: Paths) -> tuple[Path, ...]:
    return (Path(path),) if isinstance(path, (str, Path)) else tuple(map(Path, path))


def _texts(overrides: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Overrides as the command line has them: text, which is cast to the type it replaces."""
    texts = {}
    for key, values in overrides.items():
        values = values.tolist() if hasattr(values, "tolist") else values
        if isinstance(values, (str, int, float)):
            values = [values]
        try:
            texts[key] = tuple(map(str, values))
        except TypeError:
            raise UsageError(
                f"set={{{key!r}: {values!r}}}: give a value or a list of values"
            ) from None
        if not texts[key]:
            raise UsageError(f"set={{{key!r}: {values!r}}}: there is no value in it")
    return texts


@contextmanager
def _bar(wanted: bool) -> Iterator[dict]:
    """Callbacks of :func:`theorylab.runner.execute` that move a bar, or none."""
    if not wanted:
        yield {}
        return
    from rich.console import Console

    from . import screen

    with screen.progress(Console()) as bar:
        task = bar.add_task("measuring", total=None)
        yield {
            "on_plan": lambda cells: bar.update(task, total=cells),
            "on_cell": lambda *_: bar.advance(task),
        }
