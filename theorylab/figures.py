"""Figures: one look for all, sized for a paper, and byte-stable.

A figure file holds ``draw(result) -> Figure`` and may hold further ``draw_<what>(result)``
functions. It reads only what is stored and draws no random numbers, so a figure can be made
again for another venue without measuring anything. The first paragraph of such a function's
docstring says what is drawn; it opens the caption (``$...$`` in it is mathematics).

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

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from .drawing.rendering import save
from .errors import UsageError
from .result import Result
from .venues import FORMATS, VENUES, WIDTHS, Page, sizes

__all__ = [
    "BOUND",
    "CATEGORICAL",
    "DATA_NAMES",
    "FORMATS",
    "MARKERS",
    "MEASURED",
    "REFUTED_COLOUR",
    "THEORY",
    "VENUES",
    "WIDTHS",
    "arm",
    "drawings",
    "key",
    "legend_below",
    "name_cells",
    "pictures",
    "plain_ticks",
    "save",
    "show",
    "shows",
    "style",
    "subplots",
]

_COLOURS = sns.color_palette("colorblind").as_hex()
MEASURED, THEORY, REFUTED_COLOUR, BOUND = _COLOURS[0], "0.15", _COLOURS[3], _COLOURS[2]
#: Of arms; holds neither the bound's nor a refutation's colour.
CATEGORICAL = [_COLOURS[i] for i in (0, 1, 4, 5, 7, 9)]
#: One more than there are colours, so that the next arms differ in both.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: Data sets as legends write them.
DATA_NAMES = {"digits": "digits", "fashion-mnist": "Fashion-MNIST"}


_page: ContextVar[Page] = ContextVar("page", default=Page())  # noqa: B039 - it is immutable


def arm(k: int) -> dict[str, str]:
    """Colour and marker of the k-th arm, as arguments of ``Axes.plot``."""
    return {"color": CATEGORICAL[k % len(CATEGORICAL)], "marker": MARKERS[k % len(MARKERS)]}


def key(label: str, **style) -> Line2D:
    """Legend entry for what is drawn in this style (arguments of ``Axes.plot``) in many places."""
    return Line2D([], [], label=label, **style)


def legend_below(figure: Figure, handles: Sequence, *, columns: int = 2, title: str = "") -> None:
    """Legend of the whole figure, below its panels.

    Args:
        handles: what was plotted, or :func:`key`, with their labels.
        columns: at half width; at full width there are twice as many.
        title: above the entries.
    """
    wide = figure.get_figwidth() > _page.get().half
    where = {"loc": "outside lower center", "ncols": columns * (2 if wide else 1)}
    figure.legend(handles=handles, title=title or None, **where)


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


def shows(*claims: str) -> Callable:
    """Decorator of a draw function: the claims, by id, that its caption reports.

    Without it the caption counts the verdicts of the whole experiment.
    """

    def mark(draw: Callable) -> Callable:
        draw.claims = claims
        return draw

    return mark


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
    chosen, page = sizes(venue, width)
    token = _page.set(page)
    try:
        with mpl.rc_context():
            sns.set_theme(context="paper", style="ticks", palette=CATEGORICAL)
            mpl.rcParams.update(chosen)
            mpl.rcParams.update(_LOOK | {"legend.title_fontsize": chosen["legend.fontsize"]})
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
    figure, cells = subplots(rows, columns, rigid=True, squeeze=False)
    width, _ = figure.get_size_inches()
    # The names of the rows take about half an inch, those of the columns a line.
    height = rows * aspect * (width - 0.5) / columns + 0.02 * rows + 0.15
    figure.set_figheight(min(height, _page.get().tallest))
    figure.set_layout_engine("compressed", w_pad=0.015, h_pad=0.015, wspace=0, hspace=0)
    for cell in cells.ravel():
        cell.set(xticks=[], yticks=[])
        cell.spines[:].set_visible(False)
    return figure, cells


def name_cells(cells: np.ndarray, rows: Sequence[str] = (), columns: Sequence[str] = ()) -> None:
    """Names beside the rows and above the columns of a grid of pictures; a name may have lines."""
    size = mpl.rcParams["xtick.labelsize"]
    for cell, name in zip(cells[:, 0], rows, strict=False):
        cell.set_ylabel(name, rotation=0, ha="right", va="center", size=size)
    for cell, name in zip(cells[0], columns, strict=False):
        cell.set_title(name, size=size, loc="center")


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
