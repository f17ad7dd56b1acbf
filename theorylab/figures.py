"""Figures: one look for all, sized for a paper, and byte-stable.

A figure file holds ``draw(result) -> Figure`` and may hold further ``draw_<what>(result)``
functions. It reads only what is stored and draws no random numbers, so a figure can be made
again for another venue without measuring anything.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import matplotlib as mpl
import seaborn as sns
import xarray as xr
from matplotlib.figure import Figure

from . import store
from .discovery import figure_file, load_figure
from .errors import UsageError
from .judge import Judgement
from .runner import Run

STYLES = ("neurips2024", "icml2024", "iclr2024", "jmlr2001", "beamer_moml")
FORMATS = ("pdf", "svg", "png")

_COLOURS = sns.color_palette("colorblind").as_hex()
#: What a colour means, in every figure; the marker or line style differs as well, for print.
#: Arms and data sets take CATEGORICAL, which holds neither the bound's nor a refutation's colour.
MEASURED, THEORY, REFUTED_COLOUR, BOUND = _COLOURS[0], "0.15", _COLOURS[3], _COLOURS[2]
CATEGORICAL = [_COLOURS[i] for i in (0, 1, 4, 5, 7, 9)]


@dataclass(frozen=True)
class Result:
    """What a figure may look at: the stored datasets and verdicts of one run."""

    name: str
    title: str
    data: Mapping[str, xr.Dataset]
    judgements: Sequence[Judgement]

    def verdict(self, claim: str) -> str:
        """Verdict on one claim, by its id."""
        for judgement in self.judgements:
            if judgement.id == claim:
                return judgement.verdict
        raise KeyError(f"{self.name} has no claim {claim!r}")


@contextmanager
def style(venue: str = "icml2024") -> Iterator[None]:
    """Settings for one venue: its sizes, our fonts and lines.

    Raises:
        UsageError: the venue is unknown.
    """
    from tueplots import bundles

    if venue not in STYLES:
        close = difflib.get_close_matches(venue, STYLES, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"unknown style {venue!r}: there are {', '.join(STYLES)}{hint}")
    sizes = getattr(bundles, venue)()
    kept = {k: v for k, v in sizes.items() if k == "figure.figsize" or k.endswith("size")}
    with mpl.rc_context():
        sns.set_theme(context="paper", style="ticks", palette=CATEGORICAL)
        mpl.rcParams.update(kept)
        mpl.rcParams.update(
            {
                # The fonts that tueplots names are often missing; STIX comes with matplotlib.
                "font.family": "STIXGeneral",
                "mathtext.fontset": "stix",
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.linewidth": 0.6,
                **{f"{axis}tick.major.width": 0.6 for axis in "xy"},
                **{f"{axis}tick.major.size": 3.0 for axis in "xy"},
                **{f"{axis}tick.minor.width": 0.4 for axis in "xy"},
                **{f"{axis}tick.minor.size": 1.6 for axis in "xy"},
                "lines.linewidth": 1.1,
                "lines.markersize": 3.5,
                "legend.frameon": False,
                "legend.handlelength": 1.6,
                "legend.title_fontsize": mpl.rcParams["legend.fontsize"],
                "figure.constrained_layout.use": True,
                "figure.dpi": 100,
                "savefig.dpi": 300,
                "pdf.fonttype": 42,
                "svg.fonttype": "path",
                "svg.hashsalt": "theorylab",
            }
        )
        yield


def subplots(rows: int = 1, columns: int = 1, *, aspect: float = 0.72, **options):
    """Figure of the venue's text width and its axes, without pyplot's global state.

    Args:
        rows, columns: grid of panels.
        aspect: height of one panel over its width.
        **options: passed on to ``Figure.subplots`` (``sharex`` and the like).
    """
    width = mpl.rcParams["figure.figsize"][0]
    figure = Figure(figsize=(width, rows * aspect * width / columns))
    return figure, figure.subplots(rows, columns, **options)


def drawings(module: ModuleType, experiment: str) -> dict[str, Callable[[Result], Figure]]:
    """Figures that a figure file defines, by their file stems."""
    found = {experiment: module.draw} if hasattr(module, "draw") else {}
    for name, value in vars(module).items():
        if name.startswith("draw_") and callable(value):
            found[f"{experiment}-{name.removeprefix('draw_').replace('_', '-')}"] = value
    if not found:
        raise UsageError(f"{module.__file__} must define draw(result) -> Figure")
    return found


def save(figure: Figure, path: Path) -> None:
    """Write a figure atomically, without dates, so that the same data give the same bytes."""
    metadata = {
        "pdf": {"CreationDate": None, "ModDate": None},
        "svg": {"Date": None},
        "png": {"Software": None},
    }
    form = path.suffix.removeprefix(".")

    def write(temporary: Path) -> None:
        figure.savefig(temporary, format=form, metadata=metadata[form])

    store.write_atomically(path, write)


def draw_all(
    runs: Sequence[Run],
    venue: str,
    formats: Sequence[str],
    folder: Path,
    *,
    check: bool = False,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Draw the figures of stored runs; returns the files that were absent or out of date.

    Args:
        runs: loaded and judged.
        venue: see :func:`style`.
        formats: of ``FORMATS``.
        folder: where the files go.
        check: write nothing, only compare with what is there.
        say: told about each file.
    """
    outdated = []
    with style(venue):
        pass  # an unknown venue is refused before anything is drawn
    for run in runs:
        path = figure_file(Path(run.reference.path))
        if path is None:
            say(f"{run.name}: no figure file paper_figures/{run.name}.py")
            continue
        result = Result(run.name, run.experiment.title, run.datasets, run.judgements)
        for stem, draw in drawings(load_figure(path), run.name).items():
            for form in formats:
                target = folder / f"{stem}.{form}"
                # A fresh drawing for each format: saving may change a figure's layout.
                with style(venue), tempfile.TemporaryDirectory() as scratch:
                    made = Path(scratch) / target.name
                    save(draw(result), made)
                    same = target.is_file() and target.read_bytes() == made.read_bytes()
                    if not same and not check:
                        store.reuse_file(made, target)
                outdated += [] if same else [target]
                state = "unchanged" if same else ("out of date" if check else "drawn")
                say(f"{state:<11} {target}")
    return outdated
