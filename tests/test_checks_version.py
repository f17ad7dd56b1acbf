"""Which checks made the verdicts: the laboratory's and the experiment's code, without comments."""

import pytest

from theorylab import checks_version


@pytest.fixture
def files(tmp_path, monkeypatch):
    """An experiment's file, and one in place of the laboratory's."""
    experiment, laboratory = tmp_path / "coin.py", tmp_path / "evidence.py"
    experiment.write_text("margin = 1\n")
    laboratory.write_text("level = 1\n")
    monkeypatch.setattr(checks_version, "_judging_files", lambda: (laboratory,))
    return experiment, laboratory


def test_code_counts_wherever_it_stands_and_comments_do_not(files):
    experiment, _ = files
    made = {"checks": checks_version.version(experiment)}
    assert not checks_version.outdated(made, experiment)
    for file in files:
        text = file.read_text()
        file.write_text(f"# comment\n{text}\n")
        assert not checks_version.outdated(made, experiment)
        file.write_text(text.replace("1", "2"))
        assert checks_version.outdated(made, experiment)
        file.write_text(text)
    assert not checks_version.outdated(made, experiment)


def test_nothing_is_parsed_where_the_bytes_are_those_of_then(files, monkeypatch):
    made = {"checks": checks_version.version(files[0])}

    def parse(*_):
        raise AssertionError

    monkeypatch.setattr(checks_version.fingerprint, "file_fingerprint", parse)
    assert not checks_version.outdated(made, files[0])


@pytest.mark.parametrize(
    "judged", [{}, {"checks": None}, {"checks": {"laboratory": 3}}, {"checks": {"experiment": {}}}]
)
def test_verdicts_that_name_no_version_are_outdated(files, judged):
    assert checks_version.outdated(judged, files[0])


def test_the_laboratorys_files_are_there():
    names = {path.name for path in checks_version._judging_files()}
    assert {"judge.py", "evidence.py", "claim.py", "means.py"} <= names
    assert checks_version.judging_code() == checks_version.judging_code()
