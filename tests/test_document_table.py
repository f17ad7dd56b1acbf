"""The table of documents counts entries and claims; every claim says where it stands."""

import re
from dataclasses import dataclass

import pytest

from theorylab import document_table
from theorylab.catalogue import Entry
from theorylab.claim import FORMS, Source
from theorylab.discovery import find, load
from theorylab.documents import DOCUMENTS
from theorylab.errors import StorageError


@dataclass(frozen=True)
class FakeClaim:
    document: str
    form: str
    expected: str | None

    @property
    def source(self):
        return Source(self.document, "slide 1")


def entry(id, *documents, **state):
    return Entry(id, documents, "slide", "identity", "A title.", **state)


def test_every_claim_names_a_document_and_a_place():
    claims = [claim for name in find() for claim in load(name).claims]
    assert len(claims) > 500
    for claim in claims:
        known = claim.source.document in DOCUMENTS
        # Anything else is a citation, by which the text can be found: it has a year.
        assert known or re.search(r"\b(19|20)\d\d\b", claim.source.document), claim.id
        assert claim.source.place.strip(), claim.id


def test_rows_count_entries_by_first_document_and_claims_by_source():
    entries = {
        e.id: e
        for e in (
            entry("a", "000", claims=("x",)),
            entry("b", "000", "001", open="later"),
            entry("c", "001", not_checkable="history"),
        )
    }
    claims = [
        FakeClaim("000", "as stated", "refuted"),
        FakeClaim("000", "reading", "supported"),
        FakeClaim("000", "reading", None),
        FakeClaim("000", "corrected", "supported"),
        FakeClaim("000", "derived", "supported"),
        FakeClaim("Vincent 2011", "as stated", "inconclusive"),
    ]
    cells = {row.name[:3]: row.cells()[1:] for row in document_table.rows(entries, claims)}
    printed = "1 supported, 1 refuted, 1 undecided"
    assert cells["000"] == ["2", "1", "0", "1", printed, "2 supported"]
    assert cells["001"] == ["1", "0", "1", "0", "-", "-"]
    assert cells["oth"] == ["0", "0", "0", "0", "1 undecided", "-"]
    together = "1 supported, 1 refuted, 2 undecided"
    assert cells["tog"] == ["3", "1", "1", "1", together, "2 supported"]
    assert list(cells) == [*DOCUMENTS, "oth", "tog"]
    assert "oth" not in {row.name[:3] for row in document_table.rows(entries, claims[:-1])}


def test_each_form_is_printed_or_not():
    assert [form for form in FORMS if form in document_table.PRINTED] == ["as stated", "reading"]


TABLE = document_table.rows({"a": entry("a", "000", open="x")}, [])


def test_the_table_goes_between_the_marks_and_nothing_else_changes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before σ\n\n<!-- documents -->\nold\n<!-- /documents -->\nbehind\n")
    assert document_table.update(page, TABLE)
    text = page.read_text()
    assert text.startswith("before σ\n\n<!-- documents -->\n| document |")
    assert text.endswith("|\n<!-- /documents -->\nbehind\n") and "old" not in text
    assert not document_table.update(page, TABLE)  # it is up to date


@pytest.mark.parametrize(
    "text",
    [
        "no mark",
        "<!-- documents -->\n",
        "<!-- /documents -->\n<!-- documents -->\n",
        2 * "<!-- documents -->\n<!-- /documents -->\n",
    ],
)
def test_a_page_without_the_marks_stays_as_it_is(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(StorageError, match="each once"):
        document_table.update(page, TABLE)
    assert page.read_text() == text


def test_the_command(theorylab, tmp_path):
    shown = theorylab("catalogue", "002").out
    assert shown.startswith("002  Wei, Unifying") and "eps-score-proportionality (" in shown
    assert "did you mean 00" in theorylab("catalogue", "02").err
    assert "leave DOCUMENT out" in theorylab("catalogue", "002", "--into", "page.md").err
    absent = theorylab("catalogue", "--into", "page.md")
    assert absent.status == 4 and "cannot read page.md" in absent.err
