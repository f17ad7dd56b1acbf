"""The ledger for people, machines and papers."""

import csv
import io
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexWalker

from theorylab import claims, latex_tables

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


def test_outdated_verdicts_are_called_so_with_what_mends_them(ledger, theorylab, tmp_path):
    assert "outdated" not in ledger().out
    coin = tmp_path / "experiments" / "coin.py"
    coin.write_text(coin.read_text().replace("margin=0.02", "margin=0.03"))
    table = ledger(run=False)
    assert table.status == 0 and table.out.count("(outdated)") == 2
    assert "1 outdated" in table.err and "theorylab judge coin --preset quick" in table.err
    made = ledger("--json", run=False)
    assert [row["outdated"] for row in json.loads(made.out)[:2]] == [True, True]
    assert "theorylab judge coin" in made.err and "outdated" in ledger("--csv", run=False).out
    assert "theorylab judge coin" in repr(claims("coin", path=coin))
    again = re.search(r"theorylab (judge .*)", table.err)[1].split()
    assert theorylab(*again, "--path", coin).status == 0
    assert "outdated" not in ledger(run=False).out


@pytest.mark.parametrize("damage", ["{", "{}", '{"schema": "theorylab-1", "judgements": [{}]}'])
def test_damaged_verdicts_cost_only_themselves(ledger, theorylab, tmp_path, damage):
    ledger()
    coin = tmp_path / "experiments" / "coin.py"
    coin.with_name("token.py").write_text(coin.read_text().replace('"freq', '"token-freq'))
    theorylab("run", "token", "--path", coin.parent, "--preset", "quick")
    (path,) = (tmp_path / "results" / "coin").glob("*/verdicts.json")
    path.write_text(damage)
    for options in ((), ("--json",), ("--csv",), ("--latex",)):
        answer = theorylab("claims", "coin", "token", "--path", coin.parent, *options)
        assert answer.status == 4 and str(path.relative_to(tmp_path)) in answer.err
        assert "theorylab judge coin --preset quick" in answer.err
        assert "Traceback" not in answer.err and "supported" in answer.out
        assert options or answer.out.count("unreadable") == 2
    found = claims("coin", "token", path=coin.parent)
    assert [row["verdict"] for row in found] == [None, None, "supported", "refuted"]
    assert len(found.problems) == 1 and found.problems[0] in repr(found)
    assert theorylab("judge", "coin", "--path", coin.parent).status == 0
    assert theorylab("claims", "coin", "token", "--path", coin.parent).status == 0


def test_csv_has_a_line_a_claim_and_reads_back_to_the_same_numbers(ledger, tmp_path):
    text = ledger("--csv").out
    lines = list(csv.DictReader(io.StringIO(text)))
    assert text == ledger("--csv").out and "\r" not in text
    assert [line["id"] for line in lines] == ["frequency", "frequency-as-stated"]
    claims = json.loads(ledger("--json").out)[:2]
    for line, claim in zip(lines, claims, strict=True):
        assert float(line["estimate"]) == claim["estimate"]
        assert [float(line["lower"]), float(line["upper"])] == claim["interval"]
        assert [float(line["region_lower"]), float(line["region_upper"])] == claim["region"]
        assert line["sha256"] == f"tosses={claim['dataset sha256']['tosses']}"
    assert lines[0]["controls"] == lines[0]["controls_refuted"] == "1"


def test_csv_before_any_run_has_the_claims_and_no_verdict(ledger):
    lines = list(csv.DictReader(io.StringIO(ledger("--csv", run=False).out)))
    assert [line["verdict"] for line in lines] == ["", ""] and lines[0]["statement"] == "E[H]/n = p"


@pytest.mark.parametrize("two", [("--json", "--csv"), ("--csv", "--latex"), ("--latex", "--json")])
def test_one_format_at_a_time(ledger, two):
    answer = ledger(*two, run=False)
    assert answer.status == 2 and "one format at a time" in answer.err
    assert two[0] in answer.err and two[1] in answer.err


def tables(latex):
    """Caption and cells of every longtable, the source stripped of its frame."""
    found = {}
    for table in re.findall(r"\\begin\{longtable\}(.*?)\\end\{longtable\}", latex, re.DOTALL):
        caption = re.search(r"\\caption\{(.*?)\}\\label\{(.*?)\}\\\\\n", table, re.DOTALL)
        body = table.partition("\\endlastfoot\n")[2].rstrip().removesuffix(r" \\[2pt]")
        lines = [line.split(" & ") for line in body.split(" \\\\[2pt]\n")]
        found[caption[2]] = (caption[1], lines)
    return found


def test_latex_has_a_table_for_each_document_and_the_errata(ledger, tmp_path):
    found = tables(ledger("--latex").out)
    assert list(found) == ["tab:errata", "tab:claims-folklore"]
    caption, lines = found["tab:claims-folklore"]
    assert caption == "Claims of folklore: 1 supported, 1 refuted."
    assert [line[1:] for line in lines] == [
        ["$E[H]/n = p$", "corrected", "supported", "statistics"],
        ["$E[H]/n = 1.1 p$", "as stated", "refuted", "statistics"],
    ]
    ((printed, corrected, slip, source),) = found["tab:errata"][1]
    assert (printed, corrected, source) == ("$E[H]/n = 1.1 p$", "$E[H]/n = p$", "folklore")
    estimate = json.loads(ledger("--json").out)[1]["estimate"]
    assert f"{abs(estimate):.4g}" in slip and "p=0.7" in slip and "0.02" in slip


def test_latex_without_a_run_has_no_errata(ledger):
    out = ledger("--latex", run=False).out
    assert list(tables(out)) == ["tab:claims-folklore"] and "2 not run" in out


SPECIAL = r"100 % of A_1 & B#2 {x} ~ $5 ^ \sigma é – σ² ≥ 0"


def test_words_are_escaped_and_statements_are_mathematics(write_experiment, theorylab):
    folder = write_experiment()
    text = (folder / "coin.py").read_text()
    text = text.replace('Source("folklore")', f'Source("folklore", r"{SPECIAL}")')
    text = text.replace('r"E[H]/n = p"', r'r"E[H]/n = p \text{ for A_1 & B, 5 %}"')
    (folder / "coin.py").write_text(text)
    theorylab("run", "coin", "--path", folder, "--preset", "quick")
    out = theorylab("claims", "coin", "--path", folder, "--latex").out
    _, (printed, *_) = tables(out)["tab:claims-folklore"]
    place = LatexNodes2Text(math_mode="text").latex_to_text(printed[0])
    # Another route back: a parser of LaTeX reads what a reader of the paper would.
    assert place.replace(" ", "").replace("ˆ", "^") == SPECIAL.replace(" ", "")
    assert printed[1] == r"$E[H]/n = p $ for A\_{}1 \&{} B, 5 \%{}"
    compile_latex(out)


def test_a_statement_that_is_not_latex_costs_only_itself(write_experiment, theorylab):
    folder = write_experiment()
    text = (folder / "coin.py").read_text().replace('r"E[H]/n = p"', 'r"E[H/n} = {p"')
    (folder / "coin.py").write_text(text)
    out = theorylab("claims", "coin", "--path", folder, "--latex").out
    assert r"\texttt{E[H/n\} = \{p}" in out and "$E[H]/n = 1.1 p$" in out
    compile_latex(out)


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        (r"a, b", r"$a,\allowbreak  b$"),
        (r"x_{a,b}", r"$x_{a,b}$"),
        (r"x_\text{max} \le 1", r"$x_\text{max} \le 1$"),
        (r"\left(a \text{ or } b\right)", r"$\left(a \text{ or } b\right)$"),
        (r"\text{if } a \text{ then } b", r"if $ a $ then $ b$"),
        (r"\|x\| = \tfrac12", r"$\|x\| = \tfrac12$"),
    ],
)
def test_long_statements_may_break_at_words_and_commas(statement, shown):
    assert latex_tables.mathematics(statement) == shown
    compile_latex(latex_tables.mathematics(statement))


def compile_latex(fragment: str) -> None:
    """Compile with pdflatex where there is one; with a strict parser everywhere."""
    LatexWalker(fragment, tolerant_parsing=False).get_latex_nodes()
    if shutil.which("pdflatex") is None:
        return
    preamble = r"\usepackage[T1]{fontenc}\usepackage{amsmath,amssymb,booktabs,longtable,array}"
    with tempfile.TemporaryDirectory() as folder:
        document = (
            rf"\documentclass{{article}}{preamble}\begin{{document}}{fragment}\end{{document}}"
        )
        Path(folder, "paper.tex").write_text(document.replace("% Made", "%\n% Made"))
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2000:]
