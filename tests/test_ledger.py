"""The ledger for people, machines and papers."""

import json

import pytest

KEYS = {
    "id", "entries", "form", "experiment", "source", "statement", "kind", "expected", "verdict",
    "level", "estimate", "interval", "region", "points", "controls", "twin", "dataset sha256",
}  # fmt: skip


@pytest.fixture
def ledger(write_experiment, theorylab):
    folder = write_experiment()
    return lambda *options, run=True: (
        run and theorylab("run", "coin", "--path", folder, "--preset", "quick"),
        theorylab("claims", "coin", "--path", folder, *options),
    )[1]


def test_json_has_every_key_and_the_entries_that_cannot_be_checked(ledger):
    rows = json.loads(ledger("--json").out)
    claims = [row for row in rows if "id" in row]
    assert [row["id"] for row in claims] == ["frequency", "frequency-as-stated"]
    for row in claims:
        assert set(row) >= KEYS
        assert len(row["dataset sha256"]["tosses"]) == 64
    good, printed = claims
    assert good["controls"] == [{"statement": "a tenth less", "verdict": "refuted"}]
    assert good["twin"] == printed["id"] and printed["twin"] == good["id"]
    lower, upper = good["interval"]
    assert -0.02 <= lower <= good["estimate"] <= upper <= 0.02 and good["region"] == [-0.02, 0.02]
    rest = [row for row in rows if "entry" in row]
    assert rest and all(row["reason"] for row in rest)


def test_claims_that_were_not_run_are_listed_as_such(ledger):
    rows = json.loads(ledger("--json", run=False).out)
    assert rows[0]["verdict"] is None
    assert "not run" in ledger(run=False).out


def test_the_table_counts_claims_and_names_the_chance_of_error(ledger):
    out = ledger().out
    assert "2 claims" in out and "at most 0.0002" in out


def test_latex_is_a_table_of_the_claims(ledger):
    out = ledger("--latex").out
    assert out.count(r"\\[2pt]") == 3  # and one of the errata
    assert r"$E[H]/n = p$" in out
