"""Figures: drawn from stored data alone, byte-stable, checked, and sized by the venue."""

import pytest

FIGURE = """
from theorylab import figures


def draw(result):
    figure, axes = figures.subplots()
    tosses = result.data["tosses"]
    axes.plot(tosses.p, tosses.heads / tosses.flips, "o", color=figures.MEASURED, label="measured")
    axes.set(xlabel="$p$", ylabel="frequency", title=result.verdict("frequency"))
    axes.legend()
    return figure


def draw_heads(result):
    figure, axes = figures.subplots(1, 2)
    axes[0].plot(result.data["tosses"].heads)
    return figure
"""


@pytest.fixture
def figures(write_experiment, theorylab, tmp_path):
    folder = write_experiment()
    (folder / "paper_figures").mkdir()
    (folder / "paper_figures" / "coin.py").write_text(FIGURE)
    own = ["coin", "--path", folder, "--preset", "quick"]
    theorylab("run", *own)
    return lambda *options: theorylab("figures", *own, *options)


def test_every_format_is_written_and_a_second_drawing_gives_the_same_bytes(figures, tmp_path):
    assert figures().status == 0
    drawn = {p.name: p.read_bytes() for p in (tmp_path / "figures").iterdir()}
    assert set(drawn) == {f"{s}.{e}" for s in ("coin", "coin-heads") for e in ("pdf", "svg", "png")}
    assert figures("--out", "again").status == 0
    assert drawn == {p.name: p.read_bytes() for p in (tmp_path / "again").iterdir()}


def test_check_says_what_is_out_of_date_and_writes_nothing(figures, tmp_path):
    absent = figures("--check", "--format", "svg")
    assert absent.status == 1 and not (tmp_path / "figures").exists()
    figures("--format", "svg")
    assert figures("--check", "--format", "svg").status == 0
    (tmp_path / "figures" / "coin.svg").write_text("<svg/>")
    spoilt = figures("--check", "--format", "svg")
    assert spoilt.status == 1
    assert "out of date" in spoilt.out and "unchanged" in spoilt.out


@pytest.mark.parametrize(
    ("venue", "half", "full"),
    [("icml2024", 3.25, 6.75), ("neurips2024", 2.75, 5.5), ("jmlr", 3.0, 6.0)],
)
def test_the_venue_decides_the_width(figures, tmp_path, venue, half, full):
    for width, inches in (("half", half), ("full", full)):
        figures("--style", venue, "--width", width, "--format", "png", "--out", "out")
        header = (tmp_path / "out" / "coin.png").read_bytes()[16:20]
        assert int.from_bytes(header) == pytest.approx(300 * inches, abs=1)


def test_an_experiment_without_a_figure_says_so(write_experiment, theorylab):
    folder = write_experiment()
    own = ["coin", "--path", folder, "--preset", "quick"]
    theorylab("run", *own)
    answer = theorylab("figures", *own)
    assert answer.status == 0 and "no figure file" in answer.out
