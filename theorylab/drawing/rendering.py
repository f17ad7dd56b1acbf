"""Figures as bytes: fonts embedded, no dates, one layout for all formats."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from .. import store

METADATA = {
    "pdf": {"CreationDate": None, "ModDate": None},
    "svg": {"Date": None},
    "png": {"Software": None},
}


def render(figure: Figure, formats: Sequence[str]) -> dict[str, bytes]:
    """The figure in each format; without dates, so that the same data give the same bytes.

    It is laid out once and then frozen: saving would lay it out anew, by each format's own
    measure of the letters.
    """
    # The resolution of the PNG: its letters are measured once for both.
    figure.set_dpi(mpl.rcParams["savefig.dpi"])
    figure.draw_without_rendering()
    files = {}
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
        for form in formats:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=form, metadata=METADATA[form])
            files[form] = buffer.getvalue()
    return files


def save(figure: Figure, path: Path) -> None:
    """Write a figure atomically, in the format of the file's suffix."""
    form = path.suffix.removeprefix(".")
    store.write_bytes(path, render(figure, [form])[form])
