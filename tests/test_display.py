"""What results look like in a notebook and at a prompt: escaped, without scripts, complete."""

import re
from html.parser import HTMLParser

import pytest

import theorylab

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>&amp;"
ALLOWED = {
    "div", "span", "strong", "code", "br", "table", "thead", "tbody", "tr", "th", "td", "details",
    "summary", "wbr",
}  # fmt: skip
MATHML = {
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "msup", "msub",
    "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded",
}  # fmt: skip
VOID = {"br", "wbr"}


class Page(HTMLParser):
    """Tags, attributes and text of a piece of HTML; refuses what is not closed in order."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text, self.open = set(), set(), "", []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def result(write_experiment, monkeypatch, tmp_path):
    """A run of the coin experiment in which every text carries markup."""
    monkeypatch.chdir(tmp_path)
    folder = write_experiment()
    text = (folder / "coin.py").read_text()
    for old, new in (
        ("Coin: is", f"Coin {HOSTILE}: is"),
        ('"E[H]/n = p"', f'"E[H]/n < p {HOSTILE}"'),
        ('"folklore"', f'"folklore {HOSTILE}", "page {HOSTILE}"'),
        ('"a tenth less"', f'"a tenth less {HOSTILE}"'),
        ('"a tenth of the slip"', f'"a tenth {HOSTILE}"'),
        ('form="corrected"', f'form="corrected", conditions="{HOSTILE}"'),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "coin.py").write_text(text)
    return theorylab.run("coin", "quick", path=folder)


def displays(result):
    return {
        "result": result,
        "data": result.data,
        "claim": result.claims["frequency"],
        "judgement": result.judgement("frequency"),
        "evidence": result.evidence("frequency"),
        "ledger": theorylab.claims("coin", path=result.file.parent),
    }


def test_markup_from_files_is_shown_and_never_interpreted(result):
    for name, shown in displays(result).items():
        page = Page(shown._repr_html_())
        assert page.tags <= ALLOWED | MATHML, name
        assert not {a for a in page.attributes if a.startswith("on") or a in ("src", "href")}, name
        if name != "data":
            assert "<script>" in page.text, f"{name} lost a text"


def test_colours_suit_a_light_and_a_dark_page(result):
    for shown in displays(result).values():
        html = shown._repr_html_()
        assert not re.search(r"background:(?!none)", html)
        for colour in re.findall(r"(?<!-)color:#(\w{6})", html):
            channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
            linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
            luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
            # Contrast by WCAG, against white and against the black of dark notebooks.
            assert 1.05 / (luminance + 0.05) > 3.9 and (luminance + 0.05) / 0.0558 > 3.9


def test_text_names_every_claim_with_its_verdict_and_where_it_is_stored(result):
    text = repr(result)
    for id, verdict in result.verdicts.items():
        assert f"{verdict:<12} {id}" in text
    assert "preset quick, 1 supported, 1 refuted" in text
    assert "tosses (p: 3)" in text and str(result.folder) in text
    assert "2 claims: 1 supported, 1 refuted" in repr(displays(result)["ledger"])
    assert repr(result.evidence("frequency")).startswith("<Evidence supported by statistics")
    assert repr(result.claims["frequency"]).startswith("<Claim frequency (corrected)")


def test_statements_are_set_as_mathematics(write_experiment, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    claim = theorylab.load("coin", [write_experiment()]).claims[0]
    page = Page(claim._repr_html_())
    assert "math" in page.tags and "E[H]/n=p" in re.sub(r"\s", "", page.text)
    assert "✓" not in page.text  # a claim by itself has no verdict


def test_points_with_least_slack_come_first_and_the_rest_are_counted():
    import numpy as np
    import xarray as xr

    values = xr.DataArray(np.linspace(0, 1, 30), coords={"k": np.arange(30)}, dims="k")
    evidence = theorylab.Evidence("numerics", values, values, values, (-np.inf, 2), "a bound")
    page = Page(evidence._repr_html_())
    assert "k=29" in page.text and "k=3" not in page.text.replace("k=29", "")
    assert "and 18 points" in page.text
