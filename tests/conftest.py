"""Fixtures shared by the tests of the laboratory: an experiment file, and the command line."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

COIN = '''
"""Coin: is a fair coin fair?"""
import xarray as xr
from theorylab import Control, Experiment, Source, checks

experiment = Experiment()


@experiment.measure(
    grid={"p": [0.3, 0.5, 0.7]}, quick={"flips": 200_000}, default={"flips": 400_000}
)
def tosses(p, flips, rng):
    return xr.Dataset({"heads": int(rng.binomial(flips, p)), "flips": flips})


def frequency(tosses, factor=1.0):
    return checks.proportion(
        tosses.heads, tosses.flips, factor * tosses.p, margin=0.02, reason="a tenth of the slip"
    )


good = experiment.claim(
    "frequency", r"E[H]/n = p", source=Source("folklore"), check=frequency,
    form="corrected", controls=[Control("a tenth less", factor=0.9)],
)
experiment.claim(
    "frequency-as-stated", r"E[H]/n = 1.1 p", source=Source("folklore"), check=frequency,
    factor=1.1, expected="refuted", twin=good,
)
'''


@pytest.fixture
def write_experiment(tmp_path):
    """Write an experiment file into a folder of its own; returns the folder."""

    def write(name: str = "coin", text: str = COIN) -> Path:
        folder = tmp_path / "experiments"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
        return folder

    return write


@dataclass
class Answer:
    """What a command printed and returned."""

    status: int
    out: str
    err: str


@pytest.fixture
def theorylab(capsys, monkeypatch, tmp_path):
    """Run a theorylab command in this process, in an empty folder."""
    from theorylab.cli import main

    monkeypatch.chdir(tmp_path)

    def command(*arguments) -> Answer:
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        printed = capsys.readouterr()
        return Answer(stop.value.code or 0, printed.out, printed.err)

    return command
