"""Figures: one look for all, sized for a paper, and byte-stable.

A figure file holds ``draw(result) -> Figure`` and may hold further ``draw_<what>(result)``
functions. It reads only what is stored and draws no random numbers, so a figure can be made
again for another venue without measuring anything. The first line of such a function's docstring
says what is drawn; it opens the caption.

What is seen means the same in every figure:

=====================================  ====================================================
colour MEASURED, or an arm's           measured: from stored data
colour THEORY (nearly black)           theory: a closed form, or a reference level or curve
colour BOUND (green), dashed           a bound or a margin; its region is shaded in this colour
colour REFUTED_COLOUR (red), dashed    a statement as printed, or a false neighbour, that fails
markers                                measured at these points; a line through them only guides
solid line without markers             a continuous curve: theory, or measured at every abscissa
dotted line                            a reference: an asymptote, a slope, a level to compare with
shaded band in an arm's colour         the range or interval of what the line is the mean of
=====================================  ====================================================

Arms (samplers, denoisers, data sets, ...) take ``arm(0)``, ``arm(1)``, ... in the order of the
legend: a colour *and* a marker each, so that no two differ by colour alone.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from . import store
from .discovery import figure_file, load_figure
from .errors import UsageError
from .judge import Judgement
from .runner import Run

#: Venues by the names that people type, and what tueplots calls their sizes.
VENUES = {
    "neurips2024": "neurips2024",
    "icml2024": "icml2024",
    "iclr2024": "iclr2024",
    "jmlr": "jmlr2001",
    "beamer": "beamer_moml",
}
WIDTHS = ("half", "full")
FORMATS = ("pdf", "svg", "png")

_COLOURS = sns.color_palette("colorblind").as_hex()
MEASURED, THEORY, REFUTED_COLOUR, BOUND = _COLOURS[0], "0.15", _COLOURS[3], _COLOURS[2]
#: Of arms; holds neither the bound's nor a refutation's colour.
CATEGORICAL = [_COLOURS[i] for i in (0, 1, 4, 5, 7, 9)]
MARKERS = ("o", "s", "^", "D", "v", "P")
#: Data sets as legends write them.
DATA_NAMES = {"digits": "digits", "fashion-mnist": "Fashion-MNIST"}


class Page(NamedTuple):
    """What a venue leaves for a figure, in inches: the narrow width and the greatest height."""

    half: float = float("inf")
    tallest: float = float("inf")


_page: ContextVar[Page] = ContextVar("page", default=Page())  # noqa: B039 - it is immutable


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


def arm(k: int) -> dict[str, str]:
    """Colour and marker of the k-th arm, as arguments of ``Axes.plot``."""
    return {"color": CATEGORICAL[k % len(CATEGORICAL)], "marker": MARKERS[k % len(MARKERS)]}


def key(label: str, **style) -> Line2D:
    """Legend entry for what is drawn in this style (arguments of ``Axes.plot``) in many places."""
    return Line2D([], [], label=label, **style)


def plain_ticks(axis: Axis, values: Sequence[float] = ()) -> None:
    """Ticks written plainly (20, not 2 x 10^1), without minor ones: for short log axes and counts.

    Set the scale first; it puts ticks of its own.

    Args:
        axis: ``axes.xaxis`` or ``axes.yaxis``.
        values: where the ticks stand; if none are given, at 1, 2 and 5 times powers of ten.
    """
    if len(values):
        axis.set_ticks(list(values))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


@contextmanager
def style(venue: str = "icml2024", width: str = "half") -> Iterator[None]:
    """Settings for one venue: its sizes, our fonts and lines.

    Args:
        venue: one of ``VENUES``.
        width: ``half``: one column, or half of the text where there is only one; ``full``: the
            width of the text (or of the slide).

    Raises:
        UsageError: the venue or the width is unknown.
    """
    sizes, page = _sizes(venue, width)
    token = _page.set(page)
    try:
        with mpl.rc_context():
            sns.set_theme(context="paper", style="ticks", palette=CATEGORICAL)
            mpl.rcParams.update(sizes)
            mpl.rcParams.update(_LOOK | {"legend.title_fontsize": sizes["legend.fontsize"]})
            yield
    finally:
        _page.reset(token)


_LOOK = {
    # The fonts that tueplots names are often missing; STIX comes with matplotlib.
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.titlelocation": "left",
    **{f"{axis}tick.major.width": 0.6 for axis in "xy"},
    **{f"{axis}tick.major.size": 3.0 for axis in "xy"},
    **{f"{axis}tick.minor.width": 0.4 for axis in "xy"},
    **{f"{axis}tick.minor.size": 1.6 for axis in "xy"},
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "theorylab",
}


def _sizes(venue: str, width: str) -> tuple[dict, Page]:
    """Figure and font sizes from tueplots, and the page they are for."""
    from tueplots import bundles

    _one_of(venue, VENUES, "style")
    _one_of(width, WIDTHS, "width")
    slide, two_columns = venue == "beamer", venue == "icml2024"
    bundle = getattr(bundles, VENUES[venue])
    given = bundle(column="full") if two_columns else bundle()
    text, height = given["figure.figsize"]
    half = bundle(column="half")["figure.figsize"][0] if two_columns else text / 2
    inches = half if width == "half" else text
    sizes = {k: v for k, v in given.items() if k.endswith("size") and k != "figure.figsize"}
    if width == "half":
        # Half of a one-column text is narrower than a column of ICML's, whose sizes just fit.
        small = bundles.icml2024()
        sizes = {key: min(value, small[key]) for key, value in sizes.items()}
    golden = (5**0.5 - 1) / 2
    sizes["figure.figsize"] = (inches, min(golden * inches, height) if slide else golden * inches)
    # A paper's text is nine inches high; the caption needs some of them.
    return sizes, Page(half, height if slide else 8.0)


def _one_of(given: str, allowed, what: str) -> None:
    if given not in allowed:
        close = difflib.get_close_matches(given, allowed, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"unknown {what} {given!r}: there are {', '.join(allowed)}{hint}")


def subplots(
    rows: int = 1, columns: int = 1, *, aspect: float = 0.72, rigid: bool = False, **options
):
    """Figure of the chosen width and its axes, without pyplot's global state.

    At full width panels grow wider rather than taller, and two, three or four panels that are
    stacked in one column stand side by side; so label the axes of each of them.

    Args:
        rows, columns: grid of panels.
        aspect: height of one panel over its width, at half width.
        rigid: keep rows, columns and aspect at every width (planes and pictures).
        **options: passed on to ``Figure.subplots`` (``sharex`` and the like).
    """
    width, page = mpl.rcParams["figure.figsize"][0], _page.get()
    panel = aspect * width / columns
    if width > page.half and not rigid:
        panel = 1.15 * aspect * page.half / columns
        if columns == 1:
            rows, columns = {2: (1, 2), 3: (1, 3), 4: (2, 2)}.get(rows, (rows, 1))
    figure = Figure(figsize=(width, min(rows * panel, page.tallest)))
    return figure, figure.subplots(rows, columns, **options)


def pictures(rows: int, columns: int, *, aspect: float = 1.0) -> tuple[Figure, np.ndarray]:
    """Figure for a grid of pictures, packed and without ticks, and its axes (rows, columns).

    Args:
        aspect: height of one picture over its width.
    """
    figure, cells = subplots(rows, columns, aspect=aspect, rigid=True, squeeze=False)
    figure.set_layout_engine("compressed", w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    for cell in cells.ravel():
        cell.set(xticks=[], yticks=[])
        cell.spines[:].set_visible(False)
    return figure, cells


def show(cell: Axes, picture, *, low: float = -1.0, high: float = 1.0) -> None:
    """One grey picture (height, width), black at ``low``, white at ``high``, pixel by pixel."""
    cell.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="none")


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
    width: str,
    formats: Sequence[str],
    folder: Path,
    *,
    check: bool = False,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Draw the figures of stored runs; returns the files that were absent or out of date.

    Args:
        runs: loaded and judged.
        venue, width: see :func:`style`.
        formats: of ``FORMATS``.
        folder: where the files go.
        check: write nothing, only compare with what is there.
        say: told about each file.
    """
    outdated = []
    with style(venue, width):
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
                with style(venue, width), tempfile.TemporaryDirectory() as scratch:
                    made = Path(scratch) / target.name
                    save(draw(result), made)
                    same = target.is_file() and target.read_bytes() == made.read_bytes()
                    if not same and not check:
                        store.reuse_file(made, target)
                outdated += [] if same else [target]
                state = "unchanged" if same else ("out of date" if check else "drawn")
                say(f"{state:<11} {target}")
    return outdated
