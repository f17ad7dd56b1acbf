"""Grids, presets and overrides; what a declaration refuses."""

import pytest

from theorylab import Control, Experiment, Source
from theorylab.errors import UsageError


@pytest.fixture
def experiment():
    made = Experiment()

    @made.measure(
        grid={"sigma": [0.5, 1], "name": ["a", "b"]},
        quick={"n": 10, "sigma": [1]},
        paper={"n": 1000},
    )
    def lengths(sigma, name, n, times=(0.5, 1.0), rng=None):
        raise AssertionError

    return made


def plan(experiment, *args):
    return experiment.measurements["lengths"].plan(*args)


def test_cells_are_the_product_of_the_axes_with_canonical_values(experiment):
    cells = plan(experiment, "paper").cells()
    assert [tuple(c.axes.values()) for c in cells] == [
        (0.5, "a"),
        (0.5, "b"),
        (1.0, "a"),
        (1.0, "b"),
    ]
    assert all(type(c.axes["sigma"]) is float for c in cells)
    assert cells[0].parameters == {"n": 1000, "times": (0.5, 1.0)}


def test_a_preset_narrows_an_axis_and_a_missing_one_takes_arguments_and_the_whole_grid(experiment):
    assert plan(experiment, "quick").axes["sigma"] == (1.0,)
    assert plan(experiment, "default").parameters["n"] == 10
    assert plan(experiment, "default").axes["sigma"] == (0.5, 1.0)


def test_overrides_take_the_type_of_what_they_replace(experiment):
    made = plan(experiment, "quick", {"sigma": ("1", "2"), "n": ("1e3",), "times": ("3",)})
    assert made.axes["sigma"] == (1.0, 2.0)
    assert made.parameters == {"n": 1000, "times": (3.0,)}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"sigma": ("one",)}, "float"),
        ({"n": ("1.5",)}, "int"),
        ({"n": ("1", "2")}, "not an axis"),
        ({"sigma": ("1", "1.0")}, "repeats"),
    ],
)
def test_bad_overrides(experiment, overrides, message):
    with pytest.raises(UsageError, match=message):
        plan(experiment, "quick", overrides)


def test_unknown_preset(experiment):
    with pytest.raises(UsageError, match="quick, default, paper"):
        plan(experiment, "tiny")


@pytest.mark.parametrize(
    ("presets", "judged", "other"),
    [
        ({"quick": None, "paper": {}}, {"paper"}, "paper"),
        ({"quick": None, "default": {"n": 2}}, {"default", "paper"}, "default"),
        ({"default": None, "paper": {"n": 2}}, {"quick", "paper"}, "paper"),
        ({"paper": None}, {"quick", "default"}, "quick"),
    ],
)
def test_none_leaves_a_measurement_out_of_a_preset_and_of_the_larger_ones_that_take_after_it(
    presets, judged, other
):
    made = Experiment()

    @made.measure(grid={"m": [1, 2]}, **presets)
    def lengths(m, n=1):
        raise AssertionError

    measurement = made.measurements["lengths"]
    for preset in ("quick", "default", "paper"):
        if preset in judged:
            assert measurement.left_out(preset) == "" and len(plan(made, preset).cells()) == 2
        else:
            said = f"not in the {preset} preset; run with --preset {other}"
            assert measurement.left_out(preset) == said
            with pytest.raises(UsageError, match=said):
                plan(made, preset)


@pytest.mark.parametrize(
    ("grid", "presets", "error", "message"),
    [
        ({"m": [1]}, {}, TypeError, "no argument for the axis m"),
        ({"n": [1]}, {"small": {}}, TypeError, "unknown preset small"),
        ({"n": [1]}, {"quick": {"k": 1}}, TypeError, "no argument is called k"),
        ({"n": [1]}, {"quick": None}, TypeError, "in no preset"),
        ({"n": []}, {}, UsageError, "no value"),
        ({"n": [1, "a"]}, {}, UsageError, "one type"),
        ({"n": [1, 1.0]}, {}, UsageError, "repeats"),
    ],
)
def test_bad_declarations(grid, presets, error, message):
    with pytest.raises(error, match=message):

        @Experiment().measure(grid=grid, **presets)
        def lengths(n):
            raise AssertionError


def test_a_parameter_without_value_is_named():
    made = Experiment()

    @made.measure(grid={"n": [1]})
    def lengths(n, size):
        raise AssertionError

    with pytest.raises(UsageError, match="size"):
        plan(made, "quick")


def test_claims_about_an_entry_share_what_is_bound_and_take_their_form_from_the_suffix():
    def check(data=0, factor=1):
        raise AssertionError

    made = Experiment()
    here, there = Source("000", "here"), Source("000", "there")
    shell = made.about("shell", here, kind="inequality", conditions="every d", check=check)
    told = ("", "as-stated", "measured-as-stated", "reading-2", "corrected", "law", "uncorrected")
    forms = [shell(suffix, "x").form for suffix in told]
    assert forms == [
        "as stated", "as stated", "as stated", "reading", "corrected", "derived", "derived",
    ]  # fmt: skip
    assert [claim.id for claim in made.claims] == ["shell", *(f"shell-{s}" for s in told[1:])]
    first = made.claims[0]
    assert (first.source, first.entries, first.kind) == (here, ("shell",), "inequality")
    assert (first.conditions, first.check) == ("every d", check)

    twin = made.claims[4]
    own = shell(
        "own", "y", source=there, entries="ball", kind="law", form="reading", twin=twin, factor=2
    )
    assert (own.source, own.entries, own.kind) == (there, ("shell", "ball"), "law")
    assert (own.form, own.twin, own.parameters) == ("reading", twin, {"factor": 2})
    assert own.conditions == "every d" and first.kind == "inequality"
    derived = made.about("ball", here, form="derived", entries=["shell", "cube"], check=check)
    assert derived("reading", "z").form == "derived"
    assert made.claims[-1].entries == ("ball", "shell", "cube")
    with pytest.raises(TypeError, match="fctor"):
        shell("other", "x", fctor=2)


def test_claims_refuse_arguments_that_the_check_does_not_take(experiment):
    def check(lengths, factor=1):
        raise AssertionError

    source = Source("000")
    with pytest.raises(TypeError, match="fctor"):
        experiment.claim("a", "x", source=source, check=check, fctor=2)
    with pytest.raises(TypeError, match="power"):
        experiment.claim("a", "x", source=source, check=check, controls=[Control("c", power=2)])
    experiment.claim("a", "x", source=source, check=check)
    with pytest.raises(ValueError, match="two claims"):
        experiment.claim("a", "x", source=source, check=check)
    with pytest.raises(ValueError, match="form"):
        experiment.claim("b", "x", source=source, check=check, form="improved")
