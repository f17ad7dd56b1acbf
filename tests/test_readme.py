"""What the README prints, works: the example experiment, the Python snippet, the CI's commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def block(mark: str) -> str:
    """The code block behind the comment ``<!-- mark -->``."""
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block marked {mark!r}"
    return found[1]


def test_the_example_experiment_reaches_its_verdicts(theorylab, tmp_path):
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "coverage.py").write_text(block("example"))
    answer = theorylab("run", "coverage", "--preset", "quick", "--path", "my")
    assert answer.status == 0, answer.out
    assert "supported    two-sigma-corrected" in answer.out
    assert "refuted      two-sigma-as-stated" in answer.out


def test_the_python_snippet_runs():
    done = subprocess.run([sys.executable, "-c", block("python")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "tensor" in done.stdout


@pytest.mark.parametrize("mark", ["main job", "tests"])
def test_the_two_commands_install_into_a_fresh_environment(mark):
    commands = block(mark)
    assert commands.startswith("python3 -m venv .venv && . .venv/bin/activate &&\n")
    assert "pip install torch==2.13.0" in commands
    # One command: nothing may fail unnoticed in the middle.
    assert all(line.endswith("&&") for line in commands.strip().splitlines()[:-1])
