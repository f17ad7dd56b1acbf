"""Statements become MathML that browsers know, whatever they hold."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorylab import discovery
from theorylab.report import mathml

#: Elements of MathML Core, by the specification, and what is put around them.
CORE = {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mstyle"}
CORE |= {"mpadded", "mphantom", "msub", "msup", "msubsup", "munder", "mover", "munderover"}
CORE |= {"mtable", "mtr", "mtd", "code", "wbr"}
PIECES = (
    "\\text",
    "\\frac",
    "\\mathrm",
    "\\href",
    "\\rm",
    "\\left(",
    "\\right)",
    *"{}<>&'\"^_[]$#% ",
)


def parsed(markup) -> ElementTree.Element:
    return ElementTree.fromstring(f"<p>{str(markup).replace('<wbr>', '<wbr/>')}</p>")


def words(markup) -> str:
    return "".join(parsed(markup).itertext())


@pytest.fixture(scope="module")
def claims():
    return [claim for name in discovery.find() for claim in discovery.load(name).claims]


def test_every_statement_condition_and_control_is_typeset(claims):
    assert len(claims) > 500
    for claim in claims:
        shown = [mathml.typeset(claim.statement), mathml.prose(claim.conditions)]
        shown += [mathml.prose(control.statement) for control in claim.controls]
        for markup in shown:
            assert "<code" not in markup and "\\" not in markup, (claim.id, markup)
            assert {e.tag for e in parsed(markup).iter()} - {"p"} <= CORE
        assert "<math" in shown[0] or r"\text" in claim.statement, claim.id


def test_the_signs_are_those_of_the_statement():
    shown = words(
        mathml.typeset(r"\tfrac12 |x - \bar y|^2 \le \sigma^2 \log m \iff \mathcal{L} = 0")
    )
    assert shown == "12|x−y¯|2≤σ2logm⟺ℒ=0"
    assert words(mathml.typeset(r"\mathrm{dist}_K(x) \sim \infty")) == "distK(x)∼∞"


def test_names_are_one_element_and_functions_stand_apart():
    markup = str(mathml.typeset(r"2\log m + \mathrm{dist}_K"))
    assert "<mi>dist</mi>" in markup
    space = '<mspace width="0.167em" />'
    assert f"<mn>2</mn>{space}<mi>log</mi>{space}<mi>m</mi>" in markup
    assert space not in mathml.typeset(r"\log(m)")


def test_a_sign_belongs_to_its_number_and_a_difference_does_not():
    sign, difference = '<mo form="prefix">−</mo>', "<mo>−</mo>"
    for latex, signs in {
        "(-1)^p": 1,
        r"x \to -1": 1,
        "a - b": 0,
        "|x| - |y|": 0,
        "-x - (-y)": 2,
    }.items():
        markup = str(mathml.typeset(latex))
        assert markup.count(sign) == signs, markup
        assert markup.count(difference) == latex.count("-") - signs, markup


def test_words_are_text_and_lines_may_break_before_relations():
    markup = str(mathml.typeset(r"a + b \le c \text{ for all } x"))
    assert markup.count("<math>") == 3 and markup.count("<wbr>") == 1
    assert "</math> for all <math>" in markup
    assert "<wbr>" not in mathml.typeset(r"P(a \le b)")  # never inside brackets


@pytest.mark.parametrize("latex", [r"\unknown x", r"\frac{", r"\includegraphics{x}", "", "x\x00"])
def test_what_is_not_mathematics_is_shown_as_it_was_written(latex):
    assert mathml.typeset(latex).startswith('<code class="latex">')


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\text{<b>&</b>}", "<b>&</b>"),
        (r"x < y & z", "x<y&z"),
        (r"\href{javascript:alert(1)}{x}", "x"),
        (r"\style{color:red}{x} \class{y}{z}", "xz"),
        (r"\color{red\"onload=alert(1)}{x}", "x"),
        (r"\text{&lt;script&gt;}", "<script>"),
    ],
)
def test_markup_in_a_statement_is_text_and_links_and_styles_are_dropped(latex, text):
    markup = mathml.typeset(latex)
    assert words(markup) == text or "<code" in markup
    for element in parsed(markup).iter():
        assert (
            not set(element.attrib) & {"href", "style", "class", "mathcolor"} or "<code" in markup
        )


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12))
def test_no_text_breaks_out(pieces):
    for markup in (mathml.typeset("".join(pieces)), mathml.prose("".join(pieces))):
        # Characters that XML knows no way to hold may stand in a fallback; a browser shows them.
        clean = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "", str(markup))
        for element in parsed(clean).iter():
            assert element.tag in CORE | {"p"}
            assert set(element.attrib) <= {
                *("class", "mathvariant", "stretchy", "fence", "separator", "accent", "form"),
                *("displaystyle", "movablelimits", "scriptlevel", "width", "minsize", "maxsize"),
                *("lspace", "rspace", "linethickness"),
            }


def test_prose_keeps_words_and_sets_what_stands_between():
    markup = mathml.prose(r"covariance not divided by \sigma^2, as a bound: \tfrac12 D")
    assert words(markup) == "covariance not divided by σ2, as a bound: 12D"
    assert str(markup).startswith("covariance not divided by <math>")
    assert mathml.prose("gamma = 3/2 & more") == "gamma = 3/2 &amp; more"
    assert "<msup>" in mathml.prose("2 e^{-t^2}")


def test_mathematics_between_dollars():
    assert words(mathml.in_dollars(r"Heads <b> over $\sigma^2$, $5")) == "Heads <b> over σ2, $5"
