"""Is a figure legible at its printed size? The defects that can be measured, in words."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

#: Points; the smallest letters of a paper's figures, which ICML's and NeurIPS's sizes allow.
SMALLEST = 6.0


def defects(figure: Figure) -> list[str]:
    """What cannot be read: small, cut-off or overlapping words, hidden data, empty panels.

    Args:
        figure: laid out already, as ``figure.draw_without_rendering()`` leaves it.
    """
    found = []
    words = [(text, text.get_window_extent()) for text in _texts(figure)]
    small = sorted({round(t.get_fontsize(), 1) for t, _ in words if t.get_fontsize() < SMALLEST})
    if small:
        found.append(f"letters of {', '.join(map(str, small))} pt (at least {SMALLEST:g})")
    # Half a point of a letter's margin may lie outside without being missed.
    slack = figure.dpi / 72
    page = figure.bbox.padded(slack)
    for text, box in words:
        if not (
            box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1
        ):
            found.append(f"{_short(text)} is cut off")
    for (one, a), (other, b) in itertools.combinations(words, 2):
        if Bbox.intersection(a.padded(-slack), b.padded(-slack)) is not None:
            found.append(f"{_short(one)} and {_short(other)} overlap")
    for place, axes in enumerate(figure.axes, start=1):
        found += [f"panel {place}: {defect}" for defect in _of_axes(axes)]
    return found


def _of_axes(axes: Axes) -> list[str]:
    if not axes.get_visible():
        return []
    if not (axes.lines or axes.collections or axes.images or axes.patches or axes.texts):
        return ["it is empty"]
    found = []
    legend = axes.get_legend()
    covers = [("the legend", legend.get_window_extent())] if legend else []
    # A text with a halo or a background of its own can be read on a line.
    bare = [t for t in axes.texts if not t.get_path_effects() and not t.get_bbox_patch()]
    covers += [(_short(t), t.get_window_extent()) for t in bare if t.get_text().strip()]
    for name, box in covers:
        hidden = [line for line in axes.lines if _points_inside(line, box)]
        if hidden:
            labels = {str(line.get_label()) for line in hidden}
            shown = sorted(label for label in labels if not label.startswith("_"))
            found.append(f"{name} lies on data {', '.join(shown)}".rstrip())
    return found


def _points_inside(line, box: Bbox) -> bool:
    """Whether a measured point, or the stroke of a line, lies under the box."""
    if not line.get_visible() or not len(line.get_xdata()):
        return False
    path = line.get_transform().transform_path(line.get_path())
    inner = box.padded(-1)
    points = np.asarray(path.vertices)
    points = points[np.isfinite(points).all(axis=1)]
    if line.get_linestyle() in ("None", "none", " ", ""):
        return bool(inner.count_contains(points)) if len(points) else False
    return bool(len(points)) and path.intersects_bbox(inner, filled=False)


def _texts(figure: Figure) -> list[Text]:
    """Every text that is seen: ticks outside an axis's limits are not."""
    found = [text for text in figure.findobj(Text) if _seen(text)]
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            span = high - low
            shown = axes.get_visible() and axis.get_visible()
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                at = tick.get_loc()
                if not shown or at < low - 1e-9 * span or at > high + 1e-9 * span:
                    hidden |= {tick.label1, tick.label2}
    return [text for text in found if text not in hidden]


def _seen(text: Text) -> bool:
    return text.get_visible() and bool(text.get_text().strip())


def _short(text: Text) -> str:
    words = " ".join(text.get_text().split())
    return repr(words if len(words) <= 30 else words[:29] + "…")
