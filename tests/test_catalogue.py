"""The catalogue is complete, well formed, and in step with the claims of the experiments."""

import re
import tomllib
from collections import Counter
from dataclasses import dataclass

import pytest

from theorylab.catalogue import KINDS, STATES, Entry, disagreements, load_catalogue
from theorylab.claim import KINDS as KINDS_OF_CLAIMS
from theorylab.discovery import experiments_folder, find, load
from theorylab.documents import DOCUMENTS
from theorylab.errors import StorageError

# Counted in the documents' audited lists of statements, by the document each was taken from.
ENTRIES_BY_DOCUMENT = {"000": 57, "001": 42, "002": 41, "003": 78, "004": 62}

ENTRY = {
    "document": "000",
    "source": "slide 'Ideal denoisers'",
    "kind": "identity",
    "title": "The ideal denoiser is a weighted mean of the data.",
    "open": "samplers and schedules",
}


@dataclass(frozen=True)
class FakeClaim:
    id: str
    entries: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue()


@pytest.fixture(scope="module")
def text():
    return (experiments_folder() / "catalogue.toml").read_text(encoding="utf-8")


def own_claims():
    """Claims of theorylab's own experiments; other installed packages answer for themselves."""
    own = experiments_folder().resolve()
    names = [name for name, path in find().items() if path.is_relative_to(own)]
    return [claim for name in names for claim in load(name).claims]


def written(folder, *, id="some-entry", without=(), **changes):
    """A catalogue of one entry in a file."""
    table = {key: value for key, value in {**ENTRY, **changes}.items() if key not in without}
    lines = [f"{key} = {toml(value)}" for key, value in table.items()]
    path = folder / "catalogue.toml"
    path.write_text("\n".join([f'[entries."{id}"]', *lines]), encoding="utf-8")
    return path


def toml(value):
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


# --- the catalogue itself ---------------------------------------------------------------------


def test_ids_are_unique_and_none_is_missing(catalogue, text):
    headers = re.findall(r"^\[entries\.(.+)\]$", text, flags=re.MULTILINE)
    assert [id for id, count in Counter(headers).items() if count > 1] == []
    assert len(headers) == sum(ENTRIES_BY_DOCUMENT.values()) == 280
    assert list(catalogue) == headers


def test_each_document_has_its_number_of_entries(catalogue):
    # The first document named is the one whose list the entry stands in.
    assert Counter(entry.documents[0] for entry in catalogue.values()) == ENTRIES_BY_DOCUMENT
    assert {name for entry in catalogue.values() for name in entry.documents} <= set(DOCUMENTS)


def test_each_entry_has_exactly_one_state(catalogue, text):
    # Read from the file, so that this does not rest on the loader that enforces it.
    for id, table in tomllib.loads(text)["entries"].items():
        (key,) = [key for key in ("claims", "not_checkable", "open") if key in table]
        assert catalogue[id].state == STATES[key]


def test_each_title_is_one_sentence_of_its_own(catalogue):
    titles = [entry.title for entry in catalogue.values()]
    assert [title for title, count in Counter(titles).items() if count > 1] == []
    assert [t for t in titles if not t.endswith(".") or "\n" in t or len(t) > 200] == []


def test_kinds_of_claims_are_kinds_of_entries():
    assert set(KINDS) - set(KINDS_OF_CLAIMS) == {"background"}


def test_what_is_no_statement_is_not_checkable(catalogue):
    background = [entry for entry in catalogue.values() if entry.kind == "background"]
    assert [entry.id for entry in background if entry.state != "not checkable"] == []


def test_catalogue_and_claims_name_each_other(catalogue):
    assert disagreements(catalogue, own_claims()) == []


# --- disagreements: each fault is found, and nothing else -------------------------------------


def covered(id, *claims):
    return Entry(id, ("000",), "slide", "identity", "A title.", claims)


def opened(id):
    return Entry(id, ("000",), "slide", "identity", "A title.", open="later work")


def named(*entries):
    return {entry.id: entry for entry in entries}


def test_agreement_has_nothing_to_report():
    entries = named(covered("a", "a-as-stated", "shared"), covered("b", "shared"), opened("c"))
    claims = [FakeClaim("a-as-stated", ("a",)), FakeClaim("shared", ("a", "b")), FakeClaim("own")]
    assert disagreements(entries, claims) == []


@pytest.mark.parametrize(
    "entries, claims, expected",
    [
        ([covered("a")], [], "'a' is to be covered but lists no claim"),
        ([covered("a", "x")], [], "'a' lists 'x', which no experiment claims"),
        ([covered("a", "x")], [FakeClaim("x")], "'a' lists 'x', which does not cover it"),
        ([opened("a")], [FakeClaim("x", ("b",))], "covers 'b', which is not in the catalogue"),
        ([opened("a")], [FakeClaim("x", ("a",))], "covers 'a', whose entry does not list it"),
        (
            [covered("a", "x")],
            [FakeClaim("x", ("a",)), FakeClaim("x")],
            "the claim 'x' is made twice",
        ),
    ],
)
def test_each_disagreement_is_reported_once(entries, claims, expected):
    (sentence,) = disagreements(named(*entries), claims)
    assert expected in sentence


# --- the loader -------------------------------------------------------------------------------


def test_an_entry_is_read_as_it_is_written(tmp_path):
    path = written(
        tmp_path, document=["000", "001"], without=["open"], claims=["x-as-stated", "x-corrected"]
    )
    assert load_catalogue(path) == {
        "some-entry": Entry(
            id="some-entry",
            documents=("000", "001"),
            source=ENTRY["source"],
            kind="identity",
            title=ENTRY["title"],
            claims=("x-as-stated", "x-corrected"),
        )
    }


@pytest.mark.parametrize(
    "key, value, state",
    [
        ("claims", ["x"], "covered"),
        ("claims", [], "covered"),
        ("not_checkable", "history", "not checkable"),
        ("open", "later", "open"),
    ],
)
def test_state_follows_from_the_key(tmp_path, key, value, state):
    path = written(tmp_path, without={"open"} - {key}, **{key: value})
    assert load_catalogue(str(path))["some-entry"].state == state


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"id": "two words"}, "joined by single hyphens"),
        ({"id": "ends-"}, "joined by single hyphens"),
        ({"titel": "x"}, "unknown key titel; allowed are document"),
        ({"title": " "}, "title must be a text that is not empty"),
        ({"title": 3}, "title must be a text that is not empty, not 3"),
        ({"without": ["source"]}, "source must be a text that is not empty, not None"),
        ({"kind": "theorem"}, "kind is 'theorem'; allowed are identity"),
        ({"without": ["document"]}, "document is None"),
        ({"document": []}, "document is []"),
        ({"document": "12"}, "document is '12'"),
        ({"document": ["000", "000"]}, "document is ['000', '000']"),
        ({"document": 4}, "document is 4"),
        ({"without": ["open"]}, "has no state; it must have exactly one of claims"),
        ({"claims": []}, "has claims and open; it must have exactly one"),
        ({"not_checkable": "x", "claims": ["a"]}, "has claims and not_checkable and open"),
        ({"without": ["open"], "claims": "a"}, "claims is 'a'; it must be a list"),
        ({"without": ["open"], "claims": ["a", "a"]}, "each once"),
        ({"without": ["open"], "claims": ["a b"]}, "each once"),
        ({"without": ["open"], "claims": [1]}, "each once"),
        ({"open": ""}, "open must be a text that is not empty"),
        ({"without": ["open"], "not_checkable": 1}, "not_checkable must be a text"),
    ],
)
def test_a_malformed_entry_is_named_with_what_is_allowed(tmp_path, changes, expected):
    path = written(tmp_path, **changes)
    with pytest.raises(StorageError) as error:
        load_catalogue(path)
    message = str(error.value)
    assert message.startswith(f"entry {changes.get('id', 'some-entry')!r} of {path}: ")
    assert expected in message


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"[entries.a]\n[entries.a]\n", "is not valid TOML"),
        (b"\xff", "is not valid TOML"),
        (b"", "found no entry"),
        (b"entries = 3", "found no entry"),
        (b"[entry.a]\n", "and nothing else; found entry"),
        (b"[entries]\na = 3\n", "entry 'a' of"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused(tmp_path, content, expected):
    path = tmp_path / "catalogue.toml"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=expected):
        load_catalogue(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"cannot read the catalogue .*none\.toml: No such file"):
        load_catalogue(tmp_path / "none.toml")
