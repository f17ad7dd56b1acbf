"""The files of figures: drawn, saved with their captions, recorded, and checked.

Beside the figures lie ``<stem>.caption.tex`` for each, ``captions.md`` for people, and
``figures.json``: what each was made from and what it shows, by which :func:`check` finds those
that are missing, stale (made from other data) or different (they show something else).
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import matplotlib as mpl

from .. import figures, runner, store
from ..discovery import Reference, figure_file, load_figure
from ..errors import StorageError, TheorylabError
from ..result import Result, result_of
from . import captions, legibility, plotted
from .rendering import render

SIDECAR = "figures.json"


@dataclass(frozen=True)
class Order:
    """The figures of one stored run, for one venue; another process can carry it out.

    Args:
        reference, settings: which run.
        folder: where the files are.
        venue, width, formats: see :func:`theorylab.figures.style`; empty: as recorded.
        records: what is recorded of this experiment's figures, by stem.
        checking: write nothing, only compare.
    """

    reference: Reference
    settings: runner.Settings
    folder: Path
    venue: str = ""
    width: str = ""
    formats: Sequence[str] = ()
    records: Mapping[str, dict] = field(default_factory=dict)
    checking: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one figure: a word, what to tell about it, and what to record."""

    stem: str
    state: str
    remarks: Sequence[str] = ()
    record: dict | None = None


def read_records(folder: Path) -> dict[str, dict]:
    """What ``figures.json`` says, by stem; empty where there is none.

    Raises:
        StorageError: another program's file, or a damaged one.
    """
    path = folder / SIDECAR
    if not path.exists():
        return {}
    records = store.read_json(path).get("figures")
    if not isinstance(records, dict) or not all(
        isinstance(r, dict) and {"experiment", "settings", "data", "plotted", "files"} <= set(r)
        for r in records.values()
    ):
        raise StorageError(f"{path} does not list figures of theorylab; move it elsewhere")
    return records


def write_records(folder: Path, records: Mapping[str, dict]) -> None:
    """``figures.json``, and ``captions.md`` made from it."""
    store.write_json(folder / SIDECAR, {"schema": store.SCHEMA, "figures": dict(records)})
    parts = ["# Captions\n"]
    for stem, record in sorted(records.items()):
        picture = f"![{stem}]({stem}.png)\n\n" if f"{stem}.png" in record["files"] else ""
        parts.append(f"## {stem}\n\n{picture}{record['caption']}\n")
    store.write_bytes(folder / "captions.md", "\n".join(parts).encode())


def carry_out(orders: Sequence[Order], jobs: int = 1) -> Iterator[Outcome]:
    """Draw, or check, the figures of all orders, in their order.

    Args:
        orders: one for each experiment.
        jobs: processes; an experiment's figures are drawn in one.
    """
    jobs = min(jobs, len(orders))
    if jobs <= 1:
        for order in orders:
            yield from _figures(order)
        return
    # Forking would copy the locks of torch's threads in whatever state they are.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        for outcomes in pool.map(_figures, orders):
            yield from outcomes


def writable(folder: Path) -> None:
    """StorageError unless files can be put into the folder; it is made where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise StorageError(
            f"cannot write figures into {folder}: {reason}; choose another folder with --out"
        )


def _figures(order: Order) -> list[Outcome]:
    path = figure_file(Path(order.reference.path))
    name = order.reference.name
    if path is None:
        return [Outcome(name, "no figure", [f"there is no file paper_figures/{name}.py"])]
    run = runner.prepare(order.reference, order.settings)
    try:
        runner.judge_stored(run)
        result = result_of(run)
    except StorageError as error:  # the figures of the other experiments can be drawn
        return [Outcome(name, "failed", [str(error)])]
    outcomes = [
        _one(order, result, stem, draw)
        for stem, draw in figures.drawings(load_figure(path), name).items()
    ]
    if run.why:
        again = f"its data were measured by other code; run it again: theorylab run {name}"
        outcomes = [
            replace(one, remarks=[*one.remarks, again]) if one.state == "failed" else one
            for one in outcomes
        ]
    return outcomes


def _one(order: Order, result: Result, stem: str, draw: Callable) -> Outcome:
    record = order.records.get(stem, {})
    absent = sorted({cell for cells in result.skipped.values() for cell in cells})
    if order.checking and not record:
        return Outcome(stem, "skipped", absent[:1]) if absent else Outcome(stem, "missing")
    venue = order.venue or record["style"]
    width = order.width or record["width"]
    with figures.style(venue, width):
        try:
            figure = draw(result)
            shown = plotted.digests(figure)
            caption = captions.caption(result, draw)
        except Exception as error:  # one figure's mistake must not cost the others
            if absent:
                return Outcome(stem, "skipped", absent[:1])
            known = isinstance(error, TheorylabError)
            return Outcome(stem, "failed", [str(error) if known else _place(draw, error)])
        record_now = {
            "experiment": result.name,
            "settings": _settings(result),
            "style": venue,
            "width": width,
            "matplotlib": mpl.__version__,
            "data": dict(result.sha256),
            "plotted": shown,
            "caption": caption.text,
        }
        if order.checking:
            return _compare(order, stem, record, record_now)
        made = {f"{stem}.{form}": data for form, data in render(figure, order.formats).items()}
        remarks = legibility.defects(figure)
    made[f"{stem}.caption.tex"] = caption.latex.encode()
    changed = False
    for file, data in made.items():
        target = order.folder / file
        if not (target.is_file() and target.read_bytes() == data):
            store.write_bytes(target, data)
            changed = True
    # Files of another format, drawn earlier from the same, stay on record.
    kept = record.get("files", {}) if _same(record, record_now) else {}
    files = kept | {file: hashlib.sha256(data).hexdigest() for file, data in made.items()}
    return Outcome(
        stem, "drawn" if changed else "unchanged", remarks, record_now | {"files": files}
    )


def _compare(order: Order, stem: str, before: dict, now: dict) -> Outcome:
    wanted = [*before["files"], *(f"{stem}.{form}" for form in order.formats)]
    absent = [file for file in dict.fromkeys(wanted) if not (order.folder / file).is_file()]
    if absent:
        return Outcome(stem, "missing", [f"no {file}" for file in absent])
    if before["settings"] != now["settings"]:
        return Outcome(stem, "stale", [f"drawn with {_words(before)}, now {_words(now)}"])
    if before["data"] != now["data"]:
        names = sorted(set(before["data"].items()) ^ set(now["data"].items()))
        return Outcome(stem, "stale", [f"drawn from other data of {_names(names)}"])
    remarks = []
    if (before["style"], before["width"]) != (now["style"], now["width"]):
        remarks.append(f"drawn for {before['style']}, {before['width']} width")
    remarks += plotted.differences(now["plotted"], before["plotted"])
    if remarks and before["matplotlib"] != now["matplotlib"]:
        remarks.append(f"drawn by matplotlib {before['matplotlib']}, now {now['matplotlib']}")
    if before["caption"] != now["caption"]:
        remarks.append("another caption: verdicts or words have changed")
    for file, sha256 in before["files"].items():
        if store.sha256(order.folder / file) != sha256:
            remarks.append(f"{file} was changed after it was drawn")
    return Outcome(stem, "different" if remarks else "fine", remarks)


def _same(before: dict, now: dict) -> bool:
    return all(before.get(k) == now[k] for k in ("settings", "style", "width", "data", "plotted"))


def _settings(result: Result) -> dict:
    overrides = {key: list(values) for key, values in result.overrides.items()}
    return {"preset": result.preset, "overrides": overrides, "seed": result.seed}


def _words(record: dict) -> str:
    settings = record["settings"]
    overrides = [f"{key}={','.join(values)}" for key, values in settings["overrides"].items()]
    return " ".join([f"preset {settings['preset']}", *overrides, f"seed {settings['seed']}"])


def _names(pairs: Sequence[tuple[str, str]]) -> str:
    return ", ".join(dict.fromkeys(name for name, _ in pairs))


def _place(draw: Callable, error: Exception) -> str:
    file = draw.__code__.co_filename
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    place = f"{file}, line {lines[-1]}" if lines else file
    return f"{place}: {type(error).__name__}: {error}"
