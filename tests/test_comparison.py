"""Comparing stored runs: exactly, by the claims, or not at all; always with the reason."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import theorylab as library
from theorylab import store
from theorylab.comparison import compare_runs, differences
from theorylab.stored_runs import StoredRun


@pytest.fixture
def coin(write_experiment, theorylab):
    """Run the coin experiment into a results folder, after replacing some of its text."""

    def run(results, *options, preset="quick", **replace):
        folder = write_experiment()
        text = (folder / "coin.py").read_text()
        for old, new in replace.get("replace", {}).items():
            assert old in text
            text = text.replace(old, new)
        (folder / "coin.py").write_text(text)
        own = ["--path", folder, "--preset", preset, "--results", results, *options]
        answer = theorylab("run", "coin", *own)
        assert "stored in" in answer.out, answer.err
        return results

    return run


def only(folder):
    (run,) = (folder / "coin").glob("*-*/run.json")
    return run.parent


def test_a_run_made_twice_is_the_same_to_the_last_bit(coin, theorylab, tmp_path):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b")
    shutil.rmtree(tmp_path / "experiments")  # the stored files are enough
    answer = theorylab("compare", a, b, "--all")
    assert answer.status == 0, answer.out
    assert answer.out.startswith("same     coin")
    assert "data tosses: identical" in answer.out
    assert "frequency-as-stated: refuted in both" in answer.out
    assert "2 of 2 verdicts agree" in answer.out
    for one, other in ((a / "coin", b), (only(a), b / "coin"), (only(a), only(b))):
        assert theorylab("compare", one, other).status == 0


def test_other_seeds_and_presets_are_compared_by_the_claims(coin, theorylab, tmp_path):
    a = coin(tmp_path / "a")
    b, c = coin(tmp_path / "b", "--seed", 1), coin(tmp_path / "c", preset="default")
    seeds = theorylab("compare", a, only(b), "--all")
    assert seeds.status == 0, seeds.out
    assert "preset quick, seed 0 | preset quick, seed 1" in seeds.out
    assert "other data (seed)" in seeds.out and "margins apart" in seeds.out
    presets = theorylab("compare", a, c)
    assert presets.status == 0 and "other data (parameters)" in presets.out


def test_the_distance_is_told_in_margins(coin, tmp_path):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b", "--seed", 1)
    (pair,) = library.compare(a, only(b))
    (claim,) = (claim for claim in pair.claims if claim.id == "frequency")
    estimates = [
        json.loads((only(folder) / "verdicts.json").read_text())["judgements"][0]["evidence"]
        for folder in (a, b)
    ]
    apart = abs(estimates[0]["estimate"] - estimates[1]["estimate"]) / 0.02
    assert f"{float(f'{apart:.1e}'):g} margins apart" in claim.text


def test_another_verdict_is_a_difference(coin, theorylab, tmp_path):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b", "--set", "flips=500")
    answer = theorylab("compare", a, only(b))
    assert answer.status == 1
    assert "frequency: supported | inconclusive" in answer.out
    assert "flips=500" in answer.out


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("E[H]/n = p", "E[H] = n p", "claim frequency: differs in its statement"),
        ("margin=0.02", "margin=0.01", "claim frequency: differs in its check"),
        ("factor=1.1", "factor=1.2", "claim frequency-as-stated: differs in its parameters"),
        ("factor=0.9", "factor=0.8", "claim frequency: differs in its controls"),
        ('"frequency-as-stated"', '"printed"', "only one of them has the claim printed"),
        ("rng.binomial(flips, p)", "rng.binomial(flips, p / 1)", "tosses: its code differs"),
        ("[0.3, 0.5, 0.7]", "[0.3, 0.5]", "its grid differs: p is [0.3, 0.5, 0.7] and [0.3, 0.5]"),
    ],
)
def test_other_definitions_are_refused_by_name(coin, theorylab, tmp_path, old, new, reason):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b", replace={old: new})
    answer = theorylab("compare", a, b)
    assert answer.status == 2 and answer.out.startswith("refused  coin")
    assert reason in answer.out
    assert "verdicts agree" not in answer.out


def test_comments_reasons_and_expectations_are_no_definition(coin, theorylab, tmp_path):
    a = coin(tmp_path / "a")
    b = coin(tmp_path / "b", replace={"    return checks": "    # tossed\n    return checks"})
    assert theorylab("compare", a, b).status == 0


def test_a_grid_typed_in_is_refused(coin, theorylab, tmp_path):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b", "--set", "p=0.3,0.5")
    answer = theorylab("compare", a, only(b))
    assert answer.status == 2 and "its grid differs" in answer.out


def change_one_value(run, by):
    path = run / "tosses.nc"
    dataset = store.read_dataset(path)
    dataset["heads"][1] += by
    store.write_dataset(path, dataset)


def test_a_value_that_differs_under_one_key_is_named_with_its_place(coin, theorylab, tmp_path):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b")
    change_one_value(only(b), 3)
    refused = theorylab("compare", a, b)
    assert refused.status == 2 and "not the data that the verdicts are about" in refused.out
    own = ["--path", tmp_path / "experiments", "--preset", "quick", "--results", b]
    theorylab("judge", "coin", *own)
    answer = theorylab("compare", a, b)
    assert answer.status == 1
    assert "heads in 1 of 3 values, most at p=0.5 by 3" in answer.out
    # Another processor may round otherwise: then the claims decide.
    record = json.loads((only(b) / "run.json").read_text())
    record["provenance"]["blas"] = ["another"]
    (only(b) / "run.json").write_text(json.dumps(record))
    elsewhere = theorylab("compare", a, b)
    assert elsewhere.status == 0 and "the claims decide" in elsewhere.out


def test_folders_of_results_are_compared_experiment_by_experiment(
    coin, write_experiment, theorylab, tmp_path
):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b")
    folder = write_experiment("penny")
    for results in (a, b):
        theorylab("run", "penny", "--path", folder, "--preset", "quick", "--results", results)
    shutil.rmtree(a / "coin")
    answer = theorylab("compare", a, b)
    assert answer.status == 0
    assert "same     penny" in answer.out and f"only in {b}: coin" in answer.out


def damage_record(run):
    (run / "run.json").write_text("{")


def foreign_record(run):
    (run / "run.json").write_text('{"schema": "another"}')


def damage_verdicts(run):
    path = run / "verdicts.json"
    content = json.loads(path.read_text())
    del content["judgements"][0]["verdict"]
    path.write_text(json.dumps(content))


def earlier_verdicts(run):
    path = run / "verdicts.json"
    content = json.loads(path.read_text())
    del content["definitions"]
    path.write_text(json.dumps(content))


def no_verdicts(run):
    (run / "verdicts.json").unlink()


def no_data(run):
    (run / "tosses.nc").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (damage_record, "cannot read"),
        (foreign_record, "not written by this version"),
        (damage_verdicts, "is damaged: KeyError: 'verdict'"),
        (earlier_verdicts, "judge it again: theorylab judge coin --preset quick --results"),
        (no_verdicts, "cannot read"),
        (no_data, "tosses.nc is missing"),
    ],
)
def test_spoilt_files_are_named_and_nothing_is_compared(coin, theorylab, tmp_path, spoil, message):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b")
    spoil(only(b))
    for pair in ((a, b), (only(a), only(b))):
        answer = theorylab("compare", *pair)
        said = answer.out + answer.err
        assert answer.status == 2 and message in said and "Traceback" not in said
        assert str(only(b)) in said


def test_folders_without_runs_are_refused(coin, theorylab, tmp_path):
    a, b = coin(tmp_path / "a"), coin(tmp_path / "b", "--seed", 4)
    (tmp_path / "empty").mkdir()
    for other, message in (
        ("nowhere", "no such folder"),
        ("empty", "holds no latest run"),
        (b, f"there is {only(b)}: give its path"),
    ):
        answer = theorylab("compare", a, other)
        assert answer.status == 2 and message in answer.err
    preset = theorylab("compare", a, a, "--preset", "paper")
    assert preset.status == 2 and "not both have a run of the preset 'paper'" in preset.out


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.integers(-1000, 1000), min_size=6, max_size=6),
    st.integers(0, 5),
    st.integers(1, 50),
)
def test_the_largest_difference_is_found_with_its_place(values, at, by):
    left = xr.Dataset(
        {"x": (("row", "column"), np.reshape(values, (2, 3)).astype(float))},
        coords={"row": ["a", "b"]},
    )
    assert differences(left, left.copy(deep=True)) == []
    right = left.copy(deep=True)
    row, column = divmod(at, 3)
    right.x[row, column] += by
    (found,) = differences(left, right)
    assert found.startswith(f"x in 1 of 6 values, most at row={'ab'[row]}, column={column} by {by}")


def test_variables_and_shapes_that_differ_are_named():
    left = xr.Dataset({"x": ("k", [1.0, 2.0]), "name": ("k", ["a", "b"])})
    right = xr.Dataset({"x": ("k", [1.0, 2.0, 3.0]), "y": 1})
    assert differences(left, right) == [
        "x is float64 {'k': 2} and float64 {'k': 3}",
        "only one of them has name",
        "only one of them has y",
    ]
    (text,) = differences(left[["name"]], left[["name"]].assign(name=("k", ["a", "c"])))
    assert "name in 1 of 2 values, most at k=1" in text


@pytest.mark.parametrize(
    ("estimates", "verdict", "status"),
    [
        ((0.5, 0.9), "refuted", "same"),
        ((0.5, -0.9), "refuted", "differs"),
        ((0.001, -0.001), "supported", "same"),
    ],
)
def test_a_slip_to_the_other_side_is_a_difference(estimates, verdict, status, tmp_path):
    def run(estimate):
        evidence = {
            "estimate": estimate, "lower": estimate, "upper": estimate,
            "region": [-0.02, 0.02], "where": "",
        }  # fmt: skip
        record = {
            "experiment": "coin", "preset": "quick", "seed": 0, "overrides": {},
            "measurements": {}, "provenance": {},
        }  # fmt: skip
        judged = {"c": {"id": "c", "verdict": verdict, "evidence": evidence, "datasets": {}}}
        return StoredRun(tmp_path, record, judged, {"c": {}}, "code", {})

    pair = compare_runs(*map(run, estimates))
    assert pair.status == status
    apart = abs(estimates[0] - estimates[1]) / 0.02
    assert f"{apart:g} margins apart" in pair.claims[0].text
