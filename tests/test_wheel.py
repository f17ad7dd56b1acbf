"""A wheel carries the experiments and figures, and runs them in an empty folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The unpacked wheel, as an installation without the checkout beside it."""
    made = tmp_path_factory.mktemp("wheel")
    source = made / "source"
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    for name in filter(None, tracked):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(made), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,) = made.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(made / "site")
    return made / "site"


def run(site, folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "theorylab", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )


def test_it_lists_runs_and_draws_without_the_checkout(site, tmp_path):
    names = {path.stem for path in (ROOT / "experiments").rglob("*.py")}
    listed = run(site, tmp_path, "list")
    assert names <= set(listed.stdout.split()), listed.stderr
    done = run(site, tmp_path, "run", "thin_shell", "--preset", "quick")
    assert done.returncode == 0, done.stdout + done.stderr
    drawn = run(site, tmp_path, "figures", "thin_shell", "--preset", "quick", "--format", "svg")
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "figures" / "thin_shell.svg").is_file()
    record = next((tmp_path / "results" / "thin_shell").glob("quick-*/run.json")).read_text()
    assert '"git": null' in record  # what ran was the wheel, not the checkout


def test_the_ledger_finds_the_catalogue_in_the_wheel(site, tmp_path):
    done = run(site, tmp_path, "claims", "thin_shell")
    assert done.returncode == 0, done.stderr
    assert "cannot be checked" in done.stdout
