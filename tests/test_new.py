"""What `new` writes runs, draws and is tidy; what it refuses, it refuses with a way out."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_what_is_written_runs_draws_and_is_tidy(theorylab, tmp_path):
    made = theorylab("new", "noise_length", "--in", "my papers")
    assert made.status == 0, made.err
    written = [
        Path("my papers/noise_length.py"),
        Path("my papers/paper_figures/noise_length.py"),
    ]
    assert [f"wrote {file}" for file in written] == made.out.splitlines()[:2]
    for command in (
        "run noise_length --preset quick --path 'my papers'",
        "figures noise_length --preset quick --path 'my papers'",
        "show noise_length --path 'my papers'",
    ):
        assert f"python -m theorylab {command}\n" in made.out

    run = theorylab("run", "noise_length", "--preset", "quick", "--path", "my papers")
    assert run.status == 0, run.out
    assert "supported    noise-length-corrected" in run.out
    assert "refuted      noise-length-as-stated" in run.out
    assert "1 of 1 controls refuted" in run.out
    drawn = theorylab(
        *("figures", "noise_length", "--preset", "quick"),
        *("--path", "my papers", "--format", "svg"),
    )
    assert drawn.status == 0, drawn.err
    assert "<svg" in (tmp_path / "figures" / "noise_length.svg").read_text()

    text = "".join(file.read_text() for file in written)
    assert "two_sigma" not in text and "two-sigma" not in text
    first = "lint.isort.known-first-party = ['theorylab']"  # as in a folder of this repository
    config = ["--config", str(ROOT / "pyproject.toml"), "--config", first, "my papers"]
    for check in (["check"], ["format", "--check"]):
        tidy = subprocess.run([sys.executable, "-m", "ruff", *check, *config], capture_output=True)
        assert tidy.returncode == 0, tidy.stdout.decode()


def test_its_verdicts_do_not_hang_on_the_seed(theorylab):
    # The name decides the random numbers, and a newcomer's name must not decide the first verdict.
    theorylab("new", "rule_of_thumb")
    for seed in range(5):
        answer = theorylab(
            "run", "rule_of_thumb", "--preset", "quick", "--path", "my", "--seed", str(seed)
        )
        assert answer.status == 0, answer.out


def test_the_template_explains_every_term():
    text = (ROOT / "theorylab" / "template" / "two_sigma.py").read_text()
    for term in ("MEASUREMENT", "PRESET", "CHECK", "MARGIN", "CLAIM", "CONTROL", "TWIN"):
        assert text.count(term) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two-sigma", "did you mean two_sigma?"),
        ("two sigma", "did you mean two_sigma?"),
        ("noise.py", "did you mean noise?"),
        ("2sigma", "did you mean _2sigma?"),
        ("lambda", "did you mean lambda_experiment?"),
        ("", "cannot name an experiment"),
        ("../up", "did you mean up?"),
        ("thin_shell", "there is an experiment 'thin_shell' already"),
        ("all", "'all' means every experiment"),
        ("random", "is the name of a Python module"),
    ],
)
def test_names_that_cannot_be_used(theorylab, tmp_path, name, message):
    answer = theorylab("new", name)
    assert answer.status == 2 and message in answer.err
    assert not list(tmp_path.rglob("*.py"))


def test_nothing_is_overwritten(theorylab, tmp_path):
    figure = tmp_path / "my" / "paper_figures" / "mine.py"
    figure.parent.mkdir(parents=True)
    figure.write_text("# mine\n")
    answer = theorylab("new", "mine")
    assert answer.status == 2 and "stays as it is" in answer.err
    assert figure.read_text() == "# mine\n" and not (tmp_path / "my" / "mine.py").exists()

    figure.unlink()
    theorylab("new", "mine")
    before = (tmp_path / "my" / "mine.py").read_text()
    again = theorylab("new", "mine")
    assert again.status == 2 and "there is an experiment 'mine' already" in again.err
    assert (tmp_path / "my" / "mine.py").read_text() == before


def test_folders_that_cannot_be_written(theorylab, tmp_path):
    (tmp_path / "file").write_text("")
    assert "this is a file; give a folder" in theorylab("new", "mine", "--in", "file").err
    inside = theorylab("new", "mine", "--in", "file/deeper")
    assert inside.status == 4 and "choose another folder with --in" in inside.err


def test_among_its_own_experiments_the_figure_goes_to_its_own_figures(
    theorylab, tmp_path, monkeypatch
):
    from theorylab import discovery, new

    own = tmp_path / "checkout" / "experiments"
    (own / "noise").mkdir(parents=True)
    shutil.copy(ROOT / "experiments" / "catalogue.toml", own)
    for module in (discovery, new):
        monkeypatch.setattr(module, "experiments_folder", lambda: own)
    answer = theorylab("new", "mine", "--in", own / "noise")
    assert answer.status == 0 and "--path" not in answer.out
    figure = tmp_path / "checkout" / "paper_figures" / "noise" / "mine.py"
    assert figure.is_file() and discovery.figure_file(own / "noise" / "mine.py") == figure
