"""The ledger as tables: CSV, JSON, a data frame, and LaTeX for papers.

Every function takes rows as :func:`theorylab.ledger.rows` makes them.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .documents import DOCUMENTS

if TYPE_CHECKING:
    import pandas as pd


def flat(row: dict) -> dict:
    """One claim as flat columns, in a fixed order; None where there is nothing."""
    lower, upper = row["interval"] or (None, None)
    low, high = row["region"] or (None, None)
    controls = row["controls"]
    return {
        "id": row["id"],
        "experiment": row["experiment"],
        "document": row["source"]["document"],
        "place": row["source"]["place"],
        "entries": " ".join(row["entries"]),
        "form": row["form"],
        "kind": row["kind"],
        "statement": row["statement"],
        "conditions": row["conditions"],
        "expected": row["expected"],
        "verdict": row["verdict"],
        "level": row["level"],
        "estimate": row["estimate"],
        "lower": lower,
        "upper": upper,
        "region_lower": low,
        "region_upper": high,
        "where": row["where"],
        "points": row["points"],
        "excluded": row["excluded"],
        "alpha": row["alpha"],
        "controls": len(controls),
        "controls_refuted": sum(control["verdict"] == "refuted" for control in controls),
        "twin": row["twin"],
        "preset": row["preset"],
        "skipped": len(row["skipped"]),
        "reason": row["reason"],
        "why": row["why"],
        "note": row["note"],
        "sha256": " ".join(f"{name}={sha}" for name, sha in row["dataset sha256"].items()),
    }


def to_dataframe(rows: Sequence[dict]) -> pd.DataFrame:
    """One row a claim, indexed by its id; numbers are floats, infinities included."""
    import pandas as pd

    frame = pd.DataFrame([flat(row) for row in rows]).set_index("id")
    numbers = ["estimate", "lower", "upper", "region_lower", "region_upper", "alpha"]
    return frame.astype(dict.fromkeys(numbers, float))


def as_csv(rows: Sequence[dict]) -> str:
    """One line a claim; numbers at full precision, ``inf`` for an open side of a region."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for i, row in enumerate(map(flat, rows)):
        if i == 0:
            writer.writerow(row)
        writer.writerow(row.values())
    return text.getvalue()


def as_json(rows: Sequence[dict], not_checkable: Sequence[dict] = ()) -> str:
    """A JSON list of claims, followed by the entries that cannot be checked."""
    return json.dumps([*rows, *not_checkable], indent=1, ensure_ascii=False)


def as_latex(rows: Sequence[dict], errata: Sequence[tuple[dict, dict | None]]) -> str:
    """Booktabs tables, to be read in by a paper's ``\\input``: one a document, and the errata."""
    parts = [
        "% Made by `theorylab claims --latex`. In the preamble:",
        r"% \usepackage[T1]{fontenc}\usepackage{amsmath,amssymb,booktabs,longtable,array}",
    ]
    if errata:
        parts.append(_errata_table(errata))
    by_document: dict[str, list[dict]] = {}
    for row in rows:
        by_document.setdefault(row["source"]["document"], []).append(row)
    return "\n\n".join(parts + [_table(*item) for item in sorted(by_document.items())]) + "\n"


def _table(document: str, rows: Sequence[dict]) -> str:
    title = DOCUMENTS.get(document, "")
    name = f"document {document} ({_text(title)})" if title else _text(document)
    lines = [
        (
            _text(row["source"]["place"]),
            _mathematics(row["statement"]),
            row["form"],
            row["verdict"] or "not run",
            row["level"] or "--",
        )
        for row in rows
    ]
    counts = ", ".join(
        f"{count} {verdict or 'not run'}"
        for verdict in ("supported", "refuted", "inconclusive", None)
        if (count := sum(row["verdict"] == verdict for row in rows))
    )
    return _longtable(
        f"Claims of {name}: {counts}.",
        "claims-" + "".join(c if c.isalnum() else "-" for c in document).strip("-"),
        [
            ("Place", 0.17),
            ("Statement", 0.43),
            ("Form", 0.09),
            ("Verdict", 0.11),
            ("Evidence", 0.1),
        ],
        lines,
    )


def _errata_table(errata: Sequence[tuple[dict, dict | None]]) -> str:
    lines = [
        (
            _mathematics(printed["statement"]) + " (a reading)" * (printed["form"] == "reading"),
            _mathematics(corrected["statement"]) if corrected else "--",
            _slip(printed),
            _text(", ".join(filter(None, (printed["source"][k] for k in ("document", "place"))))),
        )
        for printed, corrected in errata
    ]
    return _longtable(
        "Errata: statements refuted as printed, and the form that the same check supports. The "
        "slip is the measured interval, with the region in which the statement would hold.",
        "errata",
        [("As printed", 0.3), ("Corrected", 0.3), ("Measured slip", 0.16), ("Source", 0.14)],
        lines,
    )


def _longtable(
    caption: str, label: str, columns: Sequence[tuple[str, float]], lines: Sequence[Sequence[str]]
) -> str:
    """A longtable; ``columns`` are headings with their share of the line's width."""
    width = r">{\raggedright\arraybackslash}p{%.2f\linewidth}"
    heading = " & ".join(title for title, _ in columns) + r" \\"
    head = [r"\toprule", heading, r"\midrule"]
    return "\n".join(
        [
            r"\begingroup\footnotesize\sloppy",
            r"\begin{longtable}{@{}" + "".join(width % share for _, share in columns) + "@{}}",
            rf"\caption{{{caption}}}\label{{tab:{label}}}\\",
            *head,
            r"\endfirsthead",
            *head,
            r"\endhead",
            r"\bottomrule",
            r"\endlastfoot",
            *(" & ".join(line) + r" \\[2pt]" for line in lines),
            r"\end{longtable}",
            r"\endgroup",
        ]
    )


def _slip(row: dict) -> str:
    if row["interval"] is None:
        return "--"
    lower, upper = (_math_number(value) for value in row["interval"])
    low, high = row["region"]
    if float(low) == -math.inf:
        holds = rf"\le {_math_number(high)}"
    elif float(high) == math.inf:
        holds = rf"\ge {_math_number(low)}"
    else:
        holds = rf"\in [{_math_number(low)}, {_math_number(high)}]"
    where = f" at {_text(row['where'])}" if row["where"] else ""
    return f"$[{lower}, {upper}]$, not ${holds}${where}"


def _math_number(value) -> str:
    text = number(value).replace("∞", r"\infty")
    digits, e, exponent = text.partition("e")
    return rf"{digits}\cdot 10^{{{int(exponent)}}}" if e else digits


def _mathematics(statement: str) -> str:
    # In a narrow column a formula may break after a comma or colon, too.
    return f"${statement}$" if statement else "--"


def _text(text: str) -> str:
    """Words for LaTeX, every special character escaped."""
    from pylatexenc.latexencode import unicode_to_latex

    return unicode_to_latex(text, unknown_char_policy="replace")


def number(value) -> str:
    """A number for people: four significant digits; infinities as signs."""
    if value is None:
        return "-"
    value = float(value)
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.4g}"
