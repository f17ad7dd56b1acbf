"""What is stored, experiment by experiment; what is damaged is named, and the rest goes on."""

from __future__ import annotations

import base64
import inspect
import multiprocessing
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .. import figures, ledger, runner, store
from ..discovery import experiments_folder, figure_file, find, load, load_figure, reference
from ..drawing.rendering import render
from ..errors import StorageError, TheorylabError
from ..judge import Judgement
from ..result import Result, result_of
from ..stored_verdicts import latest, read_verdicts

#: Larger drawings (pictures, clouds of points) are embedded as PNG, so that the page stays small.
LARGEST_SVG = 200_000
DPI = 96  # CSS pixels an inch


@dataclass(frozen=True)
class Image:
    """A figure as a data URI; width and height in CSS pixels.

    ``title`` says what is drawn, with mathematics between dollars; empty where nothing says it.
    """

    name: str
    title: str
    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Section:
    """One experiment: the rows of its claims, and what its run left.

    Args:
        rows: as the ledger has them, the controls with their intervals.
        record: run.json, or {} where it cannot be read.
        command: what reproduces the results.
        stale: measurements whose code has changed since.
        outdated: whether other checks made the verdicts than there are now.
        remarks: sentences on what is missing or could not be drawn.
    """

    name: str
    title: str
    preset: str
    rows: list[dict]
    record: Mapping
    command: str
    images: list[Image]
    stale: list[str]
    outdated: bool
    remarks: list[str]


def gather(
    names: Sequence[str],
    results: Path,
    preset: str | None = None,
    paths: Sequence[Path] = (),
    *,
    jobs: int = 1,
    on_section: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Section], list[str]]:
    """The stored experiments, and sentences on those that cannot be shown.

    Args:
        names: experiments; none: all that have been run.
        results: results folder.
        preset: whose latest run is shown; None: the most thorough one that is stored.
        paths: where the user's own experiments are.
        jobs: processes; drawing the figures takes nearly all of the time.
        on_section: told how many experiments of how many are done.

    Raises:
        UsageError: an unknown experiment.
        StorageError: nothing that was asked for is stored.
    """
    wanted = [reference(name, paths).name for name in dict.fromkeys(names)]
    runs = {name: latest(results / name, preset) for name in wanted or find(paths)}
    stored = [(name, *run, results, paths) for name, run in runs.items() if run]
    if not stored:
        of = f" of {', '.join(wanted)}" if wanted else ""
        at = f" for the preset {preset!r}" if preset else ""
        raise StorageError(
            f"no results{of} are stored in {results}{at}; run something first: "
            f"theorylab run {' '.join(wanted) or 'all'} --preset {preset or 'quick'}"
        )
    absent = [name for name in wanted if not runs[name]]
    problems = [f"{name}: no results are stored in {results / name}" for name in absent]
    sections = []
    for done, made in enumerate(_sections(stored, jobs), start=1):
        on_section(done, len(stored))
        (problems if isinstance(made, str) else sections).append(made)
    return sections, problems


def _sections(orders: Sequence[tuple], jobs: int) -> Iterator[Section | str]:
    """Sections in the order of their orders; a sentence for what cannot be shown."""
    jobs = min(jobs, len(orders))
    if jobs <= 1:
        yield from map(_section_or_problem, orders)
        return
    # Forking would copy the locks of torch's threads in whatever state they are.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_section_or_problem, orders)


def _section_or_problem(order: tuple) -> Section | str:
    try:
        return _section(*order)
    except TheorylabError as error:
        return f"{order[0]}: {error}"


def _section(name: str, preset: str, folder: Path, results: Path, paths) -> Section:
    experiment = load(name, paths)
    stale, remarks = [], []
    verdicts = read_verdicts(find(paths)[name], preset, folder)
    judged = verdicts.judgements
    rows = [
        _with_controls(ledger.row(experiment, claim, preset, vars(judged[claim.id])), judged)
        if claim.id in judged
        else ledger.row(experiment, claim, preset, {})
        for claim in experiment.claims
    ]
    try:
        record = store.read_json(folder / "run.json")
    except StorageError as error:
        record = {}
        remarks.append(f"Its provenance is missing: {error}")
    images = []
    try:
        result = _result(name, preset, folder, results, paths, list(judged.values()), stale)
        path = figure_file(result.file)
        drawings = {} if path is None else figures.drawings(load_figure(path), name)
        for stem, draw in drawings.items():
            images.append(_image(result, stem, draw))
    except Exception as error:  # a figure file may raise anything; the verdicts stand without it
        reason = str(error) if isinstance(error, TheorylabError) else repr(error)
        remarks.append(f"Not every figure could be drawn: {reason}")
    return Section(
        name=name,
        title=experiment.title,
        preset=preset,
        rows=rows,
        record=record,
        command=_command(name, preset, record, paths),
        images=images,
        stale=stale,
        outdated=verdicts.outdated,
        remarks=remarks,
    )


def _with_controls(row: dict, judged: Mapping[str, Judgement]) -> dict:
    """The row, its controls with estimate, interval and place."""
    stored = {control["statement"]: control for control in judged[row["id"]].controls}
    return row | {"controls": [c | stored.get(c["statement"], {}) for c in row["controls"]]}


def _command(name: str, preset: str, record: Mapping, paths: Sequence[Path]) -> str:
    words = ["python", "-m", "theorylab", "run", name, "--preset", preset]
    if record.get("device", "cpu") != "cpu":
        words += ["--device", str(record["device"])]
    if experiments_folder().resolve() not in find(paths)[name].parents:
        words += [word for path in paths for word in ("--path", str(path))]
    return shlex.join(words)


def _result(name, preset, folder, results, paths, judgements, stale: list[str]) -> Result:
    """The stored run with its data; names the measurements that other code has made."""
    run = runner.prepare(reference(name, paths), runner.Settings(preset=preset, results=results))
    run.folder = folder
    runner.load_stored(run)
    stale += run.why
    run.judgements = judgements
    return result_of(run)


def _image(result: Result, name: str, draw: Callable) -> Image:
    with figures.style():
        figure = draw(result)
        width, height = (round(DPI * float(inches)) for inches in figure.get_size_inches())
        made = render(figure, ["svg"])
        if len(made["svg"]) > LARGEST_SVG:
            made = render(figure, ["png"])
    ((form, content),) = made.items()
    kind = {"svg": "svg+xml", "png": "png"}[form]
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    title = (inspect.getdoc(draw) or "").partition("\n")[0]
    return Image(name, title, uri, width, height)
