"""The nearest names to one that was mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import click


def did_you_mean(given: str, allowed: Iterable[str], otherwise: str = "") -> str:
    """``"did you mean a or b?"``; ``otherwise`` where nothing is near.

    Near is what has most letters in common, or contains it.
    """
    by_lower = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(given.lower(), by_lower, n=3, cutoff=0.6)
    if not close and len(given) > 2:
        close = [name for name in by_lower if given.lower() in name][:3]
    return f"did you mean {' or '.join(by_lower[name] for name in close)}?" if close else otherwise


class OneOf(click.Choice):
    """A choice that answers a mistyped value with the nearest one."""

    def convert(self, value, param, ctx):
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            hint = did_you_mean(str(value), map(str, self.choices))
            self.fail(f"{error.message.rstrip('.')}{hint and '; ' + hint}", param, ctx)
