"""One quick run of every experiment: each claim reaches its expected verdict, each control fails.

Datasets that the main job has stored under `results/` are reused where the keys agree.
"""

from pathlib import Path

import pytest

from theorylab import engine, runner
from theorylab.discovery import find, load, reference
from theorylab.evidence import REFUTED

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = [(name, claim.id) for name in find() for claim in load(name).claims]
CONTROLS = [
    (name, claim.id, control.statement)
    for name in find()
    for claim in load(name).claims
    for control in claim.controls
]


@pytest.fixture(scope="session")
def judgements() -> dict:
    settings = runner.Settings(preset="quick", results=ROOT / "results")
    runs = [runner.prepare(reference(name), settings) for name in find()]
    runner.execute(runs, engine.serial)
    failed = {run.name: run.failed for run in runs if any(run.failed.values())}
    assert not failed
    return {(run.name, j.id): j for run in runs for j in run.judgements}


@pytest.mark.parametrize(("experiment", "claim"), CLAIMS)
def test_claim_reaches_its_expected_verdict(judgements, experiment, claim):
    judgement = judgements[experiment, claim]
    # An open question has no expected verdict: any is an answer.
    assert not judgement.asked or judgement.expected in (None, judgement.verdict), judgement.why


@pytest.mark.parametrize(("experiment", "claim", "control"), CONTROLS)
def test_control_is_refuted(judgements, experiment, claim, control):
    judgement = judgements[experiment, claim]
    rows = {row["statement"]: row for row in judgement.controls}
    # What the quick preset leaves out is judged in none of its controls either.
    assert not judgement.asked or rows[control]["verdict"] == REFUTED, rows[control]["why"]


def test_every_supported_expectation_has_a_control():
    bare = [
        claim.id
        for name in find()
        for claim in load(name).claims
        if claim.expected == "supported" and not claim.controls
    ]
    assert not bare
