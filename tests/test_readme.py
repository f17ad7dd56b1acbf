"""What the README prints, works: the example experiment, the Python snippet, the CI's commands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from theorylab import document_table
from theorylab.catalogue import load_catalogue
from theorylab.cli import cli
from theorylab.discovery import find, load

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def block(mark: str) -> str:
    """The code block behind the comment ``<!-- mark -->``."""
    found = re.search(rf"<!-- {mark} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block marked {mark!r}"
    return found[1]


def shell(mark: str) -> list[str]:
    """The arguments of the one command in a block."""
    words = shlex.split(block(mark))
    assert words[:3] == ["python", "-m", "theorylab"]
    return words[3:]


def test_the_walk_through_leads_to_its_verdicts_and_its_figure(theorylab, tmp_path):
    assert theorylab(*shell("new")).status == 0
    files = {"example": tmp_path / "my/noise_length.py"}
    files["figure"] = tmp_path / "my/paper_figures/noise_length.py"
    for mark, file in files.items():
        assert file.is_file()  # the walk-through replaces what `new` has written
        file.write_text(block(mark))
    answer = theorylab(*shell("run"))
    assert answer.status == 0, answer.out
    assert block("verdicts") in answer.out
    fewer = theorylab(*shell("run"), "--set", "draws=10000")
    assert fewer.out.count("inconclusive noise-length-") == 2
    assert "samples a point are needed" in fewer.out
    drawn = theorylab("figures", *shell("run")[1:], "--format", "svg")
    assert drawn.status == 0 and (tmp_path / "figures/noise_length.svg").is_file()


def test_the_table_of_documents_is_up_to_date():
    claims = [claim for name in find() for claim in load(name).claims]
    table = document_table.rows(load_catalogue(), claims)
    _, printed, _ = document_table.between_marks(README, Path("README.md"))
    assert printed == document_table.as_markdown(table), (
        "the table is out of date: python -m theorylab catalogue --into README.md"
    )


def test_its_commands_are_the_commands():
    table = README.split("| command | |")[1].split("\n\n")[0]
    named = {word for cell in re.findall(r"`([^`]+)`", table) for word in cell.split()}
    assert set(cli.commands) - {"completion"} <= named
    assert "theorylab completion" in README


def test_the_python_snippet_runs():
    done = subprocess.run([sys.executable, "-c", block("python")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tensor" in done.stdout


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(block("notebook"), "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "refuted      few-steps-gradient-estimation-best-as-stated" in out
    assert re.search(r"refuted at [1-9]\d* of \d+ points", out)
    assert (tmp_path / "few_steps.pdf").read_bytes().startswith(b"%PDF")
    assert r"\begin{longtable}" in (tmp_path / "claims.tex").read_text()


@pytest.mark.parametrize("mark", ["main job", "tests"])
def test_the_two_commands_install_into_a_fresh_environment(mark):
    commands = block(mark)
    assert commands.startswith("python3 -m venv .venv && . .venv/bin/activate &&\n")
    assert "pip install torch==2.13.0" in commands
    # One command: nothing may fail unnoticed in the middle.
    assert all(line.endswith("&&") for line in commands.strip().splitlines()[:-1])
