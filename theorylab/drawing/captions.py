"""Captions: what a figure shows, which claims it bears on, their verdicts, and whose data it is."""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

from ..evidence import REFUTED, SUPPORTED
from ..judge import Judgement
from ..result import Result
from ..tables import number

VERDICTS = (SUPPORTED, REFUTED, "inconclusive")


@dataclass(frozen=True)
class Caption:
    """One caption: ``text`` for reading, ``latex`` for ``\\caption[]{\\input{...}}``."""

    text: str
    latex: str


def caption(result: Result, draw: Callable) -> Caption:
    """The caption of the figure that ``draw`` makes of ``result``.

    The first paragraph of the function's docstring opens it (``$...$`` in it is mathematics). The
    claims are those that :func:`theorylab.figures.shows` names; without it, all of the
    experiment's, counted, with the first statement that is refuted as printed beside its
    corrected form.
    """
    paragraph = (inspect.getdoc(draw) or result.title).partition("\n\n")[0]
    title = " ".join(paragraph.split()).rstrip(".") + "."
    named = getattr(draw, "claims", ())
    told = [result.judgement(claim) for claim in named or _headline(result)]
    count = "" if named else _counted(result)
    sha = content_sha256(result)
    return Caption(
        " ".join(filter(None, [_read(title), count, *map(_plain, told), _whose(result, sha)])),
        "\n".join(
            [
                "% For \\caption[]{\\input{...}}; needs \\usepackage{amsmath,amssymb}",
                f"% data sha256 {sha}",
                _words(title),
                *([_words(count)] if count else []),
                *[_latex(result, judgement) for judgement in told],
                _words(_whose(result, sha)) + "%\n",
            ]
        ),
    )


def content_sha256(result: Result) -> str:
    """One sha256 for the data of a result: its dataset's, or that of all their names and sha256."""
    if len(result.sha256) == 1:
        return next(iter(result.sha256.values()))
    lines = "".join(f"{name} {sha}\n" for name, sha in sorted(result.sha256.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _headline(result: Result) -> list[str]:
    """The first claim refuted as printed and its twin; else the first claim supported."""
    verdicts = result.verdicts
    for claim in result.claims.values():
        if verdicts[claim.id] == REFUTED:
            twin = claim.twin.id if claim.twin else None
            return [claim.id] + ([twin] if verdicts.get(twin) == SUPPORTED else [])
    return [id for id, verdict in verdicts.items() if verdict == SUPPORTED][:1]


def _counted(result: Result) -> str:
    found = list(result.verdicts.values())
    counts = ", ".join(f"{found.count(v)} {v}" for v in VERDICTS if v in found)
    return f"Claims of {result.name}: {counts}." if found else ""


def _whose(result: Result, sha: str) -> str:
    changed = "".join(f", {key}={','.join(values)}" for key, values in result.overrides.items())
    seed = f", seed {result.seed}" if result.seed else ""
    return f"Preset {result.preset}{changed}{seed}; data {sha[:12]}."


def _interval(judgement: Judgement, sign: Callable[[str], str], times: str) -> str:
    evidence = judgement.evidence
    if evidence.get("estimate") is None:
        return ""
    pair, region = (
        # Adding 0.0 turns -0.0 into 0.
        ", ".join(sign(number(float(edge) + 0.0)) for edge in edges)
        for edges in ((evidence["lower"], evidence["upper"]), evidence["region"])
    )
    return f": {times}[{pair}]{times} against {times}[{region}]{times}"


def _plain(judgement: Judgement) -> str:
    numbers = _interval(judgement, str, "")
    return f"{judgement.verdict.capitalize()}: {judgement.id}{numbers}."


def _latex(result: Result, judgement: Judgement) -> str:
    statement = result.claims[judgement.id].statement
    numbers = _interval(judgement, _in_mathematics, "$")
    return f"{judgement.verdict.capitalize()}: ${statement}${numbers}. % {judgement.id}"


def _in_mathematics(text: str) -> str:
    digits, e, exponent = text.replace("∞", r"\infty").partition("e")
    return rf"{digits}\cdot 10^{{{int(exponent)}}}" if e else digits


def _read(title: str) -> str:
    """A title for reading: its mathematics in Unicode."""
    from pylatexenc.latex2text import LatexNodes2Text

    read = LatexNodes2Text(math_mode="text").latex_to_text
    pieces = re.split(r"(\$[^$]*\$)", title)
    return "".join(read(piece) if piece.startswith("$") else piece for piece in pieces)


def _words(text: str) -> str:
    """Words for LaTeX, every special character escaped, except for mathematics in dollars."""
    from pylatexenc.latexencode import unicode_to_latex

    pieces = re.split(r"(\$[^$]*\$)", text)
    return "".join(
        piece if piece.startswith("$") else unicode_to_latex(piece, unknown_char_policy="replace")
        for piece in pieces
    )
