"""What the HTML page holds, and what it leaves to the record; how it looks is for tests/browser."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html import unescape

import pytest
from pydantic import JsonValue

from tests.unit import builders as make
from tests.unit.test_formats import ALL, EVERYTHING, NASTY, WAIVED, finding, result
from validator.findings import Consequence
from validator.record import LogLine, ProbeSeen
from validator.render import html
from validator.verdict import Result, judge


def text(page: str) -> str:
    """What a person reads, on one line."""
    body = page.partition("<body>")[2].partition("<script>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


@pytest.mark.parametrize("each", ALL)
def test_the_verdict_comes_first_with_its_meaning(each: Result) -> None:
    page = html.render(each)
    heading = page.index("<h1>")
    assert heading < page.index(f'<span class="badge">{each.verdict}</span>') < page.index('<p class="meaning">')
    assert all(page.index('<p class="meaning">') < page.index(tag) for tag in ("<nav", "<h2", "<main"))


def test_its_policy_lets_nothing_in_but_its_own_script() -> None:
    page = html.render(result(finding(subject=NASTY, message=NASTY), title=NASTY))
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in policy
    assert not re.search(r"""(src|href)=["']?(https?:)?//|url\(|@import""", page)


def test_what_was_accepted_is_said_beside_the_verdict() -> None:
    page = html.render(result(finding("note", waived=WAIVED), finding("note", whose="declared")))
    head = text(page).partition("On this page")[0].partition("Waived")[0]
    assert "1 finding is waived" in head
    assert "1 change was left to Puppet on purpose" in head
    assert "2030-12-31 the shop's team known until the next release" in text(page)
    assert "waived" not in html.render(result()).partition("<main")[0].partition("<body>")[2]


@pytest.mark.parametrize(
    ("evidence", "told", "folded"),
    [
        ({"changes": [{"property": "mode", "is": "0644", "should": "0640"}]}, "mode 0644 0640", False),
        ({"changes": [{"property": "a", "is": None, "should": [1, 2]}]}, "a null [ 1, 2 ]", False),
        ({"changes": [{"property": None, "is": None, "should": None, "message": "asked"}]}, '"message": "asked"', True),
        ({"changes": {"before": "one", "after": "two"}}, '"before": "one"', True),
        ({"count": 3, "paths": ["/a"]}, '"paths": [ "/a" ]', True),
        ({"output": "a\nb", "exit_code": 7}, '"exit_code": 7', True),
    ],
)
def test_no_evidence_is_lost(evidence: dict[str, JsonValue], told: str, *, folded: bool) -> None:
    page = html.render(result(finding(evidence=evidence)))
    assert told in text(page)
    assert ("<summary>Evidence</summary>" in page) == folded


def test_a_content_is_shown_by_its_lines_alone() -> None:
    changes: JsonValue = [{"property": "content", "is": "{sha256}aa", "should": "{sha256}bb"}]
    assert "{sha256}aa" in html.render(result(finding(evidence={"changes": changes})))
    page = html.render(result(finding(evidence={"changes": changes, "diff": "@@ -1 +1 @@\n-one\n+two"})))
    assert "{sha256}aa" not in page
    assert "<del>one</del>" in page
    assert "<ins>two</ins>" in page


def test_what_is_too_long_is_left_to_the_record_and_said_so() -> None:
    many = tuple(Consequence(subject=f"File[/{number}]", message="skipped") for number in range(html.MOST + 7))
    page = html.render(result(finding(consequences=many)))
    assert f"File[/{html.MOST - 1}]" in page
    assert f"File[/{html.MOST}]" not in page
    assert "7 more are in the record." in page
    log = LogLine(level="err", source="Puppet", message="x" * (html.LONGEST + 5), place=None)
    applied = make.applied("t3")
    assert applied.report is not None
    run = make.with_phase(
        make.healthy(), make.phase("converge", replace(applied, report=replace(applied.report, logs=(log,))))
    )
    assert "x... (5 more characters are in the record)" in html.render(judge(run))


def test_the_records_are_there_without_catalogs() -> None:
    broken = make.applied(
        "t3", make.resource("File[/a]", make.event(message="content changed")), compiled=make.catalog(("File[/zz]", {}))
    )
    probe = ProbeSeen(name="it answers", exit_code=1, output="no", trouble="exit status 1, wanted 0")
    run = make.with_phase(make.healthy(), replace(make.phase("converge", broken), probes=(probe,)))
    page = html.render(judge(run))
    said = text("<body>" + page.partition('id="records"')[2])
    assert "File[/a] new.pp:3 content success content changed" in said
    assert "a task upgrade.yml:1 ansible.builtin.copy ok, changed" in said
    assert '"dest": "/a"' in said
    assert "it answers failed exit status 1, wanted 0 no" in text(page)
    assert "File[/zz]" not in said


def test_the_score_and_the_numbers_of_the_run() -> None:
    said = text(html.render(EVERYTHING))
    assert "3 of 3 seeded faults caught, 1 more changed nothing (1970-01-01 00:00:01 UTC)" in said
    assert "/var/cache/record.json" in said
    assert "none of exactly this scenario yet" in text(html.render(result()))


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.04, "0.0 s"), (59.44, "59.4 s"), (59.96, "1 min 0 s"), (119.6, "2 min 0 s")]
)
def test_times_are_for_people(seconds: float, told: str) -> None:
    assert f"took {told}" in text(html.render(result(seconds=seconds)))


def test_a_look_at_what_is_written_has_no_timeline() -> None:
    lint = replace(result(finding("note", warns=True), kind="lint", verdict="diverged"), phases=(), timeline=())
    page = html.render(replace(lint, observed=()))
    assert '<span class="badge">suspect</span>' in page
    assert "cause-1" in page
    assert all(f'id="{name}"' not in page for name in ("timeline", "restarts", "witnesses", "records", "warnings"))
