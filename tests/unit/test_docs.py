"""The reference of rules lists what the checks can find, and nothing else; links between pages lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from validator.checks.converged import HINTS

ROOT = Path(__file__).resolve().parents[2]
DOCS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
SOURCES = (*sorted((ROOT / "validator" / "checks").glob("*.py")), ROOT / "validator" / "waivers.py")
# `rule="a.b"`, and the first argument of the helpers that make findings and notes.
RULE = re.compile(r"""(?:\brule=|_(?:finding|note|note_of_tasks)\(\s*)f?"([^"\s]*\.[^"\s]*)\"""")
DOCUMENTED = re.compile(r"`([a-z-]+\.[a-z-]+)`")
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([\w-]+))?\)")


# Rules with a part that is put in later: what they come to.
FILLED = {
    "{phase}.{kind}": {f"{phase}.{kind}" for phase in ("converge", "again") for kind in HINTS.keys() - {"returns"}},
    "{phase}.failed": {"upgrade.failed", "fault.failed", "upgrade-again.failed"},
    "restart.{phase.name}": {"restart.upgrade", "restart.upgrade-again", "restart.converge", "restart.again"},
    "service.{what}": {"service.stopped", "service.disabled"},
}


def rules() -> set[str]:
    """Every rule in the sources."""
    found = {rule for source in SOURCES for rule in RULE.findall(source.read_text(encoding="utf-8"))}
    return {rule for each in found for rule in FILLED.get(each, {each})}


def documented() -> set[str]:
    """The first cells of the page's tables."""
    pages = (ROOT / "docs" / "reference" / name for name in ("rules.md", "lint.md"))
    rows = [row for page in pages for row in page.read_text(encoding="utf-8").splitlines()]
    return {rule for row in rows if row.startswith("| `") for rule in DOCUMENTED.findall(row.split("|")[1])}


def test_rules_are_found_however_they_are_written_in_the_sources() -> None:
    assert {"refresh.lost", "evidence.stale", "disk.touched", "vacuous.tags", "waiver.unused"} <= rules()


def test_every_rule_that_is_put_together_is_known_here() -> None:
    assert [rule for rule in rules() if "{" in rule] == []


def test_every_rule_is_documented() -> None:
    assert sorted(rules() - documented()) == []


def test_every_documented_rule_can_be_found() -> None:
    assert sorted(documented() - rules()) == []


def links() -> Iterator[tuple[Path, str, str]]:
    for page in DOCS:
        prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target, anchor in LINK.findall(prose):
            if not target.startswith(("http:", "https:")):
                yield page, target, anchor


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("page", "target", "anchor"), [pytest.param(*link, id=f"{link[0].name}-{link[1]}#{link[2]}") for link in links()]
)
def test_links_between_pages_lead_somewhere(page: Path, target: str, anchor: str) -> None:
    there = (page.parent / target).resolve() if target else page
    assert there.exists()
    assert not anchor or anchor in anchors(there)
