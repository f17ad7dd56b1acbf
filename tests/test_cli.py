"""Commands start fast, import nothing heavy for help and lists, and say what is there."""

import subprocess
import sys

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


def test_list_and_show(write_experiment, theorylab):
    folder = write_experiment()
    listed = theorylab("list", "--path", folder)
    assert "coin" in listed.out and "Coin: is a fair coin fair?" in listed.out
    shown = theorylab("show", "coin", "--path", folder).out
    for part in ("axis p: 0.3, 0.5, 0.7", "flips=200000", "control: a tenth less", "twin:"):
        assert part in shown


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
