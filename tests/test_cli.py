"""Commands start fast, import nothing heavy for help and lists, and say what is there."""

import subprocess
import sys

import pytest

from theorylab.cli import cli
from theorylab.command_options import PRESETS
from theorylab.discovery import find, load

HEAVY = ("torch", "numpy", "scipy", "xarray", "sympy", "matplotlib", "dask", "sklearn")


def imported(*arguments) -> set[str]:
    """Top-level modules that a command imports."""
    code = (
        "import sys; from theorylab.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit: pass\n"
        "print('\\n' + ' '.join(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_and_list_import_nothing_heavy():
    for arguments in (["--help"], ["run", "--help"], ["list"]):
        assert not imported(*arguments).intersection(HEAVY)


def test_help_and_list_are_fast():
    # Processor time, so that a busy machine does not decide; the best of three tries.
    code = (
        "import time; from theorylab.cli import main\ntry: main([{!r}])\nexcept SystemExit: pass\n"
    )
    for argument in ("--help", "list"):
        program = code.format(argument) + "print(time.process_time())"
        done = [
            subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
            for _ in range(3)
        ]
        assert min(float(one.stdout.splitlines()[-1]) for one in done) < 0.4


@pytest.mark.parametrize("name", cli.commands)
def test_help_says_what_a_command_does_and_gives_an_example(name, theorylab):
    shown = theorylab(name, "--help").out
    assert "Example" in shown and " python -m theorylab " in shown
    for line in shown.splitlines():
        words = line.removeprefix("  Example:").split()
        if words[:3] == ["python", "-m", "theorylab"]:
            assert words[3] in cli.commands
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            own = cli.commands[words[3]].params
            assert options <= {
                flag for option in own for flag in option.opts + option.secondary_opts
            }, line


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("lst", "did you mean list?"),
        ("thin_shell", "it is an experiment; theorylab run thin_shell"),
        ("zzz", "there are list, show, run"),
        ("run thinshell", "did you mean thin_shell?"),
        ("run Thin_Shell", "did you mean thin_shell?"),
        ("run thin-shell", "did you mean thin_shell?"),
        ("run experiments/noise/thin_shell.py", "give its name alone, thin_shell"),
        ("run samplers", "that is a folder, with "),
        ("run thin-shell-constant-symbolic", "that is a claim; `theorylab show thin-"),
        ("run file.py", "for a file of your own: file --path file.py"),
        ("run qqqqqqqqq", "experiments of your own need --path DIR"),
        ("run thin_shell --preset quik", "did you mean quick?"),
        ("run thin_shell --perset quick", "--preset"),
        ("run thin_shell --preset quick --set dims=3", "did you mean dim?"),
        ("run thin_shell --device gpu", "'cpu', 'cuda'"),
        ("show thin_shel", "did you mean thin_shell?"),
        ("judge thin_shel", "did you mean thin_shell?"),
        ("claims thin_shel", "did you mean thin_shell?"),
        ("figures thin_shel", "did you mean thin_shell?"),
        ("figures --style icml", "did you mean icml2024?"),
        ("data mnist", "did you mean fashion-mnist?"),
        ("data fashon-mnist", "did you mean fashion-mnist?"),
        ("train digit", "did you mean digits?"),
        ("diagnose fashion-mnst", "did you mean fashion-mnist"),
    ],
)
def test_what_is_mistyped_gets_the_nearest_name(theorylab, tmp_path, typed, hint):
    (tmp_path / "file.py").write_text("experiment = 1\n")
    answer = theorylab(*typed.split())
    assert answer.status == 2 and hint in answer.err, answer.err
    assert "Traceback" not in answer.err


def test_without_a_preset_the_most_thorough_stored_results_are_judged(
    theorylab, write_experiment, tmp_path
):
    folder = write_experiment()
    nothing = theorylab("judge", "coin", "--path", folder)
    assert nothing.status == 4 and "run it first" in nothing.err
    nothing = theorylab("judge", "--path", folder)
    assert nothing.status == 4 and "run all --preset quick" in nothing.err
    assert not (tmp_path / "results").exists()  # asking leaves nothing behind

    theorylab("run", "coin", "--preset", "quick", "--path", folder)
    for arguments in (["coin"], []):
        judged = theorylab("judge", *arguments, "--path", folder)
        assert judged.status == 0 and "stored in results/coin/quick-" in judged.out
    absent = theorylab("judge", "--preset", "default", "--path", folder)
    assert absent.status == 4 and "no results of the preset default" in absent.err
    theorylab("run", "coin", "--preset", "default", "--path", folder)
    assert "stored in results/coin/default-" in theorylab("judge", "--path", folder).out


def test_every_experiment_has_a_plan_for_every_preset():
    for name in find():
        for measurement in load(name).measurements.values():
            for preset in PRESETS:
                planned = measurement.left_out(preset) or measurement.plan(preset).cells()
                assert planned, (name, measurement.name, preset)


def test_data(theorylab, tmp_path):
    digits = theorylab("data", "digits")
    assert digits.status == 0 and "1797 images of 8 x 8" in digits.out
    absent = theorylab("data", "fashion-mnist", "--folder", tmp_path, "--no-download")
    assert absent.status == 4
    assert "dataset-fashion-mnist" in absent.err


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "theorylab", "--version"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "theorylab" in done.stdout
