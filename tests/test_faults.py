"""What goes wrong, goes wrong with one message, the right status, and finished work intact."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from theorylab import store

SLOW = """
    '''Slow: many small cells.'''
    import time
    import xarray as xr
    from theorylab import Control, Experiment, Source, checks

    experiment = Experiment()

    @experiment.measure(grid={"a": list(range(8)), "b": list(range(5))})
    def walks(a, b, rng):
        time.sleep(0.05)
        return xr.Dataset({"path": ("t", rng.standard_normal(200).cumsum())})

    def finite(walks, limit=1e3):
        return checks.bound(abs(walks.path).max("t") - limit, 1e-9, 1e-6, "far from any walk")

    experiment.claim("a", "x", source=Source("000"), check=finite, controls=[Control("b", limit=0)])
"""


def command(folder, results, name="slow"):
    return [
        sys.executable, "-m", "theorylab", "run", name, "--path", str(folder),
        "--results", str(results),
    ]  # fmt: skip


def test_killed_at_random_moments_and_resumed_gives_the_same_bytes(write_experiment, tmp_path):
    folder = write_experiment("slow", SLOW)
    plain, killed = tmp_path / "plain", tmp_path / "killed"
    subprocess.run(command(folder, plain), check=True, capture_output=True)
    moments, shards_seen = random.Random(0), []
    for _ in range(4):
        process = subprocess.Popen(command(folder, killed), stdout=subprocess.DEVNULL)
        while process.poll() is None and not list(killed.glob("slow/*/shards/*.nc")):
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = {p: p.stat().st_mtime_ns for p in killed.glob("slow/*/shards/walks-*.nc")}
        # Nothing that was done is lost or done again.
        for earlier in shards_seen:
            assert earlier.items() <= done.items()
        shards_seen.append(done)
    assert shards_seen[-1], "no kill hit a run with finished cells"
    answer = subprocess.run(command(folder, killed), check=True, capture_output=True, text=True)
    assert answer.stdout.count("done ") == 40 - len(shards_seen[-1])
    (one,) = plain.glob("slow/*/walks.nc")
    (two,) = killed.glob("slow/*/walks.nc")
    assert one.read_bytes() == two.read_bytes()
    assert not list(two.parent.glob("shards"))


RAISING = """
    '''Raising: one cell in three fails.'''
    import numpy as np
    import torch
    import xarray as xr
    from theorylab import Control, Experiment, Source, checks
    from theorylab.diffusion.denoisers import checked

    experiment = Experiment()
    BAD = {bad!r}

    def denoiser(x, sigma):
        if BAD == "nan":
            return x / 0 * 0
        return x[:1] if BAD == "shape" else x

    @experiment.measure(grid={{"n": [1, 2, 3]}})
    def good(n):
        return xr.Dataset({{"v": float(n)}})

    @experiment.measure(grid={{"n": [1, 2, 3]}})
    def bad(n):
        if n == 2 and BAD == "raise":
            raise ZeroDivisionError("by cell two")
        if n == 2 and BAD == "stored nan":
            return xr.Dataset({{"v": np.nan}})
        if n == 2 and BAD == "different":
            return xr.Dataset({{"w": 1.0}})
        if n == 2:
            checked(denoiser)(torch.ones(3, 2, dtype=torch.float64), 0.5)
        return xr.Dataset({{"v": float(n)}})

    def positive(good, limit=0.0):
        return checks.bound(limit - good.v, 1e-12, 1e-6, "integers")

    def positive_too(bad, limit=0.0):
        return checks.bound(limit - bad.v, 1e-12, 1e-6, "integers")

    for check in (positive, positive_too):
        experiment.claim(
            check.__name__, "v > 0", source=Source("000"), check=check,
            controls=[Control("above four", limit=4.0)],
        )
"""


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("raise", "ZeroDivisionError: by cell two"),
        ("stored nan", "'v': 1 of 1 are not finite"),
        ("different", "must return the same variables"),
        ("nan", "0.5"),
        ("shape", "(3, 2)"),
    ],
)
def test_a_bad_cell_is_reported_and_the_rest_is_judged(
    write_experiment, theorylab, tmp_path, bad, message
):
    folder = write_experiment("raising", RAISING.format(bad=bad))
    answer = theorylab("run", "raising", "--path", folder)
    assert answer.status == 4
    assert message in answer.out
    assert "Traceback" not in answer.out + answer.err
    assert "supported    positive " in answer.out
    assert "no data (bad:" in answer.out
    (record,) = (tmp_path / "results" / "raising").glob("default-*/run.json")
    assert store.read_json(record)["measurements"]["good"]["sha256"]
    # Run again, only what is missing is measured: every other cell is still there.
    again = theorylab("run", "raising", "--path", folder)
    assert again.status == 4
    assert again.out.count("done ") == 0


KILLING = """
    '''Killing: a cell that kills its worker, once or always.'''
    import os
    import signal
    from pathlib import Path
    import xarray as xr
    from theorylab import Control, Experiment, Source, checks

    experiment = Experiment()

    @experiment.measure(grid={{"n": [1, 2, 3, 4]}})
    def lengths(n):
        marker = Path({marker!r})
        if n == 2 and ({always} or not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return xr.Dataset({{"v": float(n)}})

    def positive(lengths, limit=0.0):
        return checks.bound(limit - lengths.v, 1e-12, 1e-6, "integers")

    experiment.claim(
        "positive", "v > 0", source=Source("000"), check=positive,
        controls=[Control("above five", limit=5.0)],
    )
"""


@pytest.mark.parametrize(("always", "status"), [(False, 0), (True, 4)])
def test_a_killed_workers_cell_is_retried_then_reported(write_experiment, tmp_path, always, status):
    text = KILLING.format(marker=str(tmp_path / "marker"), always=always)
    folder = write_experiment("killing", text)
    answer = subprocess.run(
        [*command(folder, tmp_path / "results", "killing"), "--jobs", "2"],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == status, answer.stdout + answer.stderr
    shown = "every worker that took this cell died" in answer.stdout
    assert shown == always
    if always:
        assert len(list((tmp_path / "results").glob("killing/*/shards/*.nc"))) == 3


@pytest.mark.parametrize("spoil", ["truncate", "foreign", "record"])
def test_a_damaged_stored_file_is_named_and_left_alone(
    write_experiment, theorylab, tmp_path, spoil
):
    folder = write_experiment()
    run = ["run", "coin", "--path", folder, "--preset", "quick"]
    theorylab(*run)
    (dataset,) = (tmp_path / "results" / "coin").glob("quick-*/tosses.nc")
    if spoil == "truncate":
        dataset.write_bytes(dataset.read_bytes()[:1000])
    elif spoil == "foreign":
        dataset.write_text("a letter to my aunt")
    else:
        run[0] = "judge"
        (dataset.parent / "run.json").write_text("{")
    before = dataset.read_bytes()
    answer = theorylab(*run)
    assert answer.status == 4
    assert ("run.json" if spoil == "record" else "tosses.nc") in answer.err
    assert answer.err.count("\n") == 1
    assert dataset.read_bytes() == before


def test_a_damaged_shard_is_measured_again(write_experiment, tmp_path):
    folder = write_experiment("slow", SLOW)
    process = subprocess.Popen(command(folder, tmp_path / "results"), stdout=subprocess.DEVNULL)
    while len(shards := sorted((tmp_path / "results").glob("slow/*/shards/walks-*.nc"))) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    shards[0].write_bytes(b"")
    answer = subprocess.run(command(folder, tmp_path / "results"), capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


def test_two_runs_of_one_key_at_once(write_experiment, theorylab, tmp_path):
    folder = write_experiment()
    run = ["run", "coin", "--path", folder, "--preset", "quick"]
    theorylab(*run)
    (stored,) = (tmp_path / "results" / "coin").glob("quick-*")
    with store.locked(stored):
        answer = theorylab(*run)
    assert answer.status == 4
    assert f"process {os.getpid()} is computing the same run" in answer.err
    assert theorylab(*run).status == 0


def test_a_results_folder_that_cannot_be_written(write_experiment, theorylab, tmp_path):
    (tmp_path / "occupied").write_text("a file")
    answer = theorylab(
        "run", "coin", "--path", write_experiment(), "--results", tmp_path / "occupied"
    )
    assert answer.status == 4
    assert "choose another folder with --results" in answer.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "cion"], "did you mean coin"),
        (["run", "coin", "--preset", "tiny"], "'quick', 'default', 'paper'"),
        (["run", "coin", "--set", "q=1"], "there are p, flips"),
        (["run", "coin", "--set", "p"], "KEY=VALUE"),
        (["run", "coin", "--set", "p=high"], "float"),
        (["run", "coin", "--set", "flips=1,2"], "one value"),
        (["run", "coin", "--jobs", "0"], "at least one process"),
        (["run", "coin", "--scheduler", "nonsense"], "scheduler nonsense"),
        (["run"], "EXPERIMENT"),
        (["rnu", "coin"], "did you mean run"),
        (["figures", "coin", "--style", "nature"], "neurips2024"),
        (["figures", "coin", "--format", "gif"], "pdf"),
        (["data", "mnist"], "fashion-mnist"),
    ],
)
def test_mistakes_at_the_keyboard(write_experiment, theorylab, arguments, message):
    if "coin" in arguments or "cion" in arguments:
        arguments = [*arguments, "--path", write_experiment()]
    if arguments[0] == "figures":
        theorylab("run", "coin", *arguments[-2:], "--preset", "quick")
        arguments += ["--preset", "quick"]
    answer = theorylab(*arguments)
    assert answer.status == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_a_run_that_checks_nothing_fails(write_experiment, theorylab):
    folder = write_experiment(
        "empty", "'''Empty.'''\nfrom theorylab import Experiment\nexperiment = Experiment()\n"
    )
    answer = theorylab("run", "empty", "--path", folder)
    assert answer.status == 3
    assert "nothing was checked" in answer.err
