"""From stored datasets to verdicts: pure, cheap and repeatable.

The power rule: a claim is supported only if it has at least one control and every control is
refuted by the same check on the same data; otherwise it is *inconclusive: no power*. And a
statement as printed is refuted only if its twin is supported by the same check, or if the
refutation is an exact witness (a proof or a certificate).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from .claim import Claim, Control
from .evidence import INCONCLUSIVE, REFUTED, SUPPORTED, Evidence
from .experiment import Experiment

EXACT = ("proof", "certificate")

#: Exit statuses of a run, in the order in which they win over each other.
OK, CONTRADICTED, NOT_REACHED, FAILED = 0, 1, 3, 4


@dataclass
class Finding:
    """One check evaluated once: its verdict and the point that decided it."""

    verdict: str
    why: str = ""
    evidence: dict = field(default_factory=dict)
    raised: bool = False
    asked: bool = True


@dataclass
class Judgement:
    """The verdict on one claim, with everything a reader needs to weigh it.

    ``asked`` is False where the preset leaves out a measurement that the claim is about: then
    nothing is judged, and nothing is missed.
    """

    id: str
    verdict: str
    why: str
    expected: str | None
    status: int
    evidence: dict
    controls: list[dict]
    datasets: dict[str, str]
    skipped: list[str]
    asked: bool = True

    def __repr__(self) -> str:
        from .display import judgement_text

        return judgement_text(self)

    def _repr_html_(self) -> str:
        from .display_html import judgement_html

        return judgement_html(self)


def judge(
    experiment: Experiment,
    datasets: Mapping[str, xr.Dataset],
    *,
    absent: Mapping[str, str] | None = None,
    left_out: Collection[str] = (),
    skipped: Mapping[str, list[str]] | None = None,
    sha256: Mapping[str, str] | None = None,
) -> list[Judgement]:
    """Judge every claim of an experiment on stored datasets.

    Args:
        experiment: whose claims are judged.
        datasets: by measurement name.
        absent: why a measurement has no dataset, by its name.
        left_out: measurements that are absent because the preset does not ask for them.
        skipped: cells left out for a data set that is not on the machine, by measurement.
        sha256: content identity of each dataset.
    """
    absent, skipped, sha256 = absent or {}, skipped or {}, sha256 or {}
    findings: dict[tuple[str, str], Finding] = {}

    def find(claim: Claim, control: Control | None = None) -> Finding:
        key = (claim.id, control.statement if control else "")
        if key not in findings:
            findings[key] = _evaluate(experiment, claim, control, datasets, absent, left_out)
        return findings[key]

    judgements = []
    for claim in experiment.claims:
        own = find(claim)
        verdict, why = _with_power(claim, find)
        used = experiment.datasets_of(claim.check)
        controls = [
            {"statement": control.statement, "verdict": found.verdict, "why": found.why}
            | {k: found.evidence.get(k) for k in ("estimate", "lower", "upper", "where")}
            for control in claim.controls
            for found in (find(claim, control),)
        ]
        judgements.append(
            Judgement(
                id=claim.id,
                verdict=verdict,
                why=why,
                expected=claim.expected,
                status=_status(claim, verdict, own),
                evidence=own.evidence,
                controls=controls,
                datasets={name: sha256[name] for name in used if name in sha256},
                skipped=[cell for name in used for cell in skipped.get(name, [])],
                asked=own.asked,
            )
        )
    return judgements


def chance_of_a_wrong_verdict(judgements: list[Judgement]) -> float:
    """Union bound on the chance that any verdict is wrong: the levels of the claims, added up."""
    return min(1.0, sum(j.evidence.get("alpha") or 0.0 for j in judgements))


def worst_status(statuses) -> int:
    """The exit status of a whole run: failures first, then contradictions, then misses."""
    statuses = set(statuses)
    return next((s for s in (FAILED, CONTRADICTED, NOT_REACHED) if s in statuses), OK)


def _with_power(claim: Claim, find) -> tuple[str, str]:
    own = find(claim)
    if own.verdict == SUPPORTED:
        if not claim.controls:
            return INCONCLUSIVE, "no power: the claim has no control"
        alive = [c.statement for c in claim.controls if find(claim, c).verdict != REFUTED]
        if alive:
            return INCONCLUSIVE, f"no power: not refuted was the control {'; '.join(alive)}"
    printed = claim.form in ("as stated", "reading")
    exact = own.evidence.get("level") in EXACT
    if own.verdict == REFUTED and printed and not exact:
        if claim.twin is None:
            return INCONCLUSIVE, (
                "no positive control: give the statement as printed a twin= that the same check "
                "supports, or an exact witness"
            )
        verdict, why = _with_power(claim.twin, find)
        if verdict != SUPPORTED:
            return INCONCLUSIVE, f"no positive control: its twin is {verdict} ({why})"
    return own.verdict, own.why


def _evaluate(
    experiment: Experiment,
    claim: Claim,
    control: Control | None,
    datasets: Mapping[str, xr.Dataset],
    absent: Mapping[str, str],
    left_out: Collection[str],
) -> Finding:
    missing = [n for n in experiment.datasets_of(claim.check) if n not in datasets]
    if missing:
        reasons = "; ".join(f"{name}: {absent.get(name, 'not measured')}" for name in missing)
        asked = not set(missing) & set(left_out)
        return Finding(INCONCLUSIVE, f"no data ({reasons})", asked=asked)
    try:
        evidence = experiment.evaluate(claim, datasets, control)
    except Exception as error:  # a mistake in one check must not cost the other verdicts
        name = claim.check.__name__
        why = f"the check {name!r} raised {type(error).__name__}: {error}"
        return Finding(INCONCLUSIVE, why, raised=True)
    if not isinstance(evidence, Evidence):
        why = f"the check {claim.check.__name__!r} must return Evidence, not {type(evidence)}"
        return Finding(INCONCLUSIVE, why, raised=True)
    verdict = evidence.verdict()
    why = evidence.why_inconclusive() if verdict == INCONCLUSIVE else ""
    return Finding(verdict, why, describe(evidence))


def describe(evidence: Evidence) -> dict[str, Any]:
    """Evidence as plain JSON values: the deciding point, and the counts around it."""
    point: dict[str, Any] = {"where": "", "estimate": None, "lower": None, "upper": None}
    if evidence.points:
        point = evidence.at(evidence.decisive_point())
        point["region"] = [_json(edge) for edge in point["region"]]
        point = {k: _json(v) if isinstance(v, float) else v for k, v in point.items()}
    return {
        "level": evidence.level,
        **point,
        "points": evidence.points,
        "excluded": evidence.excluded,
        "alpha": evidence.alpha,
        "reason": evidence.reason,
        "note": evidence.note,
    }


def _json(number: float) -> float | str:
    """JSON has no infinities and no NaN; they are written as text."""
    return number if math.isfinite(number) else str(number)


def _status(claim: Claim, verdict: str, own: Finding) -> int:
    if own.raised:
        return FAILED
    if claim.expected in (None, verdict) or not own.asked:
        return OK
    return NOT_REACHED if verdict == INCONCLUSIVE else CONTRADICTED
