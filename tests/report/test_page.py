"""The page from stored results: what stands on it, what is escaped, and what is said of damage."""

import json
import re
from importlib import resources

import pytest


@pytest.fixture
def report(run):
    """Report on a folder like ``stored`` into its ``out.html``."""

    def command(folder, *arguments):
        options = ("--path", folder / "mine", "--results", folder / "results")
        return run("report", *arguments, *options, "--out", folder / "out.html")

    return command


def test_the_page_counts_claims_and_sets_errata_beside_their_corrections(page, outline):
    found = outline(page.read_text())
    text = re.sub(r"\s+", " ", found.text)
    assert "5 claims from 3 documents, judged by 2 experiments: 2 supported, 2 refuted" in text
    assert "3 of 3" in text  # controls: two of the coin, one of the other
    # Five claims are judged from samples, each at 1e-4.
    assert "at most 0.05 %" in text
    erratum = text.split("Refuted as printed")[1]
    printed, corrected = erratum.index("=1.1p"), erratum.index("for each coin")
    assert printed < corrected < erratum.index("Ledger")
    assert "Off by at least 0.0" in erratum and "Proposition 1" in erratum
    assert "no power: the claim has no control" in text


def test_every_link_inside_the_page_leads_somewhere(page, outline):
    tags = outline(page.read_text()).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"] for tag, a in tags if tag == "a" and "href" in a]
    assert links and all(link.startswith("#") and link[1:] in ids for link in links)


def test_nothing_is_fetched(page, outline):
    html = page.read_text()
    for tag, attributes in outline(html).tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert attributes.get("src", "data:image/").startswith("data:image/")
    assert "http://" not in re.sub(r"data:image/\S+", "", html)
    assert "https://" not in re.sub(r"data:image/\S+", "", html)


def test_what_comes_from_files_is_text(page, outline, evil):
    html = page.read_text()
    found = outline(html)
    own = resources.files("theorylab.report").joinpath("page.js").read_text()
    assert found.scripts == [own]
    assert not [a for _, attributes in found.tags for a in attributes if a.startswith("on")]
    assert "pwned=1</script>" in found.text  # shown, and therefore escaped
    assert found.text.count("{{7*7}}") > 5
    for _tag, attributes in found.tags:
        assert "style" not in attributes
    # Every place of the hostile experiment shows its text in full.
    for start in ("why ", "place ", "doc ", "id "):
        assert start + evil in found.text


def test_a_statement_that_cannot_be_typeset_is_shown_as_it_is_written(page, outline, evil):
    assert "\\unknown " + evil in outline(page.read_text()).text


def test_the_same_results_give_the_same_bytes(stored, page, tmp_path, run):
    again = tmp_path / "again.html"
    options = ("--path", stored / "mine", "--results", stored / "results", "--out", again)
    assert run("report", *options) == 0
    assert again.read_bytes() == page.read_bytes()


def test_figures_and_the_command_stand_with_their_experiment(stored, page, outline):
    found = outline(page.read_text())
    images = [attributes for tag, attributes in found.tags if tag == "img"]
    assert len(images) == 1 and images[0]["src"].startswith("data:image/svg+xml;base64,")
    assert images[0]["alt"] == "Heads over $p$."
    assert f"python -m theorylab run coin --preset quick --path {stored / 'mine'}" in found.text
    sha = json.loads(next((stored / "results" / "coin").glob("*/run.json")).read_text())
    assert sha["measurements"]["tosses"]["sha256"] in found.text


def test_without_results_one_message_says_what_to_do(tmp_path, theorylab):
    answer = theorylab("report", "--results", tmp_path / "none")
    assert answer.status == 4 and answer.err.count("\n") == 1
    assert "no results are stored in" in answer.err and "theorylab run all" in answer.err
    answer = theorylab("report", "thin_shell", "--preset", "paper", "--results", tmp_path)
    assert "run thin_shell --preset paper" in answer.err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "damage",
    [
        '{"schema": "theorylab-1", "judgements": [{"id": 3}]}',
        '{"schema": "theorylab-1"}',
        '{"schema": "other"}',
        "{",
    ],
)
def test_damaged_verdicts_are_named_and_the_rest_is_reported(
    copy, capsys, damage, outline, evil, report
):
    path = next((copy / "results" / "hostile").glob("*/verdicts.json"))
    path.write_text(damage)
    assert report(copy) == 4
    err = capsys.readouterr().err
    assert str(path) in err and "theorylab judge hostile --preset quick" in err
    text = outline((copy / "out.html").read_text()).text
    assert str(path) in text and "frequency-as-stated" in text and evil not in text


def test_verdicts_by_other_checks_are_outdated(copy, capsys, outline, report):
    report(copy)
    assert "judged by other" not in capsys.readouterr().err
    assert "outdated" not in outline((copy / "out.html").read_text()).text
    file = copy / "mine" / "coin.py"
    file.write_text(file.read_text().replace("margin=0.02", "margin=0.03"))
    assert report(copy) == 0
    again = "theorylab judge coin --preset quick"
    err = capsys.readouterr().err
    assert "judged by other checks than there are now: coin;" in err and again in err
    text = outline((copy / "out.html").read_text()).text
    assert text.count("These verdicts are outdated") == 1 and again in text


def test_a_number_that_is_none_is_damage(copy, capsys, report):
    path = next((copy / "results" / "coin").glob("*/verdicts.json"))
    verdicts = json.loads(path.read_text())
    verdicts["judgements"][0]["evidence"]["lower"] = "<b>"
    path.write_text(json.dumps(verdicts))
    report(copy)
    assert f"{path} is damaged" in capsys.readouterr().err


def test_without_its_record_or_data_an_experiment_keeps_its_verdicts(copy, capsys, outline, report):
    folder = next((copy / "results" / "coin").glob("quick-*"))
    (folder / "run.json").unlink()
    (folder / "tosses.nc").write_bytes(b"")
    assert report(copy, "coin") == 0
    assert "coin: Its provenance is missing" in capsys.readouterr().err
    text = outline((copy / "out.html").read_text()).text
    assert "Not every figure could be drawn" in text and "1 supported" in text


def test_a_figure_that_fails_costs_only_itself(copy, capsys, report):
    (copy / "paper_figures" / "coin.py").write_text("def draw(result):\n    return 1 / 0\n")
    assert report(copy, "coin") == 0
    assert "Not every figure could be drawn: ZeroDivisionError" in capsys.readouterr().err


def test_a_claim_that_the_run_does_not_have_is_not_run(copy, outline, report):
    file = copy / "mine" / "coin.py"
    file.write_text(file.read_text().replace('"frequency-uncontrolled"', '"frequency-new"'))
    assert report(copy, "coin") == 0
    text = re.sub(r"\s+", " ", outline((copy / "out.html").read_text()).text)
    assert "1 not run" in text and "it was added later" in text


@pytest.mark.parametrize("out", ["results", "mine/coin.py/report.html"])
def test_a_place_that_cannot_be_written_is_refused(copy, capsys, out, run):
    status = run(
        "report", "--results", copy / "results", "--path", copy / "mine", "--out", copy / out
    )
    err = capsys.readouterr().err
    assert status == 4 and "cannot write the report to" in err and "--out" in err
    assert "--results" not in err and "Traceback" not in err


def test_an_unknown_experiment_gets_the_nearest_name(theorylab):
    answer = theorylab("report", "thin_shel")
    assert answer.status == 2 and "thin_shell" in answer.err
