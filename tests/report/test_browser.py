"""The page in a real browser: Debian's chromium, driven by Playwright."""

import shutil

import pytest
from playwright.sync_api import expect, sync_playwright


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    # Not skipped: a page that nobody opened in a browser is not tested.
    assert chromium, "these tests need Debian's chromium: apt-get install -y chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def visit(browser, page):
    """Open the report; afterwards nothing may have gone wrong in the console."""
    contexts, troubles = [], []

    def opened(hash: str = "", **options):
        settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
        context = browser.new_context(**(settings | options))
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(10_000)
        tab.on("console", lambda m: troubles.append(m.text) if m.type != "log" else None)
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("dialog", lambda dialog: troubles.append(dialog.message))
        tab.on("request", lambda r: troubles.append(r.url) if r.url[:4] == "http" else None)
        tab.goto(page.as_uri() + hash)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def shown(tab) -> list[str]:
    """Anchors of the claims that the filters leave."""
    return tab.eval_on_selector_all("details.claim:not([hidden])", "all => all.map(c => c.id)")


def overflow(tab) -> int:
    """Pixels by which the page is wider than the window."""
    return tab.evaluate("document.documentElement.scrollWidth - innerWidth")


def test_it_loads_in_silence_and_no_foreign_script_runs(visit):
    tab = visit()
    assert tab.evaluate("typeof pwned") == "undefined"
    assert len(shown(tab)) == 5
    assert tab.locator("#count").inner_text() == "5 of 5 claims"
    assert tab.locator("math").count() > 5
    tab.locator("#experiment-coin .figures > summary").click()
    image = tab.locator("#experiment-coin .figures img")
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("i => i.naturalWidth") > 300


def test_filters_filter_count_and_are_remembered_in_the_address(visit):
    tab = visit()
    counts = {
        ("verdict", "refuted"): 2,
        ("document", "001"): 2,
        ("experiment", "coin"): 3,
        ("form", "derived"): 1,
        ("level", "statistics"): 5,
    }
    for (key, value), count in counts.items():
        tab.select_option(f"#filters [name={key}]", value)
        assert len(shown(tab)) == count
        assert tab.locator("#count").inner_text() == f"{count} of 5 claims"
        assert tab.evaluate("location.hash") == f"#{key}={value}"
        tab.locator("#filters [type=reset]").click()
        expect(tab.locator("#count")).to_have_text("5 of 5 claims")
        assert tab.evaluate("location.hash") == "#ledger"


def test_an_address_restores_its_view(visit):
    tab = visit("#verdict=refuted&form=as+stated&q=fair+coin")
    assert shown(tab) == ["claim-frequency-as-stated"]
    assert tab.input_value("#filters [name=verdict]") == "refuted"
    assert tab.input_value("#filters [name=q]") == "fair coin"
    tab.evaluate("location.hash = 'document=folklore'")
    expect(tab.locator("#count")).to_have_text("1 of 5 claims")
    assert shown(tab) == ["claim-frequency-uncontrolled"]


def test_filters_combine_and_an_empty_view_says_so(visit):
    tab = visit("#document=001&verdict=refuted")
    assert shown(tab) == ["claim-frequency-as-stated"]
    assert tab.locator("section.experiment:visible").count() == 1
    tab.select_option("#filters [name=form]", "corrected")
    assert shown(tab) == [] and tab.locator("#nothing").is_visible()


def test_search_finds_words_mathematics_and_names(visit):
    tab = visit()
    for words, found in {
        "frequency-AS": ["claim-frequency-as-stated"],
        r"\text{ for each": ["claim-frequency"],
        "folklore derived": [],
        "fair coin folklore": ["claim-frequency-uncontrolled"],
        "<script>pwned": ["claim-id-script-pwned-1-script-img-src-x-onerror-pwned-2-amp-7-7-style"],
    }.items():
        tab.fill("#filters [name=q]", words)
        assert shown(tab)[:1] == found[:1], words


def test_links_open_what_they_lead_to(visit):
    tab = visit()
    claim, twin = (tab.locator(f"#{id}") for id in ("claim-frequency", "claim-frequency-as-stated"))
    tab.locator(".erratum a[href='#claim-frequency']").click()
    tab.wait_for_selector("#claim-frequency[open]")
    claim.locator("a", has_text="frequency-as-stated").click()
    tab.wait_for_selector("#claim-frequency-as-stated[open]")
    assert twin.locator("text=fails by at least").is_visible()
    assert twin.locator("figure img").is_visible()
    claim.locator("a", has_text="001").click()
    tab.wait_for_selector("details[open] > #document-001")
    tab.locator("#document-001 a[href='#claim-frequency']").click()
    tab.locator(".tally [data-view='document=001&verdict=refuted'] a").click()
    expect(tab.locator("#count")).to_have_text("1 of 5 claims")
    # A link to a claim that the filters hide shows it all the same.
    tab.locator("#document-001 a[href='#claim-frequency']").click()
    tab.wait_for_selector("#claim-frequency[open]:not([hidden])")


def test_an_anchor_in_the_address_opens_its_claim(visit):
    tab = visit("#claim-frequency-as-stated")
    claim = tab.locator("#claim-frequency-as-stated")
    assert claim.get_attribute("open") is not None
    assert 0 <= claim.bounding_box()["y"] < 900


def test_the_command_can_be_copied(visit):
    tab = visit("#claim-frequency", permissions=["clipboard-read", "clipboard-write"])
    tab.locator("#claim-frequency button", has_text="Copy").click()
    tab.wait_for_selector("#claim-frequency button:has-text('Copied')")
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("python -m theorylab run coin --preset quick --path ")


def test_the_keyboard_reaches_and_opens_a_claim(visit):
    tab = visit()
    tab.locator("#expand").focus()
    # Past the experiment's figures and provenance to its first claim.
    for _ in range(3):
        tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.parentElement.id") == "claim-frequency"
    outline = tab.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    tab.keyboard.press("Enter")
    assert tab.locator("#claim-frequency[open]").count() == 1


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(visit, width):
    tab = visit(viewport={"width": width, "height": 740})
    assert overflow(tab) <= 0
    tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    expect(tab.locator(".shown figure")).to_have_count(3)
    assert overflow(tab) <= 0


CONTRAST = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const f = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || e.closest("script, option")) continue;
    const style = getComputedStyle(e);
    const colour = parse(e.closest("svg") ? style.fill : style.color);
    const [a, b] = [luminance(colour), luminance(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${ratio.toFixed(2)} ${e.className} ${e.textContent.slice(0, 30)}`);
  }
  return [low, getComputedStyle(document.body).backgroundColor];
}"""


def test_contrast_suffices_in_light_and_dark(visit):
    papers = []
    for scheme in ("light", "dark"):
        tab = visit(color_scheme=scheme)
        tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        low, paper = tab.evaluate(CONTRAST)
        assert low == []
        papers.append(paper)
    assert papers[0] == "rgb(255, 255, 255)" and papers[1] != papers[0]


def test_print_opens_everything_and_leaves_the_controls_out(visit):
    tab = visit()
    closed = tab.locator("#claim-frequency .evidence")
    assert not closed.is_visible()
    tab.emulate_media(media="print")
    assert closed.is_visible()
    for control in ("#filters", "nav", "#claim-frequency button"):
        assert not tab.locator(control).first.is_visible()


def test_without_scripts_everything_can_be_read(visit):
    tab = visit(java_script_enabled=False)
    assert not tab.locator("#filters").is_visible()
    tab.locator("#claim-frequency > summary").click()
    assert tab.locator("#claim-frequency .evidence").is_visible()
    tab.locator("#claim-frequency a", has_text="figure").click()
    assert tab.locator(".experiment img").first.is_visible()


def test_verdicts_are_words_and_signs_not_colours_alone(visit):
    tab = visit()
    badges = tab.locator(".verdict").all_text_contents()
    signs = {"supported": "✓", "refuted": "✗", "inconclusive": "?"}
    assert len(badges) > 15
    for badge in badges:
        sign, word = badge.split()
        assert signs[word] == sign
