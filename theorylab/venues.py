"""Venues: how wide and high a figure may be there, and its letters' sizes, from tueplots.

The command line reads the names without importing matplotlib.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .errors import UsageError
from .suggest import did_you_mean

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


class Page(NamedTuple):
    """What a venue leaves for a figure, in inches: the narrow width and the greatest height."""

    half: float = float("inf")
    tallest: float = float("inf")


def sizes(venue: str, width: str) -> tuple[dict, Page]:
    """matplotlib's settings for the sizes of figure and letters, and the page they are for.

    Args:
        venue: one of ``VENUES``.
        width: ``half``: one column, or half of the text where there is only one; ``full``: the
            width of the text (or of the slide).

    Raises:
        UsageError: the venue or the width is unknown.
    """
    from tueplots import bundles

    one_of(venue, VENUES, "style")
    one_of(width, WIDTHS, "width")
    slide, two_columns = venue == "beamer", venue == "icml2024"
    bundle = getattr(bundles, VENUES[venue])
    given = bundle(column="full") if two_columns else bundle()
    text, height = given["figure.figsize"]
    half = bundle(column="half")["figure.figsize"][0] if two_columns else text / 2
    inches = half if width == "half" else text
    # Half of a one-column text is narrower than a column of ICML's, whose letters just fit.
    small = bundles.icml2024()
    letters = [key for key in small if key.endswith("size") and key != "figure.figsize"]
    chosen = {k: min(given[k], small[k]) if width == "half" else given[k] for k in letters}
    golden = (5**0.5 - 1) / 2
    chosen["figure.figsize"] = (inches, min(golden * inches, height) if slide else golden * inches)
    # A paper's text is nine inches high; the caption needs some of them.
    return chosen, Page(half, height if slide else 8.0)


def one_of(given: str, allowed: Iterable[str], what: str) -> None:
    """UsageError, with the nearest name, unless ``given`` is allowed."""
    if given not in allowed:
        hint = did_you_mean(given, allowed)
        there = ", ".join(allowed)
        raise UsageError(f"unknown {what} {given!r}: there are {there}{hint and '; ' + hint}")
