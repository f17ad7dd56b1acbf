"""Counts and common facts of a report: verdicts by document, controls, presets, versions, dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from .. import catalogue, ledger
from ..claim import FORMS
from ..documents import DOCUMENTS
from ..evidence import INCONCLUSIVE, LEVELS, REFUTED, SUPPORTED
from . import numbers
from .gather import Section

VERDICTS = (SUPPORTED, REFUTED, INCONCLUSIVE)
NOT_RUN = "not run"
#: A sign for each verdict, so that none is told by colour alone.
SIGNS = {SUPPORTED: "✓", REFUTED: "✗", INCONCLUSIVE: "?", NOT_RUN: "–"}


def facts(sections: Sequence[Section]) -> dict:
    """What the runs have in common, and where they differ: presets, dates, versions, commits."""
    made = [s.record.get("provenance") or {} for s in sections]
    dates = sorted(str(s.record["finished"]) for s in sections if "finished" in s.record)
    versions = {("Python", str(p["python"])) for p in made if "python" in p}
    for p in made:
        versions |= {(name, str(v)) for name, v in (p.get("packages") or {}).items()}
    shown = ("theorylab", "Python", "numpy", "torch", "sympy", "python-flint")
    return {
        "presets": sorted(Counter(s.preset for s in sections).items()),
        "dates": list(dict.fromkeys(_day(d) for d in (dates[:1] + dates[-1:]))),
        "versions": [
            f"{name} {' and '.join(found)}"
            for name in shown
            if (found := sorted(v for n, v in versions if n == name))
        ],
        "commits": sorted({_commit(p) for p in made} - {""}),
    }


def _day(stamp: str) -> str:
    try:
        day = datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    months = "January February March April May June July August September October November December"
    return f"{day.day} {months.split()[day.month - 1]} {day.year}"


def _commit(provenance: Mapping) -> str:
    git = provenance.get("git") or {}
    dirty = " with changes" if git.get("dirty") else ""
    return f"{str(git['commit'])[:10]}{dirty}" if git.get("commit") else ""


def provenance(section: Section) -> dict:
    record = section.record
    made = record.get("provenance") or {}
    versions = {"Python": made.get("python"), **(made.get("packages") or {})}
    return {
        "commit": _commit(made),
        "date": str(record.get("finished", "")).replace("T", " ").replace("Z", " UTC"),
        "seed": record.get("seed"),
        "device": record.get("device"),
        "platform": made.get("platform"),
        "versions": [f"{name} {version}" for name, version in versions.items() if version],
        "sha256": {
            name: measured["sha256"]
            for name, measured in (record.get("measurements") or {}).items()
            if measured.get("sha256")
        },
    }


def totals(claims: Sequence[Mapping]) -> dict:
    # A claim without evidence had no data: its controls could not be judged either.
    judged = [claim for claim in claims if claim["row"]["level"]]
    controls = [control for claim in judged for control in claim["controls"]]
    chance = ledger.chance_of_a_wrong_verdict([claim["row"] for claim in claims])
    return {
        "claims": len(claims),
        "verdicts": Counter(claim["verdict"] for claim in claims),
        "printed": Counter(claim["row"]["form"] for claim in claims if claim["verdict"] == REFUTED),
        "unexpected": sum(claim["unexpected"] for claim in claims),
        "controls": len(controls),
        "controls_refuted": sum(control["verdict"] == REFUTED for control in controls),
        "by_chance": sum(claim["row"]["alpha"] is not None for claim in claims),
        "chance": numbers.number(100 * chance, 2),
    }


def tally(claims: Sequence[Mapping]) -> list[dict]:
    """Claims by document and verdict, with the bars' places in per cent of the longest."""
    count = Counter((c["row"]["source"]["document"], c["verdict"]) for c in claims)
    shown = [v for v in (*VERDICTS, NOT_RUN) if any(key[1] == v for key in count)]
    lines = []
    for document in sorted({document for document, _ in count}):
        counts = {verdict: count[document, verdict] for verdict in shown}
        lines.append({"document": document, "title": DOCUMENTS.get(document, ""), "counts": counts})
    longest = max((sum(line["counts"].values()) for line in lines), default=1)
    for line in lines:
        line["total"], line["bars"], at = sum(line["counts"].values()), [], 0.0
        for verdict, n in line["counts"].items():
            if n:
                line["bars"].append((verdict, f"{at:.2f}", f"{100 * n / longest:.2f}"))
            at += 100 * n / longest
    return lines


def documents(claims: Sequence[Mapping]) -> list[dict]:
    """Documents with their claims by place, for the index."""
    index: dict[str, dict[str, list]] = {}
    for claim in claims:
        source = claim["row"]["source"]
        index.setdefault(source["document"], {}).setdefault(source["place"], []).append(claim)
    return [
        {
            "document": document,
            "title": DOCUMENTS.get(document, ""),
            "places": sorted(index[document].items()),
            "claims": sum(map(len, index[document].values())),
        }
        for document in sorted(index)
    ]


def choices(claims: Sequence[Mapping], sections: Sequence[Section]) -> list[tuple]:
    """The filters: key, label, and what there is to choose from."""
    documents = sorted({claim["row"]["source"]["document"] for claim in claims})
    verdicts = {claim["verdict"] for claim in claims}
    levels = {claim["level"] for claim in claims}
    forms = {claim["row"]["form"] for claim in claims}
    return [
        ("document", "Document", [(d, _short_title(d)) for d in documents]),
        ("experiment", "Experiment", [(s.name, s.name) for s in sections if s.rows]),
        ("verdict", "Verdict", [(v, v) for v in SIGNS if v in verdicts]),
        ("level", "Evidence", [(v, v) for v in (*LEVELS, "none") if v in levels]),
        ("form", "Form", [(f, f) for f in FORMS if f in forms]),
    ]


def _short_title(document: str) -> str:
    author = DOCUMENTS.get(document, "").partition(",")[0]
    return f"{document} {author}".strip()


def open_entries() -> list[tuple[str, str, int]]:
    """Documents with entries of the catalogue that are left to later work, and their number."""
    count = Counter(
        entry.documents[0]
        for entry in catalogue.load_catalogue().values()
        if entry.open is not None
    )
    return [(document, DOCUMENTS.get(document, ""), n) for document, n in sorted(count.items())]
