"""theorylab from Python: the same runs, verdicts, files and messages as the command line's."""

import json
import os
import random
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
import xarray as xr
from matplotlib.figure import Figure

import theorylab
from theorylab import engine
from theorylab.evidence import Evidence

FIGURE = """
from theorylab import figures


def draw(result):
    figure, axes = figures.subplots()
    tosses = result.data["tosses"]
    axes.plot(tosses.p, tosses.heads / tosses.flips, "o")
    axes.set_title(result.verdict("frequency"))
    return figure


def draw_heads(result):
    figure, axes = figures.subplots()
    axes.plot(result.data.tosses.heads)
    return figure
"""


@pytest.fixture
def own(write_experiment, monkeypatch, tmp_path):
    """Keyword arguments that find the coin experiment; the folder of results is empty."""
    monkeypatch.chdir(tmp_path)
    folder = write_experiment()
    (folder / "paper_figures").mkdir()
    (folder / "paper_figures" / "coin.py").write_text(FIGURE)
    return {"preset": "quick", "path": folder}


def test_a_result_holds_what_was_measured_and_judged(own):
    result = theorylab.run("coin", **own)
    assert list(result.data) == ["tosses"]
    assert result.data.tosses is result.data["tosses"]
    assert "tosses" in dir(result.data)
    assert result.data.tosses.p.values.tolist() == [0.3, 0.5, 0.7]
    assert result.verdicts == {"frequency": "supported", "frequency-as-stated": "refuted"}
    assert result.status == 0
    assert result.claims["frequency"].statement == "E[H]/n = p"
    assert len(result.sha256["tosses"]) == 64


def test_python_and_command_line_share_what_is_stored(own, theorylab):
    import theorylab as library

    shell = ["coin", "--preset", "quick", "--path", own["path"], "--set", "p=0.25,0.5"]
    assert theorylab("run", *shell, "--seed", 3).status == 0
    result = library.run("coin", **own, set={"p": np.array([0.25, 0.5])}, seed=3)
    record = json.loads((result.folder / "run.json").read_text())
    assert record["overrides"] == {"p": ["0.25", "0.5"]}
    assert [p.name for p in result.folder.parent.glob("custom-*")] == [result.folder.name]
    loaded = library.load_result("coin", **own, set={"p": [0.25, 0.5]}, seed=3)
    xr.testing.assert_identical(loaded.data.tosses, result.data.tosses)


def test_loading_takes_the_most_thorough_stored_run_and_writes_nothing(own, tmp_path):
    with pytest.raises(theorylab.StorageError, match="run it first: theorylab run coin"):
        theorylab.load_result("coin", path=own["path"])
    theorylab.run("coin", **own)
    larger = theorylab.run("coin", "default", path=own["path"])
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "results").rglob("*") if p.is_file()}
    found = theorylab.load_result("coin", path=own["path"])
    assert found.preset == "default" and found.verdicts == larger.verdicts
    assert int(found.data.tosses.flips[0]) == 400_000
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "results").rglob("*") if p.is_file()}
    assert before == after


def test_evidence_is_given_for_every_point_and_for_a_control(own):
    result = theorylab.run("coin", **own)
    evidence = result.evidence("frequency")
    assert isinstance(evidence, Evidence) and evidence.points == 3
    assert evidence.verdict() == "supported"
    assert result.evidence("frequency", "a tenth less").verdict() == "refuted"


def test_figures_are_drawn_by_name_for_a_venue(own):
    result = theorylab.run("coin", **own)
    assert result.figures == ["coin", "coin-heads"]
    narrow, wide = result.figure(), result.figure("heads", style="jmlr", width="full")
    assert isinstance(narrow, Figure) and narrow.get_figwidth() < wide.get_figwidth()
    assert narrow.axes[0].get_title(loc="left") == "supported"
    assert narrow._repr_png_().startswith(b"\x89PNG")  # what a notebook asks for
    for wrong, message in (
        ({"name": "coin-head"}, "did you mean coin-heads"),
        ({"style": "icml"}, "icml2024"),
        ({"width": "third"}, "half"),
    ):
        with pytest.raises(theorylab.UsageError, match=message):
            result.figure(**wrong)


def test_a_table_has_a_row_for_each_claim(own):
    frame = theorylab.run("coin", **own).to_dataframe()
    assert list(frame.index) == ["frequency", "frequency-as-stated"]
    assert frame.verdict.tolist() == ["supported", "refuted"]
    row = frame.loc["frequency"]
    assert row.region_lower <= row.lower <= row.estimate <= row.upper <= row.region_upper


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"experiment": "coins"}, "did you mean coin?"),
        ({"preset": "fast"}, "there are quick, default, paper"),
        ({"set": {"q": 1}}, "no such axis or parameter"),
        ({"set": {"p": []}}, "there is no value"),
        ({"set": {"p": None}}, "give a value or a list"),
        ({"set": {"flips": "many"}}, "not a value of type int"),
        ({"seed": -1}, "0 or more"),
        ({"device": "tpu"}, "cpu, cuda"),
        ({"jobs": 0}, "at least one process"),
        ({"path": "nowhere"}, "no such file or folder"),
    ],
)
def test_wrong_use_is_an_exception_with_a_message_for_people(own, wrong, message):
    with pytest.raises(theorylab.UsageError) as caught:
        theorylab.run(**({"experiment": "coin"} | own | wrong))
    assert message in str(caught.value)


def test_names_that_are_not_there_are_errors_of_both_kinds(own):
    result = theorylab.run("coin", **own)
    for ask in (
        lambda: result.data["toss"],
        lambda: result.verdict("frequencies"),
        lambda: result.evidence("frequency", "a tenth"),
        lambda: theorylab.claims("coin", path=own["path"])["frequencies"],
    ):
        with pytest.raises(KeyError) as caught:
            ask()
        assert isinstance(caught.value, theorylab.UsageError)
        assert str(caught.value).startswith("there is no ")
    assert result.data.get("toss") is None
    with pytest.raises(AttributeError, match="did you mean tosses"):
        result.data.toss  # noqa: B018


def test_a_failed_cell_warns_and_leaves_the_rest(write_experiment, own):
    text = (own["path"] / "coin.py").read_text()
    (own["path"] / "coin.py").write_text(
        text.replace(
            "    return xr", '    if p == 0.5:\n        raise ValueError("stuck")\n    return xr'
        )
    )
    with pytest.warns(UserWarning, match="failed: ValueError: stuck"):
        result = theorylab.run("coin", **own)
    assert result.status == 4 and set(result.verdicts.values()) == {"inconclusive"}
    assert "stuck" in repr(result) and "stuck" in result._repr_html_()
    with pytest.raises(KeyError, match=r"no data of 'tosses'.*stuck"):
        result.data["tosses"]


def test_nothing_is_printed_and_no_setting_of_the_process_changes(own, capfd):
    theorylab.run("coin", **own).figure()  # what is imported on first use is imported now
    capfd.readouterr()

    def state():
        return {
            "threads": torch.get_num_threads(),
            "dtype": torch.get_default_dtype(),
            "torch": torch.get_rng_state().numpy().tobytes(),
            "numpy": str(np.random.get_state()),
            "python": random.getstate(),
            "matplotlib": dict(mpl.rcParams),
            "environment": dict(os.environ),
            "path": list(sys.path),
            "folder": os.getcwd(),
            "errors": np.geterr(),
        }

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        before = state()
        result = theorylab.run("coin", **own, fresh=True)
        result.figure(width="full", style="beamer")
        assert result.evidence("frequency") and result._repr_html_() and repr(result)
        theorylab.claims("coin", path=own["path"]).to_latex()
        assert state() == before
    finally:
        torch.set_num_threads(threads)
    assert capfd.readouterr() == ("", "")


def test_what_a_cluster_sets_for_its_workers_is_undone(own, monkeypatch):
    class Cluster:
        """Sets what dask sets when it starts processes, and computes here."""

        def __init__(self, jobs, scheduler):
            os.environ.update(PYTHONHASHSEED="6640", OMP_NUM_THREADS="17")

        def __call__(self, tasks):
            return engine.serial(tasks)

        def close(self):
            pass

    monkeypatch.setattr(engine, "Dask", Cluster)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = dict(os.environ)
    assert theorylab.run("coin", **own, jobs=2).status == 0
    assert dict(os.environ) == before


def test_progress_is_shown_where_it_is_asked_for(own, monkeypatch, capsys):
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    theorylab.run("coin", **own, progress=True)
    shown = capsys.readouterr().out
    assert "measuring" in shown and "3/3" in shown


def test_importing_theorylab_imports_nothing_heavy():
    code = (
        "import sys, theorylab; print({'numpy', 'torch', 'xarray', 'matplotlib'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
