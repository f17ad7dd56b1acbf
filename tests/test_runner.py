"""Reuse, resume, keys and overrides, through the command line as a user would."""

import json

import pytest
import xarray as xr

from theorylab import checks_version, engine, runner, store
from theorylab.discovery import reference


@pytest.fixture
def coin(write_experiment, theorylab):
    folder = write_experiment()
    return lambda *a, run="run": theorylab(run, "coin", "--path", folder, "--preset", "quick", *a)


def stored(tmp_path, pattern="quick-*"):
    (folder,) = (tmp_path / "results" / "coin").glob(pattern)
    return folder


def test_a_run_stores_data_verdicts_and_provenance(coin, tmp_path):
    answer = coin()
    assert answer.status == 0, answer.out
    assert "controls refuted 1/1" in answer.out
    folder = stored(tmp_path)
    assert sorted(p.name for p in folder.iterdir()) == [
        ".lock", "run.json", "tosses.nc", "verdicts.json",
    ]  # fmt: skip
    record = store.read_json(folder / "run.json")
    tosses = record["measurements"]["tosses"]
    assert tosses["sha256"] == store.sha256(folder / "tosses.nc")
    assert len(tosses["seconds"]) == 3
    assert record["provenance"]["packages"]["numpy"]
    verdicts = store.read_json(folder / "verdicts.json")["judgements"]
    assert verdicts[0]["datasets"] == {"tosses": tosses["sha256"]}
    assert (folder.parent / "latest-quick").read_text().strip() == folder.name


def test_a_second_run_measures_nothing_and_a_fresh_one_gives_the_same_bytes(coin, tmp_path):
    coin()
    path = stored(tmp_path) / "tosses.nc"
    before, when = store.sha256(path), path.stat().st_mtime_ns
    again = coin("--why")
    assert "reused: stored under the same key" in again.out
    assert path.stat().st_mtime_ns == when
    fresh = coin("--fresh", "--why")
    assert "computed: --fresh" in fresh.out
    assert path.stat().st_mtime_ns != when
    assert store.sha256(path) == before


def test_a_changed_check_judges_again_without_measuring(coin, tmp_path, write_experiment):
    coin()
    path = stored(tmp_path) / "tosses.nc"
    when = path.stat().st_mtime_ns
    text = (tmp_path / "experiments" / "coin.py").read_text()
    write_experiment(text=text.replace("margin=0.02", "margin=0.001"))
    answer = coin()
    assert path.stat().st_mtime_ns == when
    assert answer.status == 3
    assert "inconclusive" in answer.out and "samples a point are needed" in answer.out


def test_changed_code_is_measured_again_and_says_so(coin, tmp_path, write_experiment):
    coin()
    text = (tmp_path / "experiments" / "coin.py").read_text()
    write_experiment(
        text=text.replace("int(rng.binomial(flips, p))", "int(rng.binomial(flips, p * 1.1))")
    )
    answer = coin("--why")
    assert "changed since the latest run: its code" in answer.out
    assert answer.status == 1


def test_overrides_never_become_the_latest_run_and_share_what_agrees(coin, tmp_path):
    coin()
    latest = (tmp_path / "results" / "coin" / "latest-quick").read_text()
    answer = coin("--set", "p=0.5", "--set", "flips=300000")
    assert answer.status == 0
    custom = stored(tmp_path, "custom-*")
    dataset = store.read_dataset(custom / "tosses.nc")
    assert list(dataset.p.values) == [0.5] and int(dataset.flips[0]) == 300_000
    assert (tmp_path / "results" / "coin" / "latest-quick").read_text() == latest
    same = coin("--set", "flips=200000", "--why")
    assert "holds the same measurement" in same.out


def test_one_and_one_point_zero_are_the_same_cell(coin, tmp_path):
    coin("--set", "p=0.50")
    coin("--set", "p=.5")
    assert len(list((tmp_path / "results" / "coin").glob("custom-*"))) == 1


def test_the_seed_changes_the_numbers(coin, tmp_path):
    coin()
    coin("--seed", "7")
    one = store.read_dataset(stored(tmp_path) / "tosses.nc")
    two = store.read_dataset(stored(tmp_path, "custom-*") / "tosses.nc")
    assert not one.heads.equals(two.heads)


def test_a_cell_does_not_depend_on_the_rest_of_its_grid(coin, tmp_path):
    coin()
    coin("--set", "p=0.7")
    one = store.read_dataset(stored(tmp_path) / "tosses.nc").sel(p=[0.7])
    two = store.read_dataset(stored(tmp_path, "custom-*") / "tosses.nc")
    xr.testing.assert_equal(one, two)


def test_judge_reads_what_is_stored(coin, tmp_path, write_experiment):
    nothing = coin(run="judge")
    assert nothing.status == 4 and "run it first" in nothing.err
    coin()
    text = (tmp_path / "experiments" / "coin.py").read_text()
    # Also after the measuring code has changed: the stored numbers are judged, with a note.
    write_experiment(text=text.replace("binomial(flips, p)", "binomial(flips, p * 2)"))
    answer = coin(run="judge")
    assert answer.status == 0
    assert "measured by other code" in answer.out


def test_judging_again_makes_outdated_verdicts_new(coin, tmp_path, write_experiment):
    coin()
    path = stored(tmp_path) / "verdicts.json"
    text = (tmp_path / "experiments" / "coin.py").read_text()
    folder = write_experiment(text=text.replace("margin=0.02", "margin=0.03"))
    assert checks_version.outdated(store.read_json(path), folder / "coin.py")
    assert coin(run="judge").status == 0
    assert not checks_version.outdated(store.read_json(path), folder / "coin.py")
    # Verdicts of an earlier version agree in their key, but do not name their checks.
    old = store.read_json(path)
    del old["checks"]
    store.write_json(path, old)
    coin(run="judge")
    assert store.read_json(path)["checks"]["experiment"]["sha256"]


MISSING = """
    '''Pictures: with a data set that is not here.'''
    import xarray as xr
    from theorylab import Control, Experiment, Missing, Source, checks

    experiment = Experiment()

    @experiment.measure(grid={"images": ["digits", "martian"], "n": [1, 2]})
    def sizes(images, n):
        if images == "martian":
            raise Missing("martian photographs are not on this machine: go there")
        return xr.Dataset({"error": 0.0})

    def check(sizes, shift=0.0):
        return checks.identity(abs(sizes.error + shift), 1e-12, 1e-6, "rounding")

    experiment.claim("a", "x", source=Source("000"), check=check, controls=[Control("b", shift=1)])
"""


def test_a_missing_data_set_skips_its_cells_visibly(write_experiment, theorylab, tmp_path):
    folder = write_experiment("pictures", MISSING)
    answer = theorylab("run", "pictures", "--path", folder)
    assert answer.status == 0
    assert answer.out.count("go there") == 2
    (path,) = (tmp_path / "results" / "pictures").glob("default-*/verdicts.json")
    (judgement,) = json.loads(path.read_text())["judgements"]
    assert len(judgement["skipped"]) == 2
    assert "go there" in theorylab("run", "pictures", "--path", folder).out


@pytest.fixture
def edges(write_experiment):
    """The coin, and a coin on its edge: measured in the paper preset alone."""
    folder = write_experiment()
    text = (
        (folder / "coin.py").read_text()
        + """
@experiment.measure(grid={"p": [0.5]}, quick=None, paper={"rolls": 10_000})
def edge(p, rolls, rng):
    return xr.Dataset({"heads": int(rng.binomial(rolls, p)), "flips": rolls})


def rolled(edge, factor=1.0):
    return checks.proportion(edge.heads, edge.flips, factor * edge.p, margin=0.1, reason="a fifth")


experiment.claim(
    "edge", r"E[H]/n = p", source=Source("folklore"), check=rolled,
    controls=[Control("half", factor=0.5)],
)
"""
    )
    return write_experiment(text=text)


def test_what_a_preset_leaves_out_is_not_judged_and_not_missed(edges, theorylab, tmp_path):
    answer = theorylab("run", "coin", "--preset", "quick", "--path", edges)
    assert answer.status == 0, answer.out
    said = "not in the quick preset; run with --preset paper"
    assert f"left out coin.edge: {said}" in answer.out and "1 without data" in answer.out
    assert "misses" not in answer.out
    assert set(store.read_json(stored(tmp_path) / "run.json")["measurements"]) == {"tosses"}
    edge = store.read_json(stored(tmp_path) / "verdicts.json")["judgements"][2]
    assert (edge["verdict"], edge["why"]) == ("inconclusive", f"no data (edge: {said})")
    assert not edge["asked"] and edge["controls"][0]["verdict"] == "inconclusive"
    assert theorylab("judge", "coin", "--path", edges).status == 0
    assert "not as expected" not in theorylab("list", "coin", "--path", edges).out
    (row,) = [
        row
        for row in json.loads(theorylab("claims", "coin", "--path", edges, "--json").out)
        if row.get("id") == "edge"
    ]
    assert not row["asked"] and row["why"].endswith(f"{said})")
    paper = theorylab("run", "coin", "--preset", "paper", "--path", edges)
    assert paper.status == 0 and "left out" not in paper.out and "3 as expected" in paper.out


def test_an_override_of_what_is_left_out_says_which_preset_has_it(edges, theorylab, tmp_path):
    run = ("run", "coin", "--preset", "quick", "--path", edges, "--set")
    for key in ("edge.rolls", "rolls"):
        refused = theorylab(*run, f"{key}=9")
        assert refused.status == 2 and not (tmp_path / "results").exists()
        said = f"--set {key}: edge is not in the quick preset; run with --preset paper"
        assert said in refused.err
    # An axis that other measurements share is theirs.
    assert theorylab(*run, "p=0.5").status == 0


def test_show_says_what_is_left_out(edges, theorylab):
    shown = theorylab("show", "coin", "--path", edges).out
    assert shown.count("left out") == 2 and "paper: rolls=10000" in shown
    assert shown.count("judged in the preset: paper\n") == 1


def test_a_run_of_nothing_but_what_is_left_out_has_checked_nothing(edges, theorylab):
    text = (edges / "coin.py").read_text()
    (edges / "coin.py").write_text(text.replace("quick={", "quick=None, paper={"))
    answer = theorylab("run", "coin", "--preset", "quick", "--path", edges)
    assert answer.status == 3 and "nothing was checked" in answer.err


def test_dask_gives_the_bits_of_the_serial_engine(write_experiment, tmp_path):
    paths = [write_experiment()]
    shas = []
    for jobs in (1, 2):
        settings = runner.Settings("quick", results=tmp_path / f"results-{jobs}")
        run = runner.prepare(reference("coin", paths), settings)
        with engine.engine(jobs) as chosen:
            runner.execute([run], chosen)
        assert [j.status for j in run.judgements] == [0, 0]
        shas.append(run.sha256)
    assert shas[0] == shas[1]
