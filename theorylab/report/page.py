"""The page: what was gathered, counted and typeset, in one HTML file that needs no network.

Everything that came from a file passes the template's escaping, or is markup that ``mathml`` and
``interval_plot`` have built of escaped parts. A content security policy names the hashes of the
page's own style and script, so that nothing else could run even if an escape were forgotten.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from .. import ledger, store
from ..checks_version import mend
from ..claim import FORMS
from ..errors import StorageError
from ..evidence import REFUTED
from . import counts, interval_plot, mathml, numbers, sentences
from .gather import Section


def write(path: Path, sections: Sequence[Section], problems: Sequence[str]) -> int:
    """Write the page in one step; returns its size in bytes.

    Raises:
        StorageError: the file cannot be written.
    """
    content = render(sections, problems).encode("utf-8")
    writable(path)
    try:
        store.write_bytes(path, content)
    except StorageError as error:
        raise _unwritable(path, str(error.__cause__ or error)) from None
    return len(content)


def writable(path: Path) -> None:
    """StorageError unless the file can be made; better before the figures are drawn than after."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from None
    if path.is_dir():
        raise _unwritable(path, "it is a folder")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _unwritable(path, "Permission denied")


def _unwritable(path: Path, reason: str) -> StorageError:
    return StorageError(
        f"cannot write the report to {path}: {reason}; choose another file with --out"
    )


def render(sections: Sequence[Section], problems: Sequence[str] = ()) -> str:
    """The whole page; the same bytes for the same sections."""
    rows = [row for section in sections for row in section.rows]
    anchors = _ids("claim", [(row["experiment"], row["id"]) for row in rows])
    claims = [_claim(row, s, anchors) for s in sections for row in s.rows]
    own = resources.files(__package__)

    def read(name: str) -> str:
        return own.joinpath(name).read_text(encoding="utf-8")

    css, script = read("page.css"), read("page.js")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html").render(
        css=Markup(css),
        script=Markup(script),
        css_hash=_hash(css),
        script_hash=_hash(script),
        facts=counts.facts(sections),
        totals=counts.totals(claims),
        tally=counts.tally(claims),
        errata=_errata(sections, claims),
        sections=[
            (s, counts.provenance(s), [c for c in claims if c["section"] is s]) for s in sections
        ],
        documents=counts.documents(claims),
        choices=counts.choices(claims, sections),
        levels=sentences.LEVELS,
        signs=counts.SIGNS,
        not_checkable=ledger.not_checkable(),
        open=counts.open_entries(),
        problems=problems,
        mend=mend,
        in_dollars=mathml.in_dollars,
        catalogued=any(row["entries"] for row in rows),
        ids={
            "document": _ids("document", [row["source"]["document"] for row in rows]),
            "experiment": _ids("experiment", [section.name for section in sections]),
        },
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _ids(prefix: str, names: Sequence) -> dict:
    """An HTML id for each name, in letters and digits; different for different names."""
    ids: dict = {}
    for name in dict.fromkeys(names):
        text = name[-1] if isinstance(name, tuple) else name
        plain = f"{prefix}-{re.sub(r'[^A-Za-z0-9]+', '-', text).strip('-')}".rstrip("-")
        id, n = plain, 1
        while id in ids.values():
            n += 1
            id = f"{plain}-{n}"
        ids[name] = id
    return ids


def _claim(row: Mapping, section: Section, anchors: Mapping) -> dict:
    verdict = row["verdict"] or counts.NOT_RUN
    plot = None
    if row["interval"] is not None:
        plot = interval_plot.draw(row["estimate"], row["interval"], row["region"], verdict)
    document = row["source"]["document"]
    searched = [row["id"], section.name, section.title, row["statement"], row["conditions"]]
    searched += [document, row["source"]["title"], row["source"]["place"]]
    return {
        "section": section,
        "id": row["id"],
        "anchor": anchors[section.name, row["id"]],
        "row": row,
        "verdict": verdict,
        "statement": mathml.typeset(row["statement"]),
        "conditions": mathml.prose(row["conditions"]),
        "searched": " ".join(searched).lower(),
        "sentence": sentences.evidence(row),
        "found": sentences.found(row),
        "off": verdict == REFUTED
        and row["interval"] is not None
        and numbers.number(numbers.gap(row["interval"], row["region"]), 3),
        "plot": plot and Markup(plot.svg),
        "logarithmic": bool(plot and plot.logarithmic),
        "level": row["level"] or "none",
        "alpha": row["alpha"] and numbers.number(row["alpha"]),
        "unexpected": bool(row["verdict"] and row["asked"])
        and row["expected"] not in (None, row["verdict"]),
        "twin": anchors.get((section.name, row["twin"])),
        "controls": [
            {
                "statement": mathml.prose(control["statement"]),
                "verdict": control["verdict"] or counts.NOT_RUN,
                "found": sentences.control(control),
            }
            for control in row["controls"]
        ],
    }


def _errata(sections: Sequence[Section], claims: Sequence[Mapping]) -> list[dict]:
    """What is refuted as printed, then as read, beside what holds; by document and place."""
    by_row = {id(claim["row"]): claim for claim in claims}
    pairs = [pair for section in sections for pair in ledger.errata(section.rows)]
    found = [{"printed": by_row[id(row)], "twin": twin and by_row[id(twin)]} for row, twin in pairs]

    def place(erratum: Mapping) -> tuple:
        row = erratum["printed"]["row"]
        return FORMS.index(row["form"]), row["source"]["document"], row["source"]["place"]

    return sorted(found, key=place)
