"""The shell completes names without importing anything heavy; real shells take the scripts."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from theorylab.completion import SHELLS, claim_ids
from theorylab.discovery import find, load

BIN = Path(sys.executable).parent


def complete(*words, cwd=None) -> dict[str, str]:
    """What click answers a shell for these words, the last of which is incomplete; value: type."""
    # As bash's script asks: one line for each item, type and value.
    done = subprocess.run(
        [BIN / "theorylab"],
        env={
            **os.environ,
            "_THEORYLAB_COMPLETE": "bash_complete",
            "COMP_WORDS": shlex.join(["theorylab", *words]),
            "COMP_CWORD": str(len(words)),
        },
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = filter(None, done.stdout.splitlines())
    return {line.partition(",")[2]: line.partition(",")[0] for line in lines}


def test_commands_presets_styles_and_names(tmp_path):
    assert {"list", "run", "completion"} <= set(complete(""))
    assert set(complete("run", "thin")) == {"thin_shell"}
    assert set(complete("run", "thin_shell", "thin")) == set()
    assert "all" in complete("run", "al") and "all" not in complete("run", "thin_shell", "a")
    assert set(complete("run", "x", "--preset", "")) == {"quick", "default", "paper"}
    assert set(complete("figures", "--style", "ic")) == {"icml2024", "iclr2024"}
    assert "--preset" in complete("run", "--pre")
    assert complete("diagnose", "fash") == {
        "fashion-mnist": "plain",
        "fashion-mnist-classifier": "plain",
        "": "file",
    }
    assert set(complete("data", "f")) == {"fashion-mnist"}


def test_claims_are_completed_where_one_is_shown():
    claims = [claim.id for claim in load("thin_shell").claims]
    offered = set(complete("show", "thin-shell-"))
    assert offered == {id for id in claim_ids(find()) if id.startswith("thin-shell-")}
    assert {id for id in claims if id.startswith("thin-shell-")} <= offered
    assert set(complete("show", "thin_s")) == {"thin_shell"}


def test_a_users_own_experiments(write_experiment, tmp_path):
    folder = write_experiment()
    assert "coin" in complete("run", "--path", str(folder), "co")
    assert "coin" not in complete("run", "co")
    assert "thin_shell" in complete("run", "--path", str(tmp_path / "not there"), "thin")


def test_it_imports_nothing_heavy():
    code = (
        "import sys; from theorylab.cli import main\n"
        "try: main(['run', 'x'])\n"
        "except SystemExit: pass\n"
        "print(' '.join(sys.modules), file=sys.stderr)"
    )
    words = {"COMP_WORDS": "theorylab show thin-", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "_THEORYLAB_COMPLETE": "bash_complete", **words},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "thin-shell" in done.stdout
    heavy = {"torch", "numpy", "scipy", "xarray", "sympy", "matplotlib", "dask", "sklearn", "rich"}
    assert not heavy.intersection(done.stderr.split())


def test_every_shell_gets_its_script(theorylab):
    for shell in SHELLS:
        printed = theorylab("completion", shell)
        assert printed.status == 0
        assert f"_THEORYLAB_COMPLETE={shell}_complete" in printed.out
    wrong = theorylab("completion", "fihs")
    assert wrong.status == 2 and "did you mean fish?" in wrong.err


IN_SHELL = {
    "bash": (
        ["--norc", "-c"],
        'eval "$(theorylab completion bash)"; COMP_WORDS=(theorylab run thin); COMP_CWORD=2; '
        '_theorylab_completion theorylab; echo "${COMPREPLY[@]}"',
    ),
    "zsh": (
        ["-f", "-c"],
        # Outside of its line editor zsh has no list to add to: what would be added is printed.
        "autoload -U compinit; compinit -u -D; words=(theorylab run thin); CURRENT=3; "
        "_describe() { print -r -- ${(P)3} }; compadd() { print -r -- $argv }; "
        'eval "$(theorylab completion zsh)"; _theorylab_completion',
    ),
    "fish": (
        ["--no-config", "-c"],
        "theorylab completion fish | source; complete -C 'theorylab run thin'",
    ),
}


@pytest.mark.parametrize("shell", IN_SHELL)
def test_a_real_shell_completes(shell, tmp_path):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    options, script = IN_SHELL[shell]
    done = subprocess.run(
        [shell, *options, script],
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "thin_shell" in done.stdout, done.stdout + done.stderr
    assert "solver_orders" not in done.stdout
