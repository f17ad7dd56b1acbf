"""Figures: drawn from stored data alone, byte-stable, sized by the venue, captioned and checked."""

import json
import shutil

import pytest

from theorylab import figures as look

FIGURE = """
from theorylab import figures


def draw(result):
    '''Frequency of heads against $p$.'''
    figure, axes = figures.subplots()
    tosses = result.data["tosses"]
    axes.plot(tosses.p, tosses.heads / tosses.flips, "o", color=figures.MEASURED, label="measured")
    axes.set(xlabel="$p$", ylabel="frequency", title=result.verdict("frequency"))
    axes.legend()
    return figure


@figures.shows("frequency-as-stated")
def draw_heads(result):
    '''Heads at 100% of the flips.'''
    figure, axes = figures.subplots(1, 2)
    for panel in axes:
        panel.plot(result.data["tosses"].heads)
    return figure
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Results of the experiment, measured by the first test for all."""
    return tmp_path_factory.mktemp("measured") / "results"


@pytest.fixture
def figure_file(write_experiment, theorylab, measured, tmp_path):
    """The figure file of an experiment that has been run."""
    folder = write_experiment()
    (folder / "paper_figures").mkdir()
    file = folder / "paper_figures" / "coin.py"
    file.write_text(FIGURE)
    if measured.is_dir():
        shutil.copytree(measured, tmp_path / "results")
    else:
        theorylab("run", "coin", "--path", folder, "--preset", "quick")
        shutil.copytree(tmp_path / "results", measured)
    return file


@pytest.fixture
def figures(figure_file, theorylab):
    own = ["coin", "--path", figure_file.parent.parent]
    return lambda *options: theorylab("figures", *own, *options)


def drawn(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_every_format_is_written_and_a_second_drawing_gives_the_same_bytes(figures, tmp_path):
    assert figures().status == 0
    files = drawn(tmp_path / "figures")
    assert set(files) == {
        *(f"{s}.{e}" for s in ("coin", "coin-heads") for e in ("pdf", "svg", "png", "caption.tex")),
        "captions.md",
        "figures.json",
    }
    assert figures("--out", "again").status == 0
    assert files == drawn(tmp_path / "again")
    assert "unchanged" in figures().out


def test_a_format_alone_has_the_bytes_that_it_has_among_others(figures, tmp_path):
    figures()
    for form in ("png", "svg", "pdf"):
        figures("--format", form, "--out", form)
        for stem in ("coin", "coin-heads"):
            alone = (tmp_path / form / f"{stem}.{form}").read_bytes()
            assert alone == (tmp_path / "figures" / f"{stem}.{form}").read_bytes()


def test_fonts_are_embedded(figures, tmp_path):
    figures("--format", "pdf,svg")
    pdf = (tmp_path / "figures" / "coin.pdf").read_bytes()
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf
    assert b"<text" not in (tmp_path / "figures" / "coin.svg").read_bytes()


@pytest.mark.parametrize(
    ("venue", "half", "full"),
    [
        ("icml2024", 3.25, 6.75),
        ("neurips2024", 2.75, 5.5),
        ("iclr2024", 2.75, 5.5),
        ("jmlr", 3.0, 6.0),
        ("beamer", 2.756, 5.512),
    ],
)
def test_the_venue_decides_the_width(venue, half, full):
    for width, inches in (("half", half), ("full", full)):
        with look.style(venue, width):
            stacked, _ = look.subplots(2, 1)
            single, _ = look.subplots()
        assert single.get_size_inches()[0] == pytest.approx(inches, abs=1e-3)
        assert max(single.get_figheight(), stacked.get_figheight()) <= 8
        if venue == "beamer":
            assert stacked.get_figheight() <= 2.5
        if width == "full":  # side by side
            assert stacked.get_figheight() <= single.get_figheight()


def test_the_pixels_are_those_of_the_printed_size(figures, tmp_path):
    figures("--style", "jmlr", "--width", "full", "--format", "png")
    header = (tmp_path / "figures" / "coin.png").read_bytes()[16:20]
    assert int.from_bytes(header) == 1800


def test_arms_differ_by_marker_as_well_as_by_colour():
    arms = [look.arm(k) for k in range(len(look.CATEGORICAL))]
    assert len({a["marker"] for a in arms}) == len({a["color"] for a in arms}) == len(arms)
    assert len({tuple(look.arm(k).values()) for k in range(40)}) == 40
    assert not {look.BOUND, look.REFUTED_COLOUR} & {a["color"] for a in arms}


def test_captions_tell_title_claims_and_data(figures, tmp_path):
    figures("--format", "svg")
    sha256 = json.loads((tmp_path / "figures" / "figures.json").read_text())["figures"]["coin"][
        "data"
    ]
    latex = (tmp_path / "figures" / "coin.caption.tex").read_text()
    assert "Frequency of heads against $p$." in latex
    assert "Claims of coin: 1 supported, 1 refuted." in latex
    assert "Refuted: $E[H]/n = 1.1 p$" in latex and "Supported: $E[H]/n = p$" in latex
    assert sha256["tosses"] in latex and "Preset quick" in latex
    declared = (tmp_path / "figures" / "coin-heads.caption.tex").read_text()
    assert r"Heads at 100\% of the flips." in declared
    assert "1.1 p" in declared and "Supported" not in declared
    text = (tmp_path / "figures" / "captions.md").read_text()
    assert "Frequency of heads against p." in text and "frequency-as-stated" in text


class TestCheck:
    """``figures --check``."""

    def test_fine_as_drawn_even_for_another_venue_than_the_default(self, figures):
        figures("--style", "neurips2024", "--width", "full", "--format", "svg")
        assert figures("--check").status == 0

    def test_missing_before_anything_is_drawn_and_nothing_is_written(self, figures, tmp_path):
        absent = figures("--check")
        assert absent.status == 1 and "missing" in absent.out
        assert not (tmp_path / "figures").exists()

    def test_missing_file_and_edited_file(self, figures, tmp_path):
        figures("--format", "svg")
        (tmp_path / "figures" / "coin.svg").unlink()
        (tmp_path / "figures" / "coin-heads.svg").write_text("<svg/>")
        answer = figures("--check")
        assert answer.status == 1
        assert "no coin.svg" in answer.out and "coin-heads.svg was changed" in answer.out
        assert "no coin.pdf" in figures("--check", "--format", "pdf").out

    def test_stale_when_the_data_have_changed(self, figures, figure_file, theorylab, tmp_path):
        figures("--format", "svg")
        file = tmp_path / "figures" / "figures.json"
        file.write_text(file.read_text().replace('"tosses": "', '"tosses": "0'))
        answer = figures("--check")
        assert answer.status == 1 and "other data of tosses" in answer.out

    def test_stale_under_another_preset(self, figures, figure_file, theorylab):
        figures("--format", "svg")
        theorylab("run", "coin", "--path", figure_file.parent.parent, "--preset", "default")
        assert figures("--check").status == 0
        answer = figures("--check", "--preset", "default")
        assert answer.status == 1 and "stale" in answer.out

    def test_different_names_what_is_plotted_otherwise(self, figures, figure_file):
        figures("--format", "svg")
        figure_file.write_text(FIGURE.replace("heads / tosses", "heads * 1.001 / tosses"))
        answer = figures("--check")
        assert answer.status == 1
        assert "line 'measured'" in answer.out and "fine        coin-heads" in answer.out
        figure_file.write_text(FIGURE.replace('ylabel="frequency"', 'ylabel="share"'))
        assert "panel 1: words" in figures("--check").out

    def test_what_is_plotted_is_the_same_at_other_bytes(self, figures, figure_file, tmp_path):
        figures("--format", "svg")
        before = (tmp_path / "figures" / "coin.svg").read_bytes()
        figure_file.write_text(FIGURE.replace("subplots()", "subplots(aspect=0.8)"))
        assert figures("--check").status == 0
        figures("--format", "svg", "--out", "again")
        assert before != (tmp_path / "again" / "coin.svg").read_bytes()


def test_a_mistake_in_one_figure_does_not_cost_the_others(figures, figure_file, tmp_path):
    figure_file.write_text(FIGURE.replace('result.data["tosses"].heads)', "1 / 0)"))
    answer = figures("--format", "svg")
    assert answer.status == 4
    assert "coin.py, line" in answer.out and "ZeroDivisionError" in answer.out
    assert (tmp_path / "figures" / "coin.svg").is_file()


def test_a_figure_of_data_that_are_not_here_is_skipped(write_experiment, theorylab):
    text = """
    '''Elsewhere: data of another machine.'''
    from theorylab import Experiment, Missing

    experiment = Experiment()


    @experiment.measure(quick={})
    def pictures():
        raise Missing("the pictures are not on this machine")
    """
    folder = write_experiment("elsewhere", text)
    (folder / "paper_figures").mkdir()
    figure = "def draw(result):\n    return result.data['pictures'].plot()\n"
    (folder / "paper_figures" / "elsewhere.py").write_text(figure)
    own = ["elsewhere", "--path", folder, "--preset", "quick"]
    theorylab("run", *own)
    for check in ([], ["--check"]):
        answer = theorylab("figures", *own, *check)
        assert answer.status == 0
        assert "skipped" in answer.out and "not on this machine" in answer.out


def test_processes_draw_the_same_bytes(figures, figure_file, theorylab, tmp_path):
    figures("--format", "svg")
    other = figure_file.parent.parent / "penny.py"
    other.write_text((figure_file.parent.parent / "coin.py").read_text())
    (figure_file.parent / "penny.py").write_text(FIGURE)
    own = ["coin", "penny", "--path", figure_file.parent.parent, "--preset", "quick"]
    theorylab("run", *own)
    answer = theorylab("figures", *own, "--format", "svg", "--jobs", "2", "--out", "both")
    assert answer.status == 0
    both = drawn(tmp_path / "both")
    assert both["coin.svg"] == (tmp_path / "figures" / "coin.svg").read_bytes()
    assert set(both) >= {"coin.svg", "coin-heads.svg", "penny.svg", "penny-heads.svg"}


@pytest.mark.parametrize(
    ("content", "word"),
    [("not json", "cannot read"), ("{}", "not written by"), ('{"schema": "theorylab-1"}', "list")],
)
def test_a_foreign_sidecar_is_refused_and_kept(figures, tmp_path, content, word):
    (tmp_path / "figures").mkdir()
    sidecar = tmp_path / "figures" / "figures.json"
    sidecar.write_text(content)
    answer = figures()
    assert answer.status == 4 and word in answer.err
    assert sidecar.read_text() == content


def test_wrong_words_are_answered_with_what_is_allowed(figures, tmp_path):
    assert "neurips2024" in figures("--style", "neurips").err
    assert "half" in figures("--width", "hal").err
    assert "pdf, svg, png" in figures("--format", "gif").err
    (tmp_path / "taken").write_text("a file")
    answer = figures("--out", "taken")
    assert answer.status == 4 and "--out" in answer.err


def test_without_results_it_says_what_to_run(theorylab, write_experiment):
    folder = write_experiment()
    answer = theorylab("figures", "--path", folder)
    assert answer.status == 4 and "theorylab run" in answer.err
    (folder / "paper_figures").mkdir()
    (folder / "paper_figures" / "coin.py").write_text(FIGURE)
    answer = theorylab("figures", "coin", "--path", folder)
    assert answer.status == 4 and "theorylab run coin" in answer.out


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_experiment_without_results_does_not_cost_the_others(
    jobs, figure_file, theorylab, tmp_path
):
    other = figure_file.parent.parent / "bent.py"  # comes before coin
    other.write_text((figure_file.parent.parent / "coin.py").read_text())
    (figure_file.parent / "bent.py").write_text(FIGURE)
    own = ["bent", "coin", "--path", figure_file.parent.parent, "--preset", "quick"]
    answer = theorylab("figures", *own, "--format", "svg", "--jobs", jobs)
    assert answer.status == 4
    assert "failed      bent" in answer.out and "theorylab run bent" in answer.out
    drawn_figures = json.loads((tmp_path / "figures" / "figures.json").read_text())["figures"]
    assert set(drawn_figures) == {"coin", "coin-heads"}


def test_an_experiment_without_a_figure_says_so(write_experiment, theorylab):
    folder = write_experiment()
    theorylab("run", "coin", "--path", folder, "--preset", "quick")
    answer = theorylab("figures", "coin", "--path", folder)
    assert answer.status == 0 and "no file paper_figures/coin.py" in answer.out


@pytest.mark.parametrize(
    ("limits", "values", "read"),
    [
        ((1.6, 24), (), ["2", "5", "10", "20"]),
        ((0.04, 1.1), (), ["0.05", "0.1", "0.2", "0.5", "1"]),
        ((28, 300), (32, 64, 128, 256), ["32", "64", "128", "256"]),
    ],
)
def test_the_ticks_of_a_short_log_axis_can_be_read(limits, values, read):
    from theorylab.figures import plain_ticks, style, subplots

    with style():
        figure, axes = subplots()
        axes.set(yscale="log", ylim=limits)
        plain_ticks(axes.yaxis, values)
        figure.draw_without_rendering()
        seen = [
            label.get_text()
            for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
            if limits[0] <= place <= limits[1]
        ]
        assert seen == read
        assert not len(axes.yaxis.get_minorticklocs())
