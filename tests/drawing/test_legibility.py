"""Legibility: each defect is found where it is, and a sound figure has none."""

import pytest

from theorylab import figures
from theorylab.drawing.legibility import defects


def defects_of(draw, rows=1, columns=1):
    with figures.style():
        figure, axes = figures.subplots(rows, columns)
        draw(axes)
        figure.draw_without_rendering()
        return defects(figure)


def sound(axes):
    axes.plot([0, 1], [0, 1], label="line")
    axes.set(xlabel="$x$", ylabel="$y$", title="(a) Title")
    axes.legend(loc="upper left")


DEFECTS = {
    "letters of 5.0 pt": lambda axes: axes.set_xlabel("$x$", size=5),
    "'far' is cut off": lambda axes: axes.text(2.0, 0.5, "far", in_layout=False),
    "'first' and 'second' overlap": lambda axes: [
        axes.text(0.7, 0.2, "first"),
        axes.text(0.72, 0.2, "second"),
    ],
    "and 'very long tick' overlap": lambda axes: axes.set_xticks(
        [0, 0.05, 1], ["very long tick"] * 3
    ),
    "the legend lies on data line": lambda axes: axes.legend(loc="center"),
    "'on it' lies on data line": lambda axes: axes.text(0.5, 0.48, "on it"),
    "the legend lies on data points": lambda axes: [
        axes.plot([0.1], [0.9], "o", label="points"),
        axes.legend(loc="upper left"),
    ],
}


def test_a_sound_figure_has_no_defect():
    assert defects_of(sound) == []


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_is_found(defect):
    found = defects_of(lambda axes: (sound(axes), DEFECTS[defect](axes)))
    assert any(defect in one for one in found), found


def test_an_empty_panel_is_found_by_its_number():
    assert defects_of(lambda axes: sound(axes[0]), 1, 2) == ["panel 2: it is empty"]


def test_what_is_not_seen_is_no_defect():
    def hidden(axes):
        sound(axes)
        axes.text(0.5, 0.5, "on it", size=3, visible=False)
        axes.set_xticks([0, 0.5, 5, 5.001], ["0", "1/2", "outside", "outside"])
        axes.set_xlim(0, 1)

    assert defects_of(hidden) == []
