"""The ledger as LaTeX tables for a paper: booktabs, one a document, and the errata.

Statements are set as mathematics; every other text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .documents import DOCUMENTS
from .report import numbers

#: A group of words inside a formula, and a sign in it that is not allowed there by itself.
_WORDS = re.compile(r"\\text\{[^{}$]*\}")
_BARE = re.compile(r"(?<!\\)[_^&#%]")


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
            mathematics(row["statement"]),
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
            mathematics(printed["statement"]) + " (a reading)" * (printed["form"] == "reading"),
            mathematics(corrected["statement"]) if corrected else "--",
            _slip(printed),
            _text(", ".join(filter(None, (printed["source"][k] for k in ("document", "place"))))),
        )
        for printed, corrected in sorted(errata, key=lambda pair: pair[0]["source"]["document"])
    ]
    return _longtable(
        "Errata: statements refuted as printed, and the form that the same check supports. The "
        "slip is the measured interval, with the region in which the statement would hold.",
        "errata",
        [("As printed", 0.28), ("Corrected", 0.28), ("Measured slip", 0.2), ("Source", 0.14)],
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
    measured = numbers.interval(row["estimate"], *row["interval"])
    where = f", at {row['where']}" if row["where"] else ""
    return _text(f"{measured}{where}; acceptable: {numbers.region(*row['region'])}")


def mathematics(statement: str) -> str:
    r"""A statement that may break over lines, at its words and after its commas.

    What is not LaTeX is printed as it was typed: one slip must not cost the whole table.
    """
    from pylatexenc.latexwalker import LatexWalker, LatexWalkerParseError

    statement = _WORDS.sub(lambda words: _BARE.sub(r"\\\g<0>{}", words[0]), statement)
    try:
        nodes = LatexWalker(f"${statement}$", tolerant_parsing=False).get_latex_nodes()[0]
    except LatexWalkerParseError:
        nodes = []
    if len(nodes) != 1:
        return rf"\texttt{{{_text(statement)}}}"
    parts, formula, inside = [], "", 0
    for node in nodes[0].nodelist:
        source, macro = node.latex_verbatim(), getattr(node, "macroname", "")
        inside += (macro == "left") - (macro == "right")
        if macro == "text" and not inside and not formula.rstrip().endswith(("_", "^")):
            parts += [_formula(formula), source.removeprefix(r"\text").strip()[1:-1]]
            formula = ""
        elif hasattr(node, "chars"):
            formula += source.replace(",", r",\allowbreak ")
        else:
            formula += source
    return "".join([*parts, _formula(formula)])


def _formula(source: str) -> str:
    return f"${source}$" if source.strip() else source


def _text(text: str) -> str:
    """Words for LaTeX, every special character escaped."""
    from pylatexenc.latexencode import unicode_to_latex

    return unicode_to_latex(text, unknown_char_policy="replace")
