"""What a figure shows, as digests: two figures are the same when their plotted data agree.

Files differ between versions of matplotlib; the lines, markers, bands, pictures and words that
were asked for do not. Positions, limits and automatic tick labels are matplotlib's and left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def digests(figure: Figure) -> dict[str, str]:
    """Digest of each plotted thing by a name for people, e.g. ``panel 2: line 'DDIM'``.

    Numbers count to about six digits, so that the last bits of another machine do not.
    """
    found: dict[str, str] = {}
    for name, *parts in _things(figure):
        unique, count = name, 1
        while unique in found:
            count += 1
            unique = f"{name} ({count})"
        found[unique] = _digest(parts)
    return found


def differences(now: dict[str, str], before: dict[str, str]) -> list[str]:
    """What is new, gone or other, in words."""
    other = [name for name in now if name in before and now[name] != before[name]]
    new = [f"new {name}" for name in now if name not in before]
    return other + new + [f"no more {name}" for name in before if name not in now]


def _things(figure: Figure) -> Iterator[tuple]:
    for panel, axes in enumerate(figure.axes, start=1):
        for thing, *parts in _of_axes(axes):
            yield f"panel {panel}: {thing}", *parts
    legends = [entry.get_text() for legend in figure.legends for entry in legend.get_texts()]
    yield "words of the figure", *[text.get_text() for text in figure.texts], *legends


def _of_axes(axes: Axes) -> Iterator[tuple]:
    titles = [axes.get_title(place) for place in ("left", "center", "right")]
    words = [*titles, axes.get_xlabel(), axes.get_ylabel(), *(t.get_text() for t in axes.texts)]
    if legend := axes.get_legend():
        words += [legend.get_title().get_text(), *(t.get_text() for t in legend.get_texts())]
    yield "words", *words
    yield "scales", axes.get_xscale(), axes.get_yscale()
    for line in axes.lines:
        yield f"line{_label(line)}", *line.get_data(orig=False)
    for collection in axes.collections:
        paths = [path.vertices for path in collection.get_paths()]
        yield f"{type(collection).__name__}{_label(collection)}", collection.get_offsets(), *paths
    for patch in axes.patches:
        yield (
            f"patch{_label(patch)}",
            patch.get_patch_transform().transform_path(patch.get_path()).vertices,
        )
    for image in axes.images:
        yield "picture", image.get_array()


def _label(artist) -> str:
    # Labels that begin with an underscore are matplotlib's own.
    label = str(artist.get_label())
    return "" if label.startswith("_") else f" {label!r}"


def _digest(parts: list) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            digest.update(part.encode() + b"\0")
        else:
            for half in _six_digits(part):
                digest.update(half.tobytes())
    return digest.hexdigest()[:16]


def _six_digits(numbers) -> tuple[np.ndarray, ...]:
    """Shape, mantissas and exponents as integers: exact, whatever machine rounds them."""
    values = np.ma.filled(np.ma.asarray(numbers, dtype=float), np.nan)
    mantissa, exponent = np.frexp(np.where(np.isfinite(values), values, 0.0))
    special = np.select([np.isnan(values), values == np.inf, values == -np.inf], [1, 2, 3], 0)
    return (
        np.array(values.shape, dtype="<i8"),
        np.rint(mantissa * 2**20).astype("<i8"),
        np.where(mantissa == 0, 0, exponent).astype("<i8"),
        special.astype("<i8"),
    )
