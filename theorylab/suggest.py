"""The nearest names to one that was mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(given: str, allowed: Iterable[str], otherwise: str = "") -> str:
    """``"did you mean a or b?"``; ``otherwise`` where nothing is near."""
    by_lower = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(given.lower(), by_lower, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(by_lower[name] for name in close)}?" if close else otherwise
