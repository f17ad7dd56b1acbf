"""What an experiment file says of itself, read from its text: nothing is imported or executed.

Parsing all of the experiments takes a second, a list or a completion must not: the docstring is
parsed alone, and the documents are found by the text of the ``Source(...)`` calls.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .documents import DOCUMENTS
from .errors import UsageError

_MAKES_EXPERIMENT = re.compile(rb"^experiment *(:[^=\n]*)?=(?!=)", re.MULTILINE)
_DOCSTRING = re.compile(r'\s*(#[^\n]*\n\s*)*[rRuU]?("""|\'\'\'|"|\')')
_SOURCE = re.compile(r"\bSource\(\s*(?:document\s*=\s*)?(?:(['\"])(.*?)\1|([A-Za-z_]\w*))")
_ABOUT = re.compile(r"\babout\(\s*(?:entry\s*=\s*)?(['\"])([\w.-]+)\1")
_CLAIM = re.compile(r"\bclaim\(\s*(?:id\s*=\s*)?(['\"])([\w.-]+)\1")


def is_experiment(path: Path) -> bool:
    """Whether the file assigns ``experiment`` at its top level."""
    try:
        return bool(_MAKES_EXPERIMENT.search(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def title(path: Path) -> str:
    """First line of the file's docstring.

    Raises:
        UsageError: the file is not Python.
    """
    text = _text(path)
    opening = _DOCSTRING.match(text)
    closing = text.find(opening[2], opening.end()) if opening else -1
    if closing < 0:
        return ""
    docstring = ast.get_docstring(_parse(text[: closing + len(opening[2])], path)) or ""
    return docstring.strip().partition("\n")[0]


def documents(path: Path) -> list[str]:
    """Numbers of the known documents that the file's sources name, the most frequent first.

    A source is found as ``Source("000", ...)``, or ``Source(NAME, ...)`` with ``NAME = "000"`` at
    the top level; a citation of anything else is left out.
    """
    code = re.sub(r"^\s*#.*$", "", _text(path), flags=re.MULTILINE)
    count: dict[str, int] = {}
    for _, literal, name in _SOURCE.findall(code):
        if name:
            bound = re.search(rf"^{name}\s*(?::[^=\n]*)?=\s*(['\"])(.*?)\1", code, re.MULTILINE)
            literal = bound[2] if bound else ""
        if literal in DOCUMENTS:
            count[literal] = count.get(literal, 0) + 1
    return sorted(count, key=lambda document: (-count[document], document))


def claim_ids(path: Path) -> list[str]:
    """Ids of claims whose text stands in the file; ids put together in a loop are not found."""
    return [id for _, id in _CLAIM.findall(_text(path))]


def may_claim(path: Path, id: str) -> bool:
    """Whether the file's text has the claim's id, or makes claims about what the id begins with."""
    text = path.read_text(encoding="utf-8", errors="replace")
    entries = [entry for _, entry in _ABOUT.findall(text)]
    return id in text or any(f"{id}-".startswith(f"{entry}-") for entry in entries)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from None


def _parse(text: str, path: Path) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise UsageError(f"{path}, line {error.lineno}: {error.msg}") from None
