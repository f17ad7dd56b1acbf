"""Experiments are files: found by name without importing them, loaded by path."""

import pytest

from theorylab import discovery
from theorylab.errors import UsageError


def test_own_and_user_experiments_are_found_without_importing(write_experiment):
    folder = write_experiment("boom", '"""Boom: never imported."""\nexperiment = 1 / 0\n')
    (folder / "notes.py").write_text("experiments = 3  # not an experiment file\n")
    found = discovery.find([folder])
    assert "boom" in found and "notes" not in found
    assert discovery.title(found["boom"]) == "Boom: never imported."
    assert set(discovery.find()) <= set(found)


def test_a_single_file_may_be_given(write_experiment):
    folder = write_experiment()
    assert discovery.load("coin", [folder / "coin.py"]).title == "Coin: is a fair coin fair?"


def test_loading_names_the_experiment_after_its_file(write_experiment):
    experiment = discovery.load("coin", [write_experiment()])
    assert experiment.name == "coin"
    assert [claim.id for claim in experiment.claims] == ["frequency", "frequency-as-stated"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experiment = 1 / 0", r"line 1: ZeroDivisionError"),
        ("import nothing_of_that_name\nexperiment = 1", "nothing_of_that_name"),
        ("experiment = 3", "must define"),
        ("experiment = (", "line 1"),
    ],
)
def test_files_that_cannot_be_loaded_say_where_and_why(write_experiment, text, message):
    folder = write_experiment("bad", text)
    with pytest.raises(UsageError, match=message):
        discovery.load("bad", [folder])


def test_unknown_names_get_the_nearest_one(write_experiment):
    with pytest.raises(UsageError, match="did you mean coin"):
        discovery.reference("cion", [write_experiment()])
    with pytest.raises(UsageError, match="theorylab list"):
        discovery.reference("qqqqqqqqqqq")


def test_paths_without_experiments(tmp_path):
    with pytest.raises(UsageError, match="no such file or folder"):
        discovery.find([tmp_path / "absent"])
    with pytest.raises(UsageError, match="no experiment in it"):
        discovery.find([tmp_path])


def test_two_files_of_one_name(write_experiment, tmp_path):
    folder = write_experiment()
    other = tmp_path / "other"
    other.mkdir()
    (other / "coin.py").write_text((folder / "coin.py").read_text())
    with pytest.raises(UsageError, match="rename one"):
        discovery.find([folder, other])
    assert "coin" in discovery.find([folder, folder])


def test_a_changed_file_is_refused(write_experiment):
    folder = write_experiment()
    reference = discovery.reference("coin", [folder])
    write_experiment(text=(folder / "coin.py").read_text() + "\n# changed\n")
    with pytest.raises(UsageError, match="not the one that was scheduled"):
        discovery.load_reference(reference)


def test_a_package_offers_experiments_by_entry_point(write_experiment, tmp_path, monkeypatch):
    package = tmp_path / "site" / "physics_claims"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    text = (write_experiment() / "coin.py").read_text()
    (package / "physics_coin.py").write_text(text)
    metadata = tmp_path / "site" / "physics_claims-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: physics_claims\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        f"[{discovery.ENTRY_POINT_GROUP}]\nphysics = physics_claims\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert discovery.load("physics_coin").name == "physics_coin"
