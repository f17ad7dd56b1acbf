"""Digests of what is plotted: they see every change of data or words, and nothing else."""

import io

import numpy as np
import pytest

from theorylab import figures
from theorylab.drawing import plotted

X = np.linspace(0.1, 1, 20)


def line(axes, y=X**2, **style):
    axes.plot(X, y, label="line", **style)


#: One of each kind of thing that figures hold; ``c`` changes its data a little.
THINGS = {
    "line": lambda axes, c: line(axes, c * X**2),
    "band": lambda axes, c: axes.fill_between(X, X, 2 * c * X),
    "points": lambda axes, c: axes.scatter(X, c * X),
    "contours": lambda axes, c: axes.contour(np.outer(X, X) * c, [0.2 * c, 0.5]),
    "bars": lambda axes, c: axes.bar([1, 2], [1, c]),
    "picture": lambda axes, c: axes.imshow(c * np.outer(X, X)),
    "span": lambda axes, c: axes.axvspan(0.2, 0.4 * c),
    "segments": lambda axes, c: axes.hlines([1, 2], 0, c),
    "error bars": lambda axes, c: axes.errorbar(X, X, 0.1 * c * X),
    "words": lambda axes, c: axes.text(0.5, 0.5, "a" if c == 1 else "b"),
    "ylabel": lambda axes, c: axes.set_ylabel("a" if c == 1 else "b"),
    "scale": lambda axes, c: axes.set_yscale("linear" if c == 1 else "log"),
}


def made(draw, venue="icml2024", width="half"):
    with figures.style(venue, width):
        figure, axes = figures.subplots()
        draw(axes)
        return figure


@pytest.mark.parametrize("thing", THINGS)
def test_a_small_change_is_seen_and_one_of_rounding_is_not(thing):
    digests = [
        plotted.digests(made(lambda axes, c=c: THINGS[thing](axes, c)))
        for c in (1.0, 1.0 + 1e-12, 1.01)
    ]
    if thing not in ("words", "ylabel", "scale"):
        assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_venue_saving_and_style_do_not_matter():
    figure = made(line)
    digests = plotted.digests(figure)
    assert digests == plotted.digests(made(line, "beamer", "full"))
    assert digests == plotted.digests(made(lambda axes: line(axes, color="red", lw=3)))
    figure.savefig(io.BytesIO(), format="png")
    assert digests == plotted.digests(figure)


def test_values_that_are_not_finite_and_zeros_are_told_apart():
    kinds = [np.nan, np.inf, -np.inf, 0.0, 1e-300, 1e300]
    found = {str(plotted.digests(made(lambda axes, v=v: line(axes, X * 0 + v)))) for v in kinds}
    assert len(found) == len(kinds)
    negative = plotted.digests(made(lambda axes: line(axes, -0.0 * X)))
    assert negative == plotted.digests(made(lambda axes: line(axes, 0.0 * X)))


def test_differences_name_what_is_new_gone_and_other():
    before = plotted.digests(made(lambda axes: (line(axes), axes.plot(X, label="gone"))))
    now = plotted.digests(made(lambda axes: (line(axes, X), axes.scatter(X, X, label="new"))))
    assert plotted.differences(now, before) == [
        "panel 1: line 'line'",
        "new panel 1: PathCollection 'new'",
        "no more panel 1: line 'gone'",
    ]
    assert plotted.differences(now, now) == []


def test_two_things_of_one_name_are_both_counted():
    twice = plotted.digests(made(lambda axes: (axes.plot(X), axes.plot(2 * X))))
    assert len(twice) == len(plotted.digests(made(lambda axes: axes.plot(X)))) + 1
