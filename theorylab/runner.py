"""Run experiments: plan the cells, measure what is not stored yet, combine, judge.

What is reused is decided by the keys in ``keys.py``; judging again never measures again.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from . import checks_version, keys, provenance, store
from .definitions import definitions
from .discovery import Reference, load_reference
from .engine import Outcome, Task, one_thread
from .errors import StorageError, UsageError
from .experiment import Experiment
from .judge import Judgement, judge
from .measurement import PRESETS, Plan
from .suggest import did_you_mean

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Settings:
    """What a user chose for a run."""

    preset: str = "default"
    overrides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seed: int = 0
    device: str = "cpu"
    results: Path = Path("results")
    fresh: bool = False

    def __post_init__(self):
        if self.preset not in PRESETS:
            raise UsageError(f"unknown preset {self.preset!r}; there are {', '.join(PRESETS)}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise UsageError(f"seed {self.seed!r}: it must be a whole number, 0 or more")
        if self.device not in DEVICES:
            raise UsageError(f"device {self.device!r}: there are {', '.join(DEVICES)}")
        if self.device == "cuda":
            import torch

            if not torch.cuda.is_available():
                raise UsageError("device cuda: this machine has no CUDA device; use cpu")

    @property
    def custom(self) -> bool:
        """Whether the run departs from its preset; such runs never become the latest ones."""
        return bool(self.overrides) or self.seed != 0


@dataclass
class Run:
    """One experiment under one choice of settings, on its way through the three stages."""

    experiment: Experiment
    reference: Reference
    settings: Settings
    plans: dict[str, Plan]
    key_parts: dict[str, dict]
    folder: Path
    reused: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, xr.Dataset] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    failed: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    judgements: list[Judgement] = field(default_factory=list)
    rejudged: bool = True

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def left_out(self) -> dict[str, str]:
        """Why the preset does not measure them, by the names of such measurements."""
        preset = self.settings.preset
        found = {name: m.left_out(preset) for name, m in self.experiment.measurements.items()}
        return {name: why for name, why in found.items() if why}

    def data_key(self, measurement: str) -> str:
        return keys.digest(self.key_parts[measurement])

    def dataset_path(self, measurement: str) -> Path:
        return self.folder / f"{measurement}.nc"

    def shard_path(self, measurement: str, axes: Mapping[str, Any]) -> Path:
        tag = keys.digest({"data_key": self.data_key(measurement), "cell": dict(axes)})[:16]
        return self.folder / "shards" / f"{measurement}-{tag}.nc"


def prepare(reference: Reference, settings: Settings) -> Run:
    """Plan one experiment: its cells and keys. Measures nothing and writes nothing."""
    experiment = load_reference(reference)
    plans = {
        name: measurement.plan(settings.preset, _applicable(settings.overrides, measurement))
        for name, measurement in experiment.measurements.items()
        if not measurement.left_out(settings.preset)
    }
    parts = {
        name: keys.data_key_parts(experiment.name, plan, settings.seed, settings.device)
        for name, plan in plans.items()
    }
    label = "custom" if settings.custom else settings.preset
    key = keys.digest({name: keys.digest(part) for name, part in parts.items()})[:12]
    folder = settings.results / experiment.name / f"{label}-{key}"
    return Run(experiment, reference, settings, plans, parts, folder)


def check_overrides(runs: Sequence[Run], overrides: Mapping[str, Any]) -> None:
    """UsageError when a ``--set`` key is neither axis nor parameter of anything to be measured."""
    allowed: dict[str, None] = {}
    elsewhere: dict[str, str] = {}
    for run in runs:
        for name, measurement in run.experiment.measurements.items():
            for own in (*measurement.grid, *measurement.arguments()):
                keys_of_it = dict.fromkeys((own, f"{name}.{own}"))
                if name in run.plans:
                    allowed |= keys_of_it
                else:
                    elsewhere |= dict.fromkeys(keys_of_it, f"{name} is {run.left_out[name]}")
    unknown = [key for key in overrides if key not in allowed]
    if unknown and unknown[0] in elsewhere:
        raise UsageError(f"--set {unknown[0]}: {elsewhere[unknown[0]]}")
    if unknown:
        short = ", ".join(name for name in allowed if "." not in name) or "none"
        hint = did_you_mean(unknown[0], allowed)
        raise UsageError(
            f"--set {', '.join(unknown)}: no such axis or parameter"
            f"{hint and f', {hint}'}; there are {short}"
        )


def execute(
    runs: Sequence[Run],
    engine: Callable,
    *,
    on_cell: Callable[[Task, Outcome], None] = lambda task, outcome: None,
    on_plan: Callable[[int], None] = lambda cells: None,
    on_judged: Callable[[Run], None] = lambda run: None,
) -> None:
    """Measure, combine and judge; each experiment is judged as soon as its last cell is done.

    Args:
        runs: from :func:`prepare`; filled in place.
        engine: from :func:`theorylab.engine.engine`.
        on_cell, on_plan, on_judged: called after each cell, with the number of cells to be
            computed, and after each experiment is judged.

    Raises:
        StorageError: something cannot be written, or another process is computing the same run.
    """
    with ExitStack() as locks:
        pending: dict[str, int] = {}
        tasks: list[Task] = []
        for run in runs:
            locks.enter_context(store.locked(run.folder))
            waiting = _waiting_tasks(run)
            pending[run.name] = len(waiting)
            tasks += waiting
        on_plan(len(tasks))
        by_name = {run.name: run for run in runs}
        for run in runs:
            if not pending[run.name]:
                _finish(run, on_judged)
        for task, outcome in engine(tasks):
            run = by_name[task.reference.name]
            _record(run, task, outcome)
            on_cell(task, outcome)
            pending[run.name] -= 1
            if not pending[run.name]:
                _finish(run, on_judged)


def load_stored(run: Run) -> None:
    """Fill a run's datasets from what is stored, without measuring anything.

    The run's own folder is used; where the code that measures has changed since, the latest
    stored run of the preset, and ``run.why`` says so.

    Raises:
        StorageError: there is no stored run, or a file of it is damaged.
    """
    if not (run.folder / "run.json").is_file():
        latest = run.folder.parent / f"latest-{run.settings.preset}"
        if run.settings.custom or not latest.is_file():
            raise StorageError(
                f"{run.name} has no stored run for these settings (preset "
                f"{run.settings.preset!r}, results in {run.settings.results}); run it first: "
                f"theorylab run {run.name} --preset {run.settings.preset}"
            )
        run.folder = run.folder.parent / latest.read_text().strip()
    record = store.read_json(run.folder / "run.json")["measurements"]
    for name in run.plans:
        known = record.get(name, {})
        stored_key = known.get("data_key")
        if run.dataset_path(name).is_file():
            _adopt(run, name, stored_key)
        if stored_key != run.data_key(name):
            run.why[name] = f"stored data of {run.folder.name}, measured by other code or settings"
        failed = known.get("failed", {})
        run.failed[name] = {cell: Outcome("failed", message=m) for cell, m in failed.items()}
        run.skipped[name] = known.get("skipped", [])


def judge_stored(run: Run) -> None:
    """Judge again what is stored, and store the verdicts; see :func:`load_stored`."""
    if not run.folder.parent.is_dir():
        load_stored(run)  # says what is missing; the lock would make the folder
    with store.locked(run.folder if run.folder.is_dir() else run.folder.parent):
        load_stored(run)
        judge_loaded(run)
        _write_verdicts(run)


def _waiting_tasks(run: Run) -> list[Task]:
    """Tasks for the cells whose shards are not there, after reusing all that can be reused."""
    tasks = []
    for name, plan in run.plans.items():
        if _reuse(run, name):
            continue
        cells = plan.cells()
        shards = [run.shard_path(name, cell.axes) for cell in cells]
        if run.settings.fresh:
            for shard in shards:
                shard.unlink(missing_ok=True)
        absent = [
            (cell, shard)
            for cell, shard in zip(cells, shards, strict=True)
            if not _usable_shard(shard, run.data_key(name))
        ]
        if len(absent) < len(cells):
            run.why[name] += f"; resumed with {len(cells) - len(absent)} of {len(cells)} cells"
        tasks += [
            Task(
                run.reference,
                name,
                cell.axes,
                cell.parameters,
                run.settings.seed,
                run.settings.device,
                run.data_key(name),
                str(shard.absolute()),
            )
            for cell, shard in absent
        ]
    return tasks


def _reuse(run: Run, name: str) -> bool:
    """Take the measurement's dataset from this run's folder or from another run of the same key."""
    if run.settings.fresh:
        run.why[name] = "computed: --fresh"
        return False
    path = run.dataset_path(name)
    if path.is_file():
        _adopt(run, name)
        run.why[name] = "reused: stored under the same key"
        return True
    for other in sorted(run.folder.parent.glob(f"*/{name}.nc")):
        try:
            store.read_dataset(other, run.data_key(name))
        except StorageError:
            continue
        store.reuse_file(other, path)
        _adopt(run, name)
        run.reused[name] = other.parent.name
        run.why[name] = f"reused: {other.parent.name} holds the same measurement"
        return True
    run.why[name] = f"computed: {_since_the_latest(run, name)}"
    return False


def _adopt(run: Run, name: str, data_key: str | None = None) -> None:
    path = run.dataset_path(name)
    dataset = store.read_dataset(path, data_key or run.data_key(name))
    run.datasets[name] = dataset
    run.sha256[name] = store.sha256(path)
    run.skipped[name] = json.loads(dataset.attrs["skipped"])


def _usable_shard(path: Path, data_key: str) -> bool:
    if not path.exists():
        return False
    try:
        store.read_dataset(path, data_key)
    except StorageError:
        return False  # a damaged shard is measured again
    return True


def _record(run: Run, task: Task, outcome: Outcome) -> None:
    name, cell = task.measurement, str(task).partition(".")[2]
    run.seconds.setdefault(name, {})[cell] = outcome.seconds
    if outcome.status == "missing":
        run.skipped.setdefault(name, []).append(f"{cell}: {outcome.message}")
    elif outcome.status == "failed":
        run.failed.setdefault(name, {})[cell] = outcome


def _finish(run: Run, on_judged: Callable[[Run], None]) -> None:
    for name, plan in run.plans.items():
        if name not in run.datasets and not run.failed.get(name):
            _combine(run, name, plan)
    if all(name in run.datasets for name in run.plans):
        shutil.rmtree(run.folder / "shards", ignore_errors=True)
    _write_record(run)
    judge_loaded(run)
    _write_verdicts(run)
    if not run.settings.custom:
        latest = run.folder.parent / f"latest-{run.settings.preset}"
        store.write_atomically(latest, lambda path: path.write_text(run.folder.name + "\n"))
    on_judged(run)


def _combine(run: Run, name: str, plan: Plan) -> None:
    """One dataset from the shards of all cells."""
    cells = plan.cells()
    paths = {tuple(c.axes.values()): run.shard_path(name, c.axes) for c in cells}
    present = {cell: path for cell, path in paths.items() if path.exists()}
    skipped = sorted(run.skipped.get(name, []))
    if not present:
        return
    shards = {cell: store.read_dataset(path, run.data_key(name)) for cell, path in present.items()}
    attributes = {
        "schema": store.SCHEMA,
        "data_key": run.data_key(name),
        "title": run.experiment.title,
        "skipped": json.dumps(skipped),
        "provenance": json.dumps(run.key_parts[name], sort_keys=True),
    }
    try:
        combined = store.combine(plan.axes, shards, attributes)
    except StorageError as error:
        run.failed[name] = {name: Outcome("failed", message=str(error))}
        return
    store.write_dataset(run.dataset_path(name), combined)
    _adopt(run, name)


def _write_record(run: Run) -> None:
    """run.json: keys, provenance and the wall-clock facts."""
    path = run.folder / "run.json"
    measurements = {
        name: {
            "data_key": run.data_key(name),
            "key_parts": run.key_parts[name],
            "sha256": run.sha256.get(name),
            "reused_from": run.reused.get(name),
            "why": run.why.get(name, ""),
            "seconds": run.seconds.get(name, {}),
            "skipped": run.skipped.get(name, []),
            "failed": {cell: o.message for cell, o in run.failed.get(name, {}).items()},
            "tracebacks": {c: o.traceback for c, o in run.failed.get(name, {}).items()},
        }
        for name in run.plans
    }
    if path.is_file() and not any(run.seconds.values()):
        return  # nothing was measured: the record of the run that did stays
    store.write_json(
        path,
        {
            "schema": store.SCHEMA,
            "experiment": run.name,
            "file": {"name": Path(run.reference.path).name, "sha256": run.reference.sha256},
            "title": run.experiment.title,
            "preset": run.settings.preset,
            "overrides": {k: list(v) for k, v in run.settings.overrides.items()},
            "seed": run.settings.seed,
            "device": run.settings.device,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "provenance": provenance.facts(),
            "measurements": measurements,
        },
    )


def judge_loaded(run: Run) -> None:
    """Fill a run's judgements, writing nothing; from verdicts.json where the verdict key agrees."""
    path = run.folder / "verdicts.json"
    if path.is_file():
        try:
            stored = store.read_json(path)
        except StorageError:
            stored = {}  # verdicts can always be made again from the data
        whole = {"definitions", "checks"} <= stored.keys()
        if whole and stored.get("verdict_key") == _verdict_key(run):
            run.judgements = [Judgement(**row) for row in stored["judgements"]]
            run.rejudged = False
            return
    with one_thread():
        run.judgements = judge(
            run.experiment,
            run.datasets,
            absent=absent(run),
            left_out=run.left_out,
            skipped=run.skipped,
            sha256=run.sha256,
        )


def absent(run: Run) -> dict[str, str]:
    """Why a measurement has no dataset, by its name."""
    return run.left_out | {
        name: "; ".join(
            [f"{cell} failed: {o.message}" for cell, o in run.failed.get(name, {}).items()]
            + run.skipped.get(name, [])
        )
        or "not measured"
        for name in run.plans
        if name not in run.datasets
    }


def _verdict_key(run: Run) -> str:
    judged = {
        "datasets": run.sha256,
        "skipped": {name: cells for name, cells in run.skipped.items() if cells},
        "failed": {n: {c: o.message for c, o in f.items()} for n, f in run.failed.items() if f},
    }
    return keys.verdict_key(Path(run.reference.path), judged)


def _write_verdicts(run: Run) -> None:
    if run.rejudged:
        record = {
            "schema": store.SCHEMA,
            "verdict_key": _verdict_key(run),
            "judging_code": checks_version.judging_code(),
            "checks": checks_version.version(Path(run.reference.path)),
            "definitions": definitions(run.experiment),
            "judgements": [vars(judgement) for judgement in run.judgements],
        }
        store.write_json(run.folder / "verdicts.json", record)


def _applicable(overrides: Mapping[str, tuple], measurement) -> dict[str, tuple]:
    """Overrides for one measurement; ``measurement.key`` wins over a bare ``key``."""
    own = {key: value for key, value in overrides.items() if "." not in key}
    for key, value in overrides.items():
        name, _, inner = key.partition(".")
        if inner and name == measurement.name:
            own[inner] = value
    return own


def _since_the_latest(run: Run, name: str) -> str:
    """In what a measurement differs from the latest stored run of the preset."""
    latest = run.folder.parent / f"latest-{run.settings.preset}"
    if not latest.is_file():
        return "no run is stored yet"
    try:
        record = store.read_json(run.folder.parent / latest.read_text().strip() / "run.json")
    except StorageError:
        return "the latest run's record cannot be read"
    return keys.difference(
        run.key_parts[name], record["measurements"].get(name, {}).get("key_parts")
    )
