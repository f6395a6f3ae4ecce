"""The HTML page as a person meets it: wide and narrow, light and dark, by keyboard, without script."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from tests.browser.conftest import NAMES, Browser, load, results
from validator.render import parts
from validator.verdict import judge

BIGGEST = 3_000_000  # bytes of newton-ocata's page
LONGEST = 2_000  # milliseconds until it is there
# What sticks out of the window to the right, and is not in a box that scrolls by itself.
OVERFLOW = """
const wide = [];
const root = document.documentElement;
for (const each of document.body.querySelectorAll("*")) {
  if (each.parentElement.closest(".scroll, pre")) continue;
  if (each.getBoundingClientRect().right > root.clientWidth + 0.5) wide.push(each.outerHTML.slice(0, 90));
}
return [root.scrollWidth - root.clientWidth, wide];
"""


@pytest.mark.parametrize("name", NAMES)
def test_it_asks_for_nothing_and_complains_of_nothing(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name])
    requested = [address for address in browser.requests() if not address.startswith("data:")]
    assert requested == [pages[name].as_uri()]
    assert browser.said() == []


@pytest.mark.parametrize(("width", "dark"), [(360, False), (800, True), (1400, False), (1400, True)])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_sticks_out(browser: Browser, pages: dict[str, Path], name: str, width: int, *, dark: bool) -> None:
    browser.open(pages[name], width=width, dark=dark)
    assert browser.run(OVERFLOW) == [0, []]
    browser.run("for (const fold of document.querySelectorAll('details')) fold.open = true")
    assert browser.run(OVERFLOW) == [0, []]


def test_dark_is_dark(browser: Browser, pages: dict[str, Path]) -> None:
    def brightness(*, dark: bool) -> int:
        browser.open(pages["mended"], dark=dark)
        colour = str(browser.run("return getComputedStyle(document.body).backgroundColor"))
        return sum(int(number) for number in colour.removeprefix("rgb(").removesuffix(")").split(","))

    assert brightness(dark=True) < 150
    assert brightness(dark=False) > 600


@pytest.mark.parametrize("name", NAMES)
def test_headings_are_in_order(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name])
    levels = browser.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(each => +each.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("name", ["mended", "everything", "step-flapping.diverged"])
def test_the_keyboard_reaches_and_opens_every_fold(
    browser: Browser, pages: dict[str, Path], name: str, *, script: bool
) -> None:
    browser.open(pages[name], script=script)
    folds = browser.driver.find_elements(By.CSS_SELECTOR, "details")
    assert folds
    assert not any(fold.get_attribute("open") for fold in folds)
    keys = ActionChains(browser.driver, duration=0)
    for _ in range(10_000):
        keys.send_keys(Keys.TAB).perform()
        focused, is_summary, ringed = browser.run(
            "const at = document.activeElement, style = getComputedStyle(at);"
            "return [at !== document.body, at.tagName === 'SUMMARY', style.outlineStyle !== 'none']"
        )
        if not focused:
            break
        assert ringed
        if is_summary:
            keys.send_keys(Keys.SPACE).perform()
    assert all(fold.get_attribute("open") for fold in browser.driver.find_elements(By.CSS_SELECTOR, "details"))


def test_the_first_stop_leads_past_the_contents(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["mended"])
    keys = ActionChains(browser.driver, duration=0)
    keys.send_keys(Keys.TAB).perform()
    skip = browser.driver.switch_to.active_element
    assert skip.text == "Skip to the result"
    assert browser.run("return arguments[0].getBoundingClientRect().top >= 0", skip)
    keys.send_keys(Keys.ENTER).perform()
    assert browser.driver.switch_to.active_element.get_attribute("id") == "main"


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("name", NAMES)
def test_causes_are_there_in_full(browser: Browser, pages: dict[str, Path], name: str, *, script: bool) -> None:
    browser.open(pages[name], script=script)
    causes = parts.causes(results()[name])
    shown = browser.driver.find_elements(By.CSS_SELECTOR, "#causes article")
    assert len(shown) == len(causes)
    for finding, article in zip(causes, shown, strict=True):
        text = browser.run("return arguments[0].textContent", article)
        told = " ".join(text.split())
        fix = finding.fix
        # A fix has a part of its own, with what it came to and its place, each where it belongs.
        tried = () if fix is None else (parts.tried(fix), *([str(fix.place)] if fix.place else []))
        facts = (said for label, said in parts.facts(finding) if label != "fix")
        for said in (finding.subject, finding.message, *facts, *tried):
            assert " ".join(parts.clean(said).split()) in told
        visible = article.text
        assert finding.rule in visible
        for line in (*parts.output(finding), *(finding.fix.tasks.splitlines() if finding.fix else ())):
            assert line.strip() in text


def test_a_difference_is_shown_side_by_side(browser: Browser, pages: dict[str, Path]) -> None:
    [finding] = [each for each in results()["vhost-edited.diverged"].findings if each.evidence.get("diff")]
    browser.open(pages["vhost-edited.diverged"])
    table = browser.driver.find_element(By.CSS_SELECTOR, "table.sides")
    assert [head.text for head in table.find_elements(By.CSS_SELECTOR, "thead th:not(.no)")] == ["is", "should be"]
    removed = [line[1:] for line in parts.diff(finding) if line.startswith("-") and not line.startswith("---")]
    added = [line[1:] for line in parts.diff(finding) if line.startswith("+") and not line.startswith("+++")]
    text = "return [...arguments[0].querySelectorAll(arguments[1])].map(each => each.textContent)"
    assert browser.run(text, table, "td.del") == removed
    assert browser.run(text, table, "td.ins") == added
    left, right = (table.find_element(By.CSS_SELECTOR, f"td.{side}").rect["x"] for side in ("del", "ins"))
    assert left < right


def test_values_are_text_and_nothing_else(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["hostile"])
    assert browser.run("return [document.scripts.length, document.images.length]") == [1, 0]
    assert browser.run("return document.querySelectorAll('main b, main a[href^=http]').length") == 0
    assert "<script>alert(1)</script>" in browser.driver.find_element(By.TAG_NAME, "h1").text


def test_a_restart_is_marked_where_it_happened(browser: Browser, pages: dict[str, Path]) -> None:
    found = results()["restart-twice.diverged"]
    browser.open(pages["restart-twice.diverged"])
    marks = browser.driver.find_elements(By.CSS_SELECTOR, ".timeline .mark")
    assert len(marks) > 0
    for each in found.restarts:
        assert any(
            each.unit in (title := mark.get_attribute("title") or "") and each.who.name in title for mark in marks
        )
    tracks = {
        track.find_element(By.CSS_SELECTOR, ".track-name").text: track
        for track in browser.driver.find_elements(By.CSS_SELECTOR, ".track")
    }
    for each in found.restarts:
        span = next(one for one in found.timeline if one.kind == "phase" and one.name == each.phase)
        bars = tracks[each.phase].find_element(By.CSS_SELECTOR, ".bars").rect
        wanted = bars["x"] + bars["width"] * (each.time - span.start) / span.seconds
        places = [mark.rect["x"] for mark in tracks[each.phase].find_elements(By.CSS_SELECTOR, ".mark")]
        assert min(abs(place - wanted) for place in places) < 0.05 * bars["width"]
    rows = browser.driver.find_elements(By.CSS_SELECTOR, "#restarts table:last-of-type tbody tr")
    assert len(rows) >= len(found.restarts)


def test_a_fix_can_be_copied(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["mended"])
    fix = results()["mended"].findings[0].fix
    assert fix is not None
    browser.driver.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    button = browser.driver.find_element(By.CSS_SELECTOR, "button.copy")
    button.click()
    copied = browser.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0], arguments[0])")
    assert copied == fix.tasks
    assert button.text == "Copied"


def test_without_script_there_is_no_button_that_does_nothing(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["mended"], script=False)
    assert [button for button in browser.driver.find_elements(By.TAG_NAME, "button") if button.is_displayed()] == []
    fix = browser.driver.find_element(By.CSS_SELECTOR, ".fix")
    assert "verified: 0 changes" in fix.text
    assert "path: /etc/app/app.conf" in fix.text


def test_all_folds_can_be_opened_at_once(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["mended"])
    closed = "return document.querySelectorAll('details:not([open])').length"
    assert browser.run(closed) > 0
    button = browser.driver.find_element(By.ID, "folds")
    button.click()
    assert browser.run(closed) == 0
    assert button.text == "Close all folds"


def test_what_is_folded_is_printed_but_for_the_long_lists(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["mended"])
    before = browser.run("return document.querySelectorAll('details[open]').length")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return document.querySelectorAll('details:not([open]):not(.bulk)').length") == 0
    assert browser.run("return document.querySelectorAll('details.bulk[open]').length") == 0
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("return document.querySelectorAll('details[open]').length") == before


@pytest.mark.parametrize("name", ["newton-ocata.converged", "map-cell0-not-run.diverged"])
def test_a_big_page_is_there_at_once(browser: Browser, pages: dict[str, Path], name: str) -> None:
    assert pages[name].stat().st_size < BIGGEST
    browser.open(pages[name])
    loaded = browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    painted = browser.run("return performance.getEntriesByName('first-contentful-paint').map(each => each.startTime)")
    assert 0 < loaded < LONGEST
    assert all(each < LONGEST for each in painted)


def test_every_task_and_every_run_has_its_bar(browser: Browser, pages: dict[str, Path]) -> None:
    found = judge(load("newton-ocata.converged"))
    browser.open(pages["newton-ocata.converged"])
    spans = [span for span in found.timeline if span.kind != "phase"]
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, ".tracks .bar")) == len(spans)
    names = browser.run("return [...document.querySelectorAll('.gantt tbody th')].map(each => each.textContent)")
    for span in spans:
        assert any(str(name).startswith(span.name) for name in names)
