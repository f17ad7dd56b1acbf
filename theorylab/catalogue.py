"""The catalogue: every statement that was taken from the documents, and what has become of it.

``experiments/catalogue.toml`` holds one table for each entry, in exactly one of three states:
*covered* by claims that an experiment judges, *not checkable* for a stated reason, or *open*,
left to a later work. Claims and entries name each other; :func:`disagreements` finds where they
do not.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .discovery import experiments_folder
from .errors import StorageError

#: What sort of statement an entry is: the kinds of claims, and what is no statement at all.
KINDS = (
    "identity",
    "inequality",
    "limit",
    "rate",
    "law",
    "definition",
    "algorithm",
    "empirical",
    "background",
)

#: The key that decides an entry's state -> the state. An entry has exactly one of them.
STATES = {"claims": "covered", "not_checkable": "not checkable", "open": "open"}

TEXTS = ("source", "kind", "title")


class Covering(Protocol):
    """What the catalogue asks of a claim."""

    id: str
    entries: Collection[str]


@dataclass(frozen=True)
class Entry:
    """One statement of the catalogue.

    Args:
        id: its name, unique in the catalogue.
        documents: the documents it stands in, such as ``("000", "001")``.
        source: slide, equation or theorem.
        kind: one of ``KINDS``.
        title: what is claimed, in one sentence, as the documents claim it: true or not.
        claims: ids of the claims that cover it; empty for the other two states.
        not_checkable: why nothing can be computed for or against it, or None.
        open: the later work that takes it up, or None.
    """

    id: str
    documents: tuple[str, ...]
    source: str
    kind: str
    title: str
    claims: tuple[str, ...] = ()
    not_checkable: str | None = None
    open: str | None = None

    @property
    def state(self) -> str:
        """``"covered"``, ``"not checkable"`` or ``"open"``."""
        if self.not_checkable is not None:
            return STATES["not_checkable"]
        return STATES["claims"] if self.open is None else STATES["open"]


def load_catalogue(path: str | Path | None = None) -> dict[str, Entry]:
    """Read the catalogue, in the order of its file.

    Args:
        path: a TOML file; by default theorylab's own ``experiments/catalogue.toml``.

    Returns:
        entries by id. An empty ``claims`` list is kept as it is: it says that an experiment is
        to cover the entry, and :func:`disagreements` reports it.

    Raises:
        StorageError: the file is missing, is not TOML, or an entry is malformed; the message
            names the entry, what it has and what is allowed.
    """
    path = experiments_folder() / "catalogue.toml" if path is None else Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(f"cannot read the catalogue {path}: {reason}") from None
    except ValueError as error:  # not UTF-8, not TOML, or a table written twice
        raise StorageError(f"the catalogue {path} is not valid TOML: {error}") from None
    tables = content.pop("entries", None)
    if content or not isinstance(tables, dict) or not tables:
        found = ", ".join(content) or "no entry"
        raise StorageError(
            f"the catalogue {path} must hold tables [entries.<id>] and nothing else; found {found}"
        )
    return {id: _entry(id, table, path) for id, table in tables.items()}


def disagreements(entries: Mapping[str, Entry], claims: Iterable[Covering]) -> list[str]:
    """Sentences that say where catalogue and claims do not name each other; none if they agree.

    Args:
        entries: as :func:`load_catalogue` returns them.
        claims: every claim of every experiment that the catalogue is kept for; a claim without
            entries covers none and is left alone.
    """
    found: list[str] = []
    covers: dict[str, tuple[str, ...]] = {}
    for claim in claims:
        if claim.id in covers:
            found.append(f"the claim {claim.id!r} is made twice, by one experiment or by two")
        covers[claim.id] = (*covers.get(claim.id, ()), *claim.entries)
    for entry in entries.values():
        if entry.state == "covered" and not entry.claims:
            found.append(f"the entry {entry.id!r} is to be covered but lists no claim")
        for id in entry.claims:
            if id not in covers:
                found.append(f"the entry {entry.id!r} lists {id!r}, which no experiment claims")
            elif entry.id not in covers[id]:
                found.append(f"the entry {entry.id!r} lists {id!r}, which does not cover it")
    for id, covered in covers.items():
        for name in covered:
            if name not in entries:
                found.append(f"the claim {id!r} covers {name!r}, which is not in the catalogue")
            elif id not in entries[name].claims:
                found.append(f"the claim {id!r} covers {name!r}, whose entry does not list it")
    return found


def _entry(id: str, table: Any, path: Path) -> Entry:
    def malformed(what: str) -> StorageError:
        return StorageError(f"entry {id!r} of {path}: {what}")

    if not re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", id):
        raise malformed("an id is letters and digits in words joined by single hyphens")
    if not isinstance(table, dict):
        raise malformed(f"must be a table [entries.{id}], not {table!r}")

    allowed = ("document", *TEXTS, *STATES)
    unknown = [key for key in table if key not in allowed]
    if unknown:
        raise malformed(f"unknown key {', '.join(unknown)}; allowed are {', '.join(allowed)}")
    for key in TEXTS:
        if not _is_text(table.get(key)):
            raise malformed(f"{key} must be a text that is not empty, not {table.get(key)!r}")
    if table["kind"] not in KINDS:
        raise malformed(f"kind is {table['kind']!r}; allowed are {', '.join(KINDS)}")

    documents = table.get("document")
    documents = [documents] if isinstance(documents, str) else documents
    if not _is_list(documents, r"\d{3}") or not documents:
        raise malformed(
            f"document is {table.get('document')!r}; it must be three digits such as "
            '"000", or a list of such'
        )

    states = [key for key in STATES if key in table]
    if len(states) != 1:
        raise malformed(
            f"has {' and '.join(states) or 'no state'}; it must have exactly one of "
            f"{', '.join(STATES)}"
        )
    claims = table.get("claims", [])
    if not _is_list(claims, r"\S+"):
        raise malformed(f"claims is {claims!r}; it must be a list of claim ids, each once")
    for key in ("not_checkable", "open"):
        if key in table and not _is_text(table[key]):
            raise malformed(f"{key} must be a text that is not empty, not {table[key]!r}")

    return Entry(
        id=id,
        documents=tuple(documents),
        source=table["source"],
        kind=table["kind"],
        title=table["title"],
        claims=tuple(claims),
        not_checkable=table.get("not_checkable"),
        open=table.get("open"),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_list(value: Any, pattern: str) -> bool:
    """Whether it is a list of different texts that match the pattern."""
    return (
        isinstance(value, list)
        and all(isinstance(item, str) and re.fullmatch(pattern, item) for item in value)
        and len(set(value)) == len(value)
    )
