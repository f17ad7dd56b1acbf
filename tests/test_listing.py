"""The list groups experiments by document, reads verdicts from any folder, and imports nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from theorylab import checks_version, latest, outline
from theorylab.discovery import find, load

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
FILE = Path(__file__)  # any file with code


@pytest.fixture
def stored(tmp_path):
    """Write a latest run with these verdicts; returns the experiment's folder of results."""

    def write(*verdicts, preset="quick", finished="2026-03-08T11:00:00Z", statuses=()):
        run = tmp_path / "results" / "coin" / f"{preset}-abc"
        run.mkdir(parents=True, exist_ok=True)
        statuses = statuses or [0] * len(verdicts)
        rows = [
            {"verdict": verdict, "status": status}
            for verdict, status in zip(verdicts, statuses, strict=True)
        ]
        judged = {"judgements": rows, "checks": checks_version.version(FILE)}
        (run / "verdicts.json").write_text(json.dumps(judged))
        (run / "run.json").write_text(json.dumps({"finished": finished}))
        (run.parent / f"latest-{preset}").write_text(f"{run.name}\n")
        return run.parent

    return write


# --- the documents that a file names, against the claims that it makes ---------------------------


def test_documents_read_from_the_text_are_those_of_the_claims():
    for name, path in find().items():
        claimed = {claim.source.document for claim in load(name).claims}
        assert set(outline.documents(path)) == claimed & set(outline.DOCUMENTS), name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Source("003", "slide")', ["003"]),
        ("Source(\n    '004',\n 'slide')", ["004"]),
        ('Source(document="002")', ["002"]),
        ('HERE = "001"\nx = Source(HERE, "figure 2")', ["001"]),
        ('HERE: str = "001"\nx = Source(HERE)', ["001"]),
        ("Source(UNKNOWN)", []),
        ('Source("Vincent 2011", "page 1")', []),
        ('# Source("001") was dropped\nSource("002")', ["002"]),
        ('DataSource("001")', []),
        ('a = Source("001"); b = Source("000"), Source("000")', ["000", "001"]),
    ],
)
def test_documents_are_found_in_the_text(tmp_path, text, expected):
    (tmp_path / "x.py").write_text(text)
    assert outline.documents(tmp_path / "x.py") == expected


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ('"""Coin: fair?\n\nMore.\n"""\nx = 1', "Coin: fair?"),
        ("# licence\n\nr'''\n  On \\sigma.\n'''", "On \\sigma."),
        ('"one line"\n', "one line"),
        ("x = 1\n", ""),
        ("", ""),
        ('x = """no docstring"""', ""),
    ],
)
def test_titles(tmp_path, text, title):
    (tmp_path / "x.py").write_text(text)
    assert outline.title(tmp_path / "x.py") == title


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('experiment.claim("shell-law", "x")', True),
        ('shell = experiment.about("shell", SOURCE)', True),
        ('shell = experiment.about(\n    "shell-law", SOURCE)', True),
        ('shell = experiment.about("she", SOURCE)', False),
        ('shell = experiment.about("shells", SOURCE)', False),
        ("x = 1", False),
    ],
)
def test_the_file_of_a_claim_is_found_in_its_text(tmp_path, text, expected):
    (tmp_path / "x.py").write_text(text)
    assert outline.may_claim(tmp_path / "x.py", "shell-law") is expected


# --- counts of stored verdicts -------------------------------------------------------------------


def test_counts_preset_and_age(stored):
    folder = stored("supported", "refuted", "supported", "inconclusive")
    expected = "2 supported, 1 refuted, 1 inconclusive; quick, 2 days ago"
    assert latest.summary(folder, FILE, NOW) == expected


def test_the_most_thorough_preset_wins(stored):
    stored("refuted", preset="default")
    assert latest.summary(stored("supported"), FILE, NOW).startswith("1 refuted; default")


def test_unexpected_verdicts_are_counted(stored):
    folder = stored("refuted", "inconclusive", "supported", statuses=[1, 3, 0])
    assert latest.summary(folder, FILE, NOW).endswith("2 days ago; 2 not as expected")


@pytest.mark.parametrize(
    ("finished", "age"),
    [
        ("2026-03-10T11:59:30Z", "quick, just now"),
        ("2026-03-10T11:59:00Z", "quick, 1 minute ago"),
        ("2026-03-10T09:01:00Z", "quick, 2 hours ago"),
        ("2026-03-11T09:00:00Z", "quick, just now"),
        ("yesterday", "quick"),
        (7, "quick"),
        ("2026-03-10T11:59:30", "quick"),
    ],
)
def test_age(stored, finished, age):
    folder = stored("supported", finished=finished)
    assert latest.summary(folder, FILE, NOW) == f"1 supported; {age}"


def test_verdicts_by_other_checks_are_outdated(stored, tmp_path, theorylab, write_experiment):
    folder = stored("supported")
    coin = write_experiment() / "coin.py"
    assert latest.summary(folder, coin, NOW).endswith("ago; outdated: theorylab judge coin")
    path = folder / "quick-abc" / "verdicts.json"
    path.write_text(path.read_text().replace('"checks"', '"chequers"'))  # by an earlier version
    assert "outdated" in latest.summary(folder, FILE, NOW)
    theorylab("run", "coin", "--preset", "quick", "--path", coin)
    assert "outdated" not in theorylab("list", "coin", "--path", coin).out
    coin.write_text(coin.read_text() + "\n# a comment\n")
    assert "outdated" not in theorylab("list", "coin", "--path", coin).out
    coin.write_text(coin.read_text().replace("margin=0.02", "margin=0.03"))
    assert "outdated: theorylab judge coin" in theorylab("list", "coin", "--path", coin).out
    coin.write_text(coin.read_text() + "\nx = (")  # being written; it must not hide the others
    assert "outdated" in latest.summary(tmp_path / "results" / "coin", coin)


def test_nothing_stored(tmp_path):
    assert latest.summary(tmp_path / "absent", FILE) == ""


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'{"judgements": 3}', b'{"judgements": [{"id": 1}]}'],
)
def test_damaged_and_foreign_verdicts_break_nothing(stored, theorylab, write_experiment, content):
    folder = stored("supported")
    (folder / "quick-abc" / "verdicts.json").write_bytes(content)
    assert "cannot be read; run it again" in latest.summary(folder, FILE)
    listed = theorylab("list", "coin", "--path", write_experiment())
    assert listed.status == 0 and "cannot be read; run it again" in listed.out


def test_a_pointer_to_a_run_that_is_gone(stored):
    folder = stored("supported")
    (folder / "latest-quick").write_text("quick-gone\n")
    assert "cannot be read" in latest.summary(folder, FILE)


# --- the commands --------------------------------------------------------------------------------


def test_a_fresh_list_groups_by_document_and_says_what_to_do(theorylab):
    lines = theorylab("list").out.splitlines()
    headings = [line for line in lines if line[:3].isdigit()]
    assert headings == sorted(headings) and headings[0].startswith("000  Yuan, Interpreting")
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(names) == list(find())
    assert lines[-1].startswith("Nothing is stored in results yet: python -m theorylab run all")


def test_verdicts_stand_below_the_title(stored, theorylab, write_experiment):
    stored("supported", "refuted")
    out = theorylab("list", "--path", write_experiment()).out.splitlines()
    at = next(i for i, line in enumerate(out) if line.split()[:1] == ["coin"])
    assert "1 supported, 1 refuted; quick, " in out[at + 1]
    assert sum("not run" in line for line in out) == len(find())
    assert "Other sources" in out  # the coin cites none of the documents


def test_words_narrow_the_list_down(theorylab, write_experiment):
    folder = write_experiment()
    assert (
        theorylab("list", "FAIR", "coin", "--path", folder).out.splitlines()[0] == "Other sources"
    )
    assert "thin_shell" in theorylab("list", "noise", "shell").out  # `noise` is its folder
    none = theorylab("list", "phlogiston")
    assert none.status == 2 and "no experiment has 'phlogiston'" in none.err


def test_a_file_that_is_being_written_does_not_hide_the_others(theorylab, write_experiment):
    folder = write_experiment("half", '"""Half a docstring\nexperiment = 1\n')
    (folder / "other.py").write_text('"\\N{no such}"\nexperiment = 1\n')
    write_experiment()
    listed = theorylab("list", "--path", folder)
    assert listed.status == 0
    assert "half" in listed.out and "Coin: is a fair coin fair?" in listed.out
    assert "other.py, line 1" in listed.out


def test_show_an_experiment(write_experiment, theorylab):
    shown = theorylab("show", "coin", "--path", write_experiment()).out
    for part in ("axis p: 0.3, 0.5, 0.7", "flips=200000", "control: a tenth less", "twin:"):
        assert part in shown


def test_show_one_claim_with_its_twin(theorylab, write_experiment):
    folder = write_experiment()
    shown = theorylab("show", "frequency-as-stated", "--path", folder).out
    assert "claim frequency-as-stated" in shown and "claim frequency (corrected" in shown
    assert "measurement" not in shown


def test_show_an_unknown_claim_names_the_nearest(monkeypatch, theorylab, write_experiment):
    from theorylab import listing

    own = {"coin": write_experiment() / "coin.py"}
    monkeypatch.setattr(listing, "find", lambda paths=(): own)
    answer = theorylab("show", "freqency-as-stated", "--path", own["coin"])
    assert answer.status == 2 and "did you mean frequency-as-stated?" in answer.err
