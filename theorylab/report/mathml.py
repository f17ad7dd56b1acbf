"""Statements in LaTeX as MathML that breaks over lines, and prose with mathematics in it.

latex2mathml parses; what it returns is not taken over as text, since it leaves ``<`` and ``&`` of
``\\text{...}`` as they are and passes on links and styles. Its tree is cleaned against lists of
what is allowed, mended where browsers' MathML (MathML Core) differs, and serialised with escapes.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup, escape

LEAVES = frozenset(("mi", "mn", "mo", "mtext", "mspace"))
SCRIPTS = frozenset(("msup", "msub", "msubsup", "munder", "mover", "munderover"))
TAGS = LEAVES | SCRIPTS | {"math", "mrow", "mfrac", "msqrt", "mroot", "mstyle", "mpadded"}
TAGS |= {"mphantom", "mtable", "mtr", "mtd"}
#: Attribute -> what its value must match to be kept.
ATTRIBUTES = {
    "mathvariant": r"normal",
    "stretchy|fence|separator|accent|displaystyle|movablelimits": r"true|false",
    "scriptlevel": r"[+-]?\d",
    "width|minsize|maxsize|lspace|rspace": r"-?\d*\.?\d+em",
    "linethickness": r"\d*\.?\d+(em|px|pt)?",
}
#: mathvariant -> how Unicode calls the letters; browsers know no other variants than normal.
ALPHABETS = {
    "bold": "BOLD",
    "script": "SCRIPT",
    "double-struck": "DOUBLE-STRUCK",
    "fraktur": "FRAKTUR",
    "sans-serif": "SANS-SERIF",
    "monospace": "MONOSPACE",
    "bold-italic": "BOLD ITALIC",
    "bold-script": "BOLD SCRIPT",
}
#: A line may break before these, outside all brackets.
RELATIONS = frozenset("=≠<>≤≥≪≫→←↔⇒⇔⟹⟺∼≈≡∝∈⊂⊆≍≺≼⪯↦↓↑")
OPENING, CLOSING = frozenset("([{⟨⌊⌈"), frozenset(")]}⟩⌋⌉")
BARS, SIGNS = frozenset("|‖∥"), frozenset("−+±")
#: Signs that stand for something, though Unicode or latex2mathml takes them for operators.
LETTERS = frozenset("∞∇∂…⊤%")
THIN, PRIME = "0.167em", "′"


class NotTypeset(Exception):
    """What the converter makes of this is not mathematics that a page can show."""


def typeset(latex: str) -> Markup:
    """A statement in LaTeX (math mode) as MathML and text; its source where that fails.

    Longer statements are cut into several formulas, between which a line may break.
    """
    try:
        return _joined(_tree(latex))
    except Exception:  # latex2mathml raises what it likes on LaTeX that it does not know
        return Markup('<code class="latex">{}</code>').format(latex)


def prose(text: str) -> Markup:
    """Words with mathematics between them, as controls and conditions are written.

    Text without LaTeX stays as it is. Otherwise words of two letters and more are words, and what
    stands between them is set as mathematics.
    """
    scripts = re.search(r"[\^_]\{", text) and not re.search(r"[A-Za-z]{2}", text)
    if "\\" not in text and not scripts:
        return escape(text)
    if r"\text" in text:
        return typeset(text)
    word = re.compile(r"[A-Za-z][A-Za-z'-]+[,:;.]?|I|a")
    out, formula = [], []
    for chunk in [*re.findall(r"\\ |\S+", text), None]:
        if chunk is None or word.fullmatch(chunk):
            out += [typeset(" ".join(formula))] if formula else []
            formula = []
            out += [] if chunk is None else [escape(chunk)]
        else:
            formula.append(chunk)
    return Markup(" ").join(out)


def in_dollars(text: str) -> Markup:
    """Text in which ``$...$`` is mathematics, as captions are written."""
    pieces = re.split(r"\$([^$]+)\$", text)
    return Markup("").join(typeset(p) if i % 2 else escape(p) for i, p in enumerate(pieces))


def _tree(latex: str) -> list[Element]:
    """Cleaned top-level elements of a formula."""
    from latex2mathml.converter import convert_to_element

    # latex2mathml does not know \arg.
    known = re.sub(r"\\arg(?![A-Za-z])", r"\\operatorname{arg}", latex)
    root = convert_to_element(known)
    _clean(root)
    _mend(root)
    top = list(root)
    while len(top) == 1 and top[0].tag == "mrow":
        top = list(top[0])
    if not top:
        raise NotTypeset
    return top


def _clean(element: Element) -> None:
    if element.tag not in TAGS:
        raise NotTypeset(element.tag)
    variant = element.get("mathvariant")
    element.text = _letters(html.unescape(element.text or ""), variant)
    element.tail = None
    if "\\" in element.text or any(unicodedata.category(c) == "Cc" for c in element.text):
        raise NotTypeset(element.text)
    for name, value in list(element.attrib.items()):
        allowed = next((v for names, v in ATTRIBUTES.items() if name in names.split("|")), None)
        if allowed is None or not re.fullmatch(allowed, value):
            del element.attrib[name]
    for child in element:
        _clean(child)


def _letters(text: str, variant: str | None) -> str:
    if variant not in ALPHABETS:
        return text

    def letter(sign: str) -> str:
        kind = "CAPITAL" if sign.isupper() else "SMALL"
        alphabet = ALPHABETS[variant]
        # Letters that Unicode had before have no place in the block of mathematical alphabets.
        for name in (f"MATHEMATICAL {alphabet} {kind} {sign}", f"{alphabet} {kind} {sign}"):
            try:
                return unicodedata.lookup(name)
            except KeyError:
                continue
        return sign

    return "".join(map(letter, text))


def _mend(element: Element) -> None:
    """What TeX does and latex2mathml or browsers leave undone: names, bars, accents, spaces."""
    for child in element:
        _mend(child)
    children = list(element)
    upright = [c.tag == "mi" and c.get("mathvariant") == "normal" for c in children]
    if element.tag == "mrow" and len(children) > 1 and all(upright):
        name = "".join(c.text for c in children)
        for child in children:
            element.remove(child)
        SubElement(element, "mi").text = name
    if element.tag == "msup" and set("".join(children[1].itertext())) == {PRIME}:
        # The sign is raised by itself; as a superscript it would be small and too high.
        element.tag = "mrow"
        if children[1].tag == "mi":
            children[1].tag = "mo"
            children[1].attrib |= {"lspace": "0em", "rspace": "0em"}
    sign = element.text or ""
    symbol = len(sign) == 1 and unicodedata.category(sign) == "Sm" and sign not in LETTERS
    if element.tag == "mi" and (symbol or sign == ":"):
        element.tag = "mo"  # such as ±, ⟺ and ⪯
    if element.tag == "mo" and sign in LETTERS:
        element.tag = "mi"
    if element.tag == "mo" and sign in BARS | {"/", ":"}:
        element.attrib |= {"lspace": "0em", "rspace": "0em"}
    if element.tag == "mover" and children[1].tag == "mo":
        element.set("accent", "true")
        if len("".join(children[0].itertext())) == 1:
            children[1].set("stretchy", "false")
    elif "~" in [child.text for child in children]:
        for child in children:
            child.text = "∼" if child.text == "~" else child.text
    if element.tag in ("mrow", "math", "mstyle", "msqrt", "mtd"):
        _space(element)


def _space(row: Element) -> None:
    """Signs close to their number; a thin space beside log, sup, ..., where no operator stands."""
    children = list(row)
    for child in children:
        row.remove(child)
    for i, child in enumerate(children):
        before = children[i - 1] if i else None
        first = before is None or (before.tag == "mo" and before.text not in CLOSING | BARS)
        if child.tag == "mo" and child.text in SIGNS and first:
            child.set("form", "prefix")  # by itself only the first of all would count as one
        if _is_function(child) and before is not None and _is_ordinary(before):
            row.append(Element("mspace", width=THIN))
        row.append(child)
        after = children[i + 1] if i + 1 < len(children) else None
        spaced = after is not None and (_is_ordinary(after) or _is_function(after))
        if _is_function(child) and spaced:
            row.append(Element("mspace", width=THIN))


def _is_function(element: Element) -> bool:
    core = element[0] if element.tag in ("msub", "msup", "msubsup", "munder") else element
    name = core.text or ""
    if core.tag == "mo" and len(name) > 1 and name.isalpha():
        core.attrib |= {"lspace": "0em", "rspace": "0em"}
        return True
    known = "log exp sin cos tan tanh arctan sinh cosh arccos arcsin ln det dim ker"
    return core.tag == "mi" and name in known.split()


def _is_ordinary(element: Element) -> bool:
    return element.tag not in ("mo", "mspace", "mtext") and not _is_function(element)


def _joined(top: list[Element]) -> Markup:
    """Formulas, the words between them as plain text, and places where a line may break."""
    out, formula, depth = [], [], 0

    def close() -> Iterator[Markup]:
        if formula:
            math = Element("math")
            row = SubElement(math, "mrow")
            row.extend(formula)
            formula.clear()
            yield Markup(tostring(math, encoding="unicode"))

    for element in top:
        sign = (element.text or "") if element.tag == "mo" else ""
        depth += (sign in OPENING) - (sign in CLOSING)
        wide = element.tag == "mspace" and float((element.get("width") or "0em")[:-2]) >= 1
        if depth <= 0 and element.tag == "mtext":
            out += close()
            out.append(escape((element.text or "").replace("\u00a0", " ")))
        elif depth <= 0 and wide:
            out += close()
            out.append(Markup("\u2003"))
        else:
            if depth <= 0 and sign in RELATIONS and formula:
                out += [*close(), Markup("<wbr>")]
                element.set("form", "infix")
            formula.append(element)
            if depth <= 0 and sign in (",", ";", ":"):
                out += [*close(), Markup(" " if sign == ":" else "<wbr>")]
    out += close()
    return Markup("").join(out)
