"""A small report: the coin, and an experiment all of whose texts try to break out of the page."""

import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from theorylab.cli import main

COIN = r'''
"""Coin: is a fair coin fair?"""
import xarray as xr
from theorylab import Control, Experiment, Source, checks

experiment = Experiment()


@experiment.measure(grid={"p": [0.3, 0.5, 0.7]}, quick={"flips": 200_000})
def tosses(p, flips, rng):
    return xr.Dataset({"heads": int(rng.binomial(flips, p)), "flips": flips})


def frequency(tosses, factor=1.0):
    return checks.proportion(
        tosses.heads, tosses.flips, factor * tosses.p, margin=0.02, reason="a tenth of the slip"
    )


good = experiment.claim(
    "frequency", r"E[H]/n = p \text{ for each coin}", source=Source("001", "Proposition 1"),
    check=frequency, form="corrected", conditions="n from 1 on",
    controls=[Control("a tenth less", factor=0.9), Control(r"\tfrac{9}{8} p", factor=9 / 8)],
)
experiment.claim(
    "frequency-as-stated", r"E[H]/n = 1.1 p", source=Source("001", "Proposition 1"),
    check=frequency, factor=1.1, expected="refuted", twin=good,
)
experiment.claim(
    "frequency-uncontrolled", r"E[H]/n \le p", source=Source("folklore"), check=frequency,
    form="derived", expected=None,
)
'''
FIGURE = '''
from theorylab import figures


def draw(result):
    """Heads over $p$."""
    figure, axes = figures.subplots()
    axes.plot(result.data["tosses"].p, result.data["tosses"].heads, "o")
    return figure
'''
EVIL = "\"'><script>pwned=1</script><img src=x onerror=pwned=2>]]>&amp;{{7*7}}</style>"
HOSTILE = f'''
r"""Evil {EVIL.replace(chr(34), "")}"""
import xarray as xr
from theorylab import Control, Experiment, Source, checks

experiment = Experiment()
EVIL = {EVIL!r}


@experiment.measure(grid={{"name": [EVIL, "tame"]}}, quick={{"flips": 100_000}})
def tosses(name, flips, rng):
    return xr.Dataset({{"heads": int(rng.binomial(flips, 0.5)), "flips": flips}})


def share(tosses, p=0.5):
    return checks.proportion(tosses.heads, tosses.flips, p, margin=0.02, reason="why " + EVIL)


good = experiment.claim(
    "id " + EVIL, r"\\text{{" + EVIL.replace("{{", "").replace("}}", "") + r"}} x < y \\& z",
    source=Source("doc " + EVIL, "place " + EVIL), check=share, form="corrected",
    conditions=r"\\alpha " + EVIL, controls=[Control(r"\\beta " + EVIL, p=0.6)],
)
experiment.claim(
    "printed", r"\\unknown " + EVIL, source=Source("doc " + EVIL), check=share, p=0.6,
    expected="refuted", twin=good,
)
'''


def _run(*arguments) -> int:
    """A theorylab command in this process; its exit status."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code or 0


@pytest.fixture
def run():
    return _run


@pytest.fixture
def evil() -> str:
    return EVIL


@pytest.fixture
def outline():
    return Outline


@pytest.fixture(scope="session")
def stored(tmp_path_factory) -> Path:
    """A folder with ``mine`` (two experiments, a figure) and ``results`` of both; read-only."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "mine").mkdir()
    (folder / "mine" / "coin.py").write_text(COIN)
    (folder / "mine" / "hostile.py").write_text(HOSTILE)
    (folder / "paper_figures").mkdir()
    (folder / "paper_figures" / "coin.py").write_text(FIGURE)
    common = ("--path", folder / "mine", "--results", folder / "results", "--preset", "quick")
    _run("run", "coin", "hostile", *common)
    return folder


@pytest.fixture(scope="session")
def page(stored) -> Path:
    """The report on both experiments."""
    path = stored / "report.html"
    options = ("--path", stored / "mine", "--results", stored / "results", "--out", path)
    assert _run("report", *options) == 0
    return path


@pytest.fixture
def copy(stored, tmp_path) -> Path:
    """The same folder, to be damaged."""
    return Path(shutil.copytree(stored, tmp_path / "copy"))


class Outline(HTMLParser):
    """Tags with their attributes, texts of scripts, and the text that a reader sees."""

    def __init__(self, html: str):
        super().__init__()
        self.tags, self.scripts, self.text, self._inside = [], [], "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts.append(data)
        elif not self._inside:
            self.text += data
