"""The documents, and what has become of their statements: one row a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .catalogue import STATES, Entry
from .documents import DOCUMENTS
from .errors import StorageError
from .evidence import INCONCLUSIVE, REFUTED, SUPPORTED
from .store import write_atomically

#: Forms that say what stands in a document, an ambiguous statement in each reading; all others
#: say what should stand there.
PRINTED = ("as stated", "reading")

HEADINGS = ("document", "statements", *STATES.values(), "as printed", "corrected or derived")

#: What a claim is expected to be -> the word for it.
WORDS = {SUPPORTED: "supported", REFUTED: "refuted", INCONCLUSIVE: "undecided", None: "undecided"}

BEGIN, END = "<!-- documents -->\n", "<!-- /documents -->"


@dataclass
class Row:
    """A document: entries of the catalogue by state, claims by the verdict that is expected."""

    name: str
    entries: Counter = field(default_factory=Counter)
    printed: Counter = field(default_factory=Counter)
    other: Counter = field(default_factory=Counter)

    def cells(self) -> list[str]:
        states = [str(self.entries[state]) for state in STATES.values()]
        return [
            self.name,
            str(self.entries.total()),
            *states,
            *map(_in_words, (self.printed, self.other)),
        ]


def rows(entries: Mapping[str, Entry], claims: Iterable) -> list[Row]:
    """One row for each document, one for other sources if claims name any, and the sum.

    An entry counts for the first document that it stands in, a claim for its source's document.
    """
    table = {number: Row(f"{number} {title}") for number, title in DOCUMENTS.items()}
    elsewhere, total = Row("other sources"), Row("together")
    for entry in entries.values():
        for row in (table[entry.documents[0]], total):
            row.entries[entry.state] += 1
    for claim in claims:
        for row in (table.get(claim.source.document, elsewhere), total):
            count = row.printed if claim.form in PRINTED else row.other
            count[WORDS[claim.expected]] += 1
    others = [elsewhere] if elsewhere.printed or elsewhere.other else []
    return [*table.values(), *others, total]


def as_markdown(table: Sequence[Row]) -> str:
    """A table with one line for each row."""
    numbers = len(HEADINGS) - 3
    lines = [HEADINGS, ["---", *["--:"] * numbers, "---", "---"], *(row.cells() for row in table)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def between_marks(text: str, path: Path) -> tuple[str, str, str]:
    """What stands before, between and behind the marks of the table.

    Raises:
        StorageError: the text does not hold each mark once, in their order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise StorageError(
            f"{path} must hold the line {BEGIN.strip()} and behind it {END}, each once: the table "
            "goes between them"
        )
    before, rest = text.split(BEGIN)
    between, behind = rest.split(END)
    return before + BEGIN, between, END + behind


def update(path: Path, table: Sequence[Row]) -> bool:
    """Put the table between the marks of a Markdown file; whether that changed the file.

    Raises:
        StorageError: the file cannot be read or written, or lacks the marks.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot read {path}: {error}") from None
    before, _, behind = between_marks(text, path)
    new = f"{before}{as_markdown(table)}{behind}"
    if new != text:
        write_atomically(path, lambda temporary: temporary.write_text(new, encoding="utf-8"))
    return new != text


def _in_words(count: Counter) -> str:
    words = dict.fromkeys(WORDS.values())
    return ", ".join(f"{count[word]} {word}" for word in words if count[word]) or "-"
