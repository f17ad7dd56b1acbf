"""The power rule, twins and exit statuses, on hand-made evidence."""

import pytest
import xarray as xr

from theorylab import Control, Evidence, Experiment, Source
from theorylab.judge import (
    CONTRADICTED,
    FAILED,
    NOT_REACHED,
    OK,
    chance_of_a_wrong_verdict,
    judge,
    worst_status,
)

SOURCE = Source("000", "hand-made")


def value(estimate=0.0, half=0.1, level="numerics", alpha=None):
    """A check whose evidence is what it is told: region [-1, 1]."""
    return Evidence(level, estimate, estimate - half, estimate + half, (-1, 1), "unit", alpha=alpha)


def judged(*declarations, **options):
    experiment = Experiment()
    for declare in declarations:
        declare(experiment)
    return {j.id: j for j in judge(experiment, {}, **options)}


def claim(id, **options):
    options.setdefault("controls", [Control("three", estimate=3.0)])
    return lambda e: e.claim(id, "x", source=SOURCE, check=value, **options)


def test_supported_with_a_refuted_control():
    j = judged(claim("a"))["a"]
    assert (j.verdict, j.status) == ("supported", OK)
    assert [c["verdict"] for c in j.controls] == ["refuted"]


@pytest.mark.parametrize(
    "controls",
    [
        [],
        [Control("true as well", estimate=0.5)],
        [Control("undecided", estimate=1.0)],
        [Control("refuted", estimate=3.0), Control("not refuted", estimate=0.2)],
    ],
)
def test_no_power_without_every_control_refuted(controls):
    j = judged(claim("a", controls=controls))["a"]
    assert (j.verdict, j.status) == ("inconclusive", NOT_REACHED)
    assert "no power" in j.why


def test_expectation_contradicted():
    assert judged(claim("a", form="derived", estimate=3.0))["a"].status == CONTRADICTED
    assert judged(claim("a", expected="refuted"))["a"].status == CONTRADICTED
    assert judged(claim("a", expected=None))["a"].status == OK


def test_statement_as_printed_needs_a_supported_twin():
    def pair(controls):
        def declare(e):
            twin = e.claim("t", "x", source=SOURCE, check=value, controls=controls)
            e.claim(
                "p", "x", source=SOURCE, check=value, estimate=3.0, expected="refuted", twin=twin
            )

        return declare

    assert judged(pair([Control("three", estimate=3.0)]))["p"].verdict == "refuted"
    powerless = judged(pair([]))["p"]
    assert powerless.verdict == "inconclusive"
    assert "no positive control" in powerless.why
    alone = judged(claim("p", estimate=3.0, expected="refuted"))["p"]
    assert alone.verdict == "inconclusive"


@pytest.mark.parametrize("level", ["proof", "certificate"])
def test_exact_witness_needs_no_twin(level):
    j = judged(claim("p", estimate=3.0, level=level, expected="refuted"))["p"]
    assert (j.verdict, j.status) == ("refuted", OK)


def test_twin_must_share_the_check():
    experiment = Experiment()
    twin = claim("t")(experiment)
    with pytest.raises(ValueError, match="another check"):
        experiment.claim("p", "x", source=SOURCE, check=lambda: value(), twin=twin)


def test_a_check_that_raises_costs_only_its_own_claim():
    def broken():
        raise ZeroDivisionError("by hand")

    def declare(e):
        e.claim("b", "x", source=SOURCE, check=broken)

    found = judged(declare, claim("a"))
    assert found["b"].status == FAILED
    assert "broken" in found["b"].why and "by hand" in found["b"].why
    assert found["a"].verdict == "supported"


def test_a_check_that_returns_no_evidence():
    def declare(e):
        e.claim("b", "x", source=SOURCE, check=lambda: 3)

    assert judged(declare)["b"].status == FAILED


def test_a_claim_without_data_says_why():
    experiment = Experiment()

    @experiment.measure(grid={"n": [1]})
    def lengths(n):
        return xr.Dataset({"length": n})

    def check(lengths):
        return value()

    experiment.claim("a", "x", source=SOURCE, check=check, controls=[Control("none")])
    (j,) = judge(experiment, {}, absent={"lengths": "disk on fire"})
    assert j.status == NOT_REACHED
    assert "disk on fire" in j.why


def test_only_claims_judged_by_chance_count():
    found = judged(claim("a"), claim("b", alpha=1e-4), claim("c", alpha=1e-4))
    assert chance_of_a_wrong_verdict(list(found.values())) == pytest.approx(2e-4)


def test_worst_status_wins():
    assert worst_status([]) == OK
    assert worst_status([OK, NOT_REACHED, CONTRADICTED]) == CONTRADICTED
    assert worst_status([NOT_REACHED, CONTRADICTED, FAILED]) == FAILED
