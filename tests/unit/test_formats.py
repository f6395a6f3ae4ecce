"""The formats besides text: each says what the result says, and nothing in a value can break out of its place."""

from __future__ import annotations

import difflib
import gzip
import random
import re
from dataclasses import replace
from json import loads
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from junitparser import JUnitXml, TestCase, TestSuite
from markdown_it import MarkdownIt

from tests.unit import builders as make
from tests.unit.test_docs import documented
from validator import record
from validator.checks.restarts import RestartAccount, Who
from validator.drift import Digests, Drift, Metadata
from validator.findings import Consequence, Finding, Left, Meaning, Waived
from validator.record import Fix, Place, Run, SelfTest
from validator.render import github, hunks, json, junit, markdown, parts, sarif, schema
from validator.render import html as html_page
from validator.render.hunks import Replacement
from validator.verdict import Result, judge

RECORDS = sorted((Path(__file__).resolve().parents[1] / "fixtures" / "records").glob("*.json.gz"))
NASTY = (
    "a|b `c` <script>*d*</script> [x](http://e.test) @team #12 & 100% \x1b[1m\x00 line,col:1\r\nsecond ]]> ::error::"
)
IN_TREE = Place(file="scenarios/my shop/upgrade.yml", line=7)
IN_IMAGE = Place(file="/usr/share/puppet/modules/nova/manifests/init.pp", line=3)
WAIVED = Waived(reason="known until the next release", owner="the shop's team", expires="2030-12-31")


def finding(means: Meaning = "diverged", **changes: object) -> Finding:
    made = Finding(
        rule="converge.change",
        means=means,
        phase="converge",
        subject="File[/etc/shop.conf]",
        message="content is 3, should be 2",
        declared_at=IN_TREE,
        hint="Set it.",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests change any field


def result(*findings: Finding, **changes: object) -> Result:
    made = replace(judge(make.healthy()), findings=findings)
    if any(each.means == "diverged" for each in findings):
        made = replace(made, verdict="diverged")
    return replace(made, **changes)  # type: ignore[arg-type]  # tests change any field


def runs() -> list[Run]:
    broken = make.applied("t3", make.resource("File[/a]", make.event(), changed=True))
    return [
        make.healthy(),
        make.with_phase(make.healthy(), make.phase("converge", broken)),
        make.without_phase(make.healthy(), "again"),
        make.of_kind("idempotence", make.phase("old", make.applied("t1"))),
        *(record.load_text(gzip.decompress(path.read_bytes()).decode()) for path in RECORDS),
    ]


DIFF = """\
--- scenarios/my shop/upgrade.yml
+++ scenarios/my shop/upgrade.yml
@@ -6,2 +6,4 @@
 - name: write it
   fail:
+- name: "```"
+  copy: {dest: /etc/shop.conf, mode: "0640"}
"""
FIX = Fix(
    rule="converge.change",
    subject="File[/etc/shop.conf]",
    tasks='- name: "```"\n  copy: {dest: /etc/shop.conf, mode: "0640"}\n',
    diff=DIFF,
    place=IN_TREE,
    status="verified",
    before=3,
    after=0,
    variables=("shop_password",),
    note="Take it from a *vault*.",
)
DRIFTED = Drift(
    path="/etc/shop.conf",
    phase="converge",
    kind="content",
    form="text",
    patch=({"op": "replace", "path": "/0", "value": "a"}, {"op": "remove", "path": "/1"}),
    digests=None,
    metadata=Metadata(
        is_={"kind": "file", "mode": "0644", "owner": 0, "group": 0},
        should={"kind": "file", "mode": "0640", "owner": 0, "group": 0},
        patch=({"op": "replace", "path": "/mode", "value": "0640"},),
    ),
    aspects=("mode",),
    resources=("File[/etc/shop.conf]",),
)
MISSING = replace(
    DRIFTED,
    phase="fresh",
    kind="added",
    form="binary",
    patch=None,
    digests=Digests(is_=None, should="a" * 64),
    metadata=Metadata(
        is_={}, should={"kind": "link", "link": "/a"}, patch=({"op": "add", "path": "/kind", "value": 1},)
    ),
)
EVERYTHING = result(
    finding(
        left_by=Left(task="write it", place=IN_TREE),
        declared_at=IN_IMAGE,
        whose="clash",
        evidence={"diff": "--- a\n+++ b\n-```\n+</details>"},
        consequences=(Consequence(subject="Service[shop]", message="refreshed"),),
        undone=Left(task="the one before", place=IN_TREE, item=["a", 1], did="wrote", known="measured"),
        fix=FIX,
    ),
    finding("inconclusive", rule="upgrade.failed", subject="a task", evidence={"output": ["one", "", "two"]}),
    finding("unproven", rule="service.failed", subject="shop.service", declared_at=None),
    finding("note", rule="waiver.unused", subject="*", warns=True),
    finding("note", rule="restart.converge", subject="shop.service", waived=WAIVED),
    finding("note", rule="converge.declared", whose="declared", declared_at=None, hint=""),
    restarts=(
        RestartAccount(unit="shop.service", phase="upgrade", who=Who(name="restart it", place=IN_TREE), time=5.0),
        RestartAccount(unit="shop.service", phase="upgrade", who=Who(name="itself"), time=6.0, step=2),
    ),
    verdict="inconclusive",
    selftest=SelfTest(when=1.0, caught=3, missed=0, equivalent=1),
    drift=(DRIFTED, MISSING),
    records=("/var/cache/record.json",),
)
ALL = [EVERYTHING, result(), result(finding(subject=NASTY, message=NASTY, hint=NASTY), title=NASTY, scenario=NASTY)]
ALL += [judge(run) for run in runs()]


# JSON and its schema


def wrong(document: object) -> list[str]:
    return [error.message for error in Draft202012Validator(schema.result_schema()).iter_errors(document)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema.result_schema())


@pytest.mark.parametrize("each", ALL)
def test_what_is_written_fits_the_schema(each: Result) -> None:
    assert wrong(loads(json.render(each))) == []


def test_the_example_of_the_reference_fits_the_schema() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "result.md").read_text(encoding="utf-8")
    _, _, example = page.partition("## Example\n")
    assert wrong(loads(example.partition("```json\n")[2].partition("```")[0])) == []


def paths(document: object, *above: str | int) -> list[tuple[str | int, ...]]:
    """Every key in the document that the schema names: not those of maps, whose keys are data."""
    if isinstance(document, list):
        return [path for number, each in enumerate(document) for path in paths(each, *above, number)]
    if not isinstance(document, dict) or above[-1:] in [
        ("is",),
        ("should",),
        ("evidence",),
        ("services",),
        ("changed",),
        ("left_out",),
    ]:
        return []
    if above[-1:] in [("counts",), ("witnesses",), ("compared",)]:
        return []
    return [path for key, each in document.items() for path in ((*above, key), *paths(each, *above, key))]


def test_a_misspelt_or_missing_key_does_not_fit() -> None:
    text = json.render(EVERYTHING)
    named = paths(loads(text))
    assert ("findings", 0, "left_by", "place") in named
    assert ("drift", 0, "metadata", "patch", 0, "op") in named
    for *above, key in named:
        document = loads(text)
        there: Any = document
        for step in above:
            there = there[step]
        value = there.pop(key)
        assert wrong(document) != []
        there[f"{key}s"] = value
        assert wrong(document) != []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("drift", 0, "metadata", "is", "modus"), "0644"),
        (("drift", 0, "metadata", "is", "owner"), "root"),
        (("drift", 0, "phase"), "upgrade"),
        (("drift", 0, "kind"), "touched"),
        (("drift", 0, "patch", 0, "op"), "move"),
        (("drift", 0, "patch", 0, "path"), "0"),
        (("drift", 0, "patch", 1, "value"), 1),
        (("drift", 1, "digests", "should"), "x"),
    ],
)
def test_drift_of_another_shape_does_not_fit(where: tuple[str | int, ...], value: object) -> None:
    document = loads(json.render(EVERYTHING))
    assert wrong(document) == []
    there: Any = document
    for step in where[:-1]:
        there = there[step]
    there[where[-1]] = value
    assert wrong(document) != []


def test_json_has_every_character_and_shows_none_that_a_terminal_acts_upon() -> None:
    said = "\x00\x1b[2J\x7f\x9b2J\x85\ud800 \u00e9 \U0001f600"
    text = json.render(result(finding(message=said)))
    assert re.findall(r"[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\U0010ffff]", text) == []
    assert loads(text.encode())["findings"][0]["message"] == said


def test_the_exit_code_must_say_the_same_as_the_verdict() -> None:
    assert wrong({**loads(json.render(result())), "exit_code": 1}) != []


# Markdown


def html(text: str) -> str:
    shown: str = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    return shown


def test_markdown_says_the_verdict_and_everything_about_a_cause() -> None:
    text = markdown.render(EVERYTHING)
    assert text.startswith("## :grey_question: s: inconclusive\n")
    assert "### 1/3 `converge.change`: `File[/etc/shop.conf]`" in text
    assert "| declared at | /usr/share/puppet/modules/nova/manifests/init.pp:3 |" in text
    assert "| whose | a clash" in text
    assert "| last task | write it (scenarios/my shop/upgrade.yml:7) |" in text
    assert "| which undid | the one before (scenarios/my shop/upgrade.yml:7), item" in text
    assert "| fix | verified: 0 changes (3 without it); goes behind scenarios/my shop/upgrade.yml:7 |" in text
    assert "| to do | Set it. |" in text
    assert "- `Service[shop]`: refreshed" in text
    assert "one\ntwo\n```" in text
    assert "### Waived" in text
    assert "until 2030-12-31, the shop's team: known until the next release" in text
    assert "### Warnings" in text
    assert "| `shop.service` | upgrade step 2 | itself | 1 |" in text
    assert "| old | puppet | 2.0 s |" in text


def test_markdown_of_a_pass_without_a_word() -> None:
    text = markdown.render(result())
    assert "CONVERGED" in text
    assert "### Phases" in text
    assert "Left out" not in text
    assert "###" not in markdown.render(result(phases=()))


def test_nothing_in_a_value_has_a_meaning_in_markdown() -> None:
    shown = html(markdown.render(result(finding(subject="x", message=NASTY, hint=NASTY), title=NASTY)))
    assert not re.search("<script|<em|<a |<code>c<", shown)
    assert "&lt;script&gt;*d*&lt;/script&gt;" in shown
    assert "@team" not in shown
    assert "#12" not in shown
    assert "\x1b" not in shown
    rows = re.findall(r"<tr>(.*?)</tr>", shown, re.DOTALL)
    assert {row.count("<td>") for row in rows if "to do" in row} == {2}


@pytest.mark.parametrize(
    "text", ["# a", "- a", "1. a", "12) a", "+ a", "===", "    a", "> a", "~~a~~", "![a](b)", "&lt;"]
)
def test_a_value_is_one_paragraph(text: str) -> None:
    shown = html(markdown.render(result(title=text, phases=())))
    assert re.search(rf"</h2>\n<p>{re.escape(html_of(text))}</p>", shown)


def html_of(text: str) -> str:
    return text.strip().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize("subject", ["a`b", "``", "`a", "a\nb", "x|y"])
def test_a_code_span_holds_its_value(subject: str) -> None:
    shown = html(markdown.render(result(finding("note", subject=subject, warns=True))))
    assert f"<code>{subject}</code>".replace("\n", " ") in shown


def test_a_diff_cannot_end_its_block() -> None:
    text = markdown.render(EVERYTHING)
    assert "````diff\n--- a\n+++ b\n-```\n+</details>\n````\n\n</details>" in text
    assert '<code class="language-diff">--- a\n+++ b\n-```\n+&lt;/details&gt;\n</code>' in html(text)


def test_a_fix_is_folded_and_its_tasks_are_a_block_to_copy() -> None:
    text = markdown.render(EVERYTHING)
    assert f"<details><summary>The fix</summary>\n\n````yaml\n{FIX.tasks}````\n\n````diff\n{DIFF}````" in text
    shown = html(text)
    assert "variables: shop_password" in shown.replace("\\", "")
    assert "note: Take it from a *vault*." in shown
    assert "The fix" not in markdown.render(result(finding()))


def test_a_comment_is_never_too_long_for_github_and_says_what_is_left_out() -> None:
    diff = {"diff": "\n".join(["+" + "x" * 200] * 150)}
    few = tuple(finding(subject=f"File[/{number}]", evidence=diff) for number in range(9))
    text = markdown.render(result(*few))
    assert 40_000 < len(text) < 65_536
    assert text.count("### ") == 9 + 1
    assert "no room for it: what belongs to causes (7)." in text
    many = tuple(finding(subject=f"File[/{number}]", message=NASTY * 40) for number in range(500))
    text = markdown.render(result(*many), details=True)
    assert 40_000 < len(text) < 65_536
    assert re.search(r"no room for it: causes \(\d+\)\. The JSON result has all of it\.", text)
    assert "### Phases" in text
    huge = finding(
        message="|" * 100_000, hint="*" * 100_000, consequences=(Consequence(subject="a", message="b"),) * 999
    )
    text = markdown.render(result(huge, finding(subject="another")))
    assert len(text) < 65_536
    assert "... (97000 more characters)" in text
    assert "- and 899 more" in text
    assert "`another`" in text


def test_details_add_the_changed_paths() -> None:
    seen = replace(make.phase("converge", make.applied("t3")), disk=make.disk("/etc/shop.conf"))
    judged = judge(make.with_phase(make.healthy(), seen))
    assert "| content | `/etc/shop.conf` |" in markdown.render(judged, details=True)
    assert "| content | `/etc/shop.conf` |" not in markdown.render(judged)
    assert "content: /etc/shop.conf" in junit.render(judged, details=True)


# JUnit


def suite(each: Result) -> tuple[TestSuite, list[TestCase]]:
    read = JUnitXml.fromstring(junit.render(each).encode())
    assert isinstance(read, JUnitXml)
    [only] = list(read)
    cases = [case for case in only if isinstance(case, TestCase)]
    outcomes = [type(outcome).__name__ for case in cases for outcome in case.result]
    assert (only.tests, only.skipped) == (len(cases), 0)
    assert (only.failures, only.errors) == (outcomes.count("Failure"), outcomes.count("Error"))
    return only, cases


@pytest.mark.parametrize("each", ALL)
def test_junit_can_be_read_back(each: Result) -> None:
    read, cases = suite(each)
    assert read.name == parts.clean(each.scenario)
    assert len({case.name for case in cases}) == len(cases) > 0
    assert bool(read.failures or read.errors) == (each.verdict != "converged")
    assert f'<property name="verdict" value="{each.verdict}" />' in junit.render(each)


def test_junit_has_a_test_for_each_phase_and_each_cause() -> None:
    read, cases = suite(EVERYTHING)
    assert [case.name for case in cases] == [
        *make.PHASES,
        "converge.change: File[/etc/shop.conf]",
        "upgrade.failed: a task",
        "service.failed: shop.service",
    ]
    assert (read.tests, read.failures, read.errors) == (7, 1, 2)
    assert (read.time, cases[0].time) == (9.0, 2.0)
    [failure] = cases[4].result
    assert (failure.type, failure.message) == ("converge.change", "content is 3, should be 2")
    assert "last task: write it (scenarios/my shop/upgrade.yml:7)" in failure.text
    assert "| +</details>" in failure.text
    assert "and so: Service[shop]: refreshed" in failure.text
    assert f"\n{FIX.tasks}" in failure.text
    assert "| +- name: " in failure.text
    assert "fix: verified: 0 changes (3 without it); goes behind scenarios/my shop/upgrade.yml:7" in failure.text
    assert "note: Take it from a *vault*." in failure.text
    text = junit.render(EVERYTHING)
    assert "warning: waiver.unused: *" in text
    assert "waived: restart.converge: shop.service" in text
    assert "until 2030-12-31" in text


def test_junit_keeps_two_of_one_name_apart() -> None:
    _, cases = suite(result(finding(), finding(phase="again")))
    assert [case.name for case in cases[-2:]] == [
        "converge.change: File[/etc/shop.conf]",
        "converge.change: File[/etc/shop.conf] (2)",
    ]


def test_junit_of_lint_counts_warnings() -> None:
    warning = finding("note", rule="exec.unguarded", warns=True)
    read, _ = suite(result(warning, kind="lint", verdict="diverged", phases=()))
    assert (read.tests, read.failures) == (1, 1)
    accepted = replace(warning, waived=WAIVED)
    read, _ = suite(result(accepted, kind="lint", phases=()))
    assert (read.tests, read.failures) == (1, 0)


def test_a_cached_phase_takes_no_time_in_junit() -> None:
    made = result()
    cached = tuple(replace(phase, cached=True) for phase in made.phases)
    assert {case.time for case in suite(replace(made, phases=cached))[1]} == {0.0}


def test_characters_that_xml_cannot_hold_are_left_out() -> None:
    assert parts.clean("a\x00\x1b\x7f\ud800\ufffe\x9b\t\n\U0001f600") == "a\t\n\U0001f600"


# SARIF


def log(each: Result) -> dict[str, Any]:
    document = loads(sarif.render(each))
    assert document["version"] == "2.1.0"
    [run] = document["runs"]
    assert isinstance(run, dict)
    return run


@pytest.mark.parametrize("each", ALL)
def test_sarif_has_what_its_schema_requires(each: Result) -> None:
    run = log(each)
    driver = run["tool"]["driver"]
    assert driver["name"]
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(set(rules)) == len(rules)
    assert all(isinstance(invocation["executionSuccessful"], bool) for invocation in run["invocations"])
    assert len(run["results"]) == len(each.findings)
    for found in run["results"]:
        assert found["message"]["text"]
        assert rules[found["ruleIndex"]] == found["ruleId"]
        assert found["level"] in {"error", "warning", "note"}
        for place in (*found["locations"], *found["relatedLocations"]):
            physical = place.get("physicalLocation")
            if physical is not None:
                assert re.fullmatch(r"[\w./%-]+", physical["artifactLocation"]["uri"])
                assert physical["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
                assert physical.get("region", {"startLine": 1})["startLine"] >= 1
        assert all(suppressed["kind"] in {"inSource", "external"} for suppressed in found["suppressions"])


def test_sarif_says_where() -> None:
    [found] = log(result(finding(left_by=Left(task="write it", place=IN_TREE))))["results"]
    [place] = found["locations"]
    there = {
        "artifactLocation": {"uri": "scenarios/my%20shop/upgrade.yml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 7},
    }
    assert place["physicalLocation"] == there
    assert place["logicalLocations"] == [{"fullyQualifiedName": "File[/etc/shop.conf]", "kind": "resource"}]
    [related] = found["relatedLocations"]
    assert related == {"id": 1, "message": {"text": "last task: write it"}, "physicalLocation": there}


@pytest.mark.parametrize("place", [IN_IMAGE, Place(file="../else/site.pp", line=1), None])
def test_what_is_not_in_the_tree_is_told_in_words(place: Place | None) -> None:
    found = finding(declared_at=place)
    [told] = log(result(found))["results"]
    # GitHub refuses a file with a result that has none: it stands at the scenario then.
    assert told["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "scenario.yml"
    assert place is None or f"declared at: {place}" in told["message"]["text"]
    assert "file=" not in github.render(result(found))
    left = replace(found, left_by=Left(task="write it", place=IN_TREE))
    assert log(result(left))["results"][0]["locations"][0]["physicalLocation"]["region"] == {"startLine": 7}
    assert "file=scenarios/my shop/upgrade.yml,line=7" in github.render(result(left))


def test_a_fingerprint_outlives_words_and_lines() -> None:
    def prints(*findings: Finding) -> list[str]:
        return [found["partialFingerprints"][sarif.FINGERPRINT] for found in log(result(*findings))["results"]]

    one, same, other, another = prints(
        finding(),
        finding(message="else", declared_at=IN_IMAGE),
        finding(subject="File[/b]"),
        finding(rule="again.change"),
    )
    assert one == same
    assert len({one, other, another}) == 3


def test_sarif_of_each_kind_of_finding() -> None:
    run = log(EVERYTHING)
    assert [found["level"] for found in run["results"]] == ["error", "error", "error", "warning", "note", "note"]
    assert [len(found["suppressions"]) for found in run["results"]] == [0, 0, 0, 0, 1, 0]
    [suppressed] = run["results"][4]["suppressions"]
    assert suppressed["kind"] == "external"
    assert suppressed["justification"] == "known until the next release (the shop's team, until 2030-12-31)"
    [invocation] = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 3)


@pytest.mark.parametrize(("verdict", "code"), [("converged", 0), ("diverged", 1)])
def test_a_divergence_is_no_failure_of_the_analysis(verdict: str, code: int) -> None:
    [invocation] = log(result(verdict=verdict))["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (True, code)


def test_a_message_has_no_placeholder_and_no_link() -> None:
    [found] = log(result(finding(message="{sha256}ab and {0}, Exec[a](b)")))["results"]
    assert "{sha256}ab and {{0}}, Exec[a] (b)" in found["message"]["text"]


def test_every_family_of_rules_is_described_and_its_page_is_the_right_one() -> None:
    assert {rule.partition(".")[0] for rule in documented()} == set(sarif.FAMILIES)
    docs = Path(__file__).resolve().parents[2] / "docs" / "reference"
    page = (docs / "lint.md").read_text(encoding="utf-8")
    assert {family for family in sarif.FAMILIES if f"| `{family}." in page} == sarif.STATIC


def test_sarif_can_apply_a_fix_whose_place_is_known() -> None:
    [found] = log(result(finding(fix=FIX)))["results"]
    [fix] = found["fixes"]
    assert fix["description"]["text"].startswith("verified: 0 changes")
    [change] = fix["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "scenarios/my%20shop/upgrade.yml", "uriBaseId": "%SRCROOT%"}
    [replacement] = change["replacements"]
    # Behind the last line that is shown: there may be none after it.
    assert replacement["deletedRegion"] == {"startLine": 7, "startColumn": 8, "endLine": 7, "endColumn": 8}
    assert replacement["insertedContent"]["text"] == "\n" + FIX.tasks.rstrip("\n")
    assert "- name" not in found["message"]["text"]
    assert "variables: shop_password" in found["message"]["text"]


@pytest.mark.parametrize(
    "diff",
    [
        "",
        DIFF.replace("scenarios/", "/srv/"),
        DIFF.replace("scenarios/", "../"),
        DIFF.replace("+++ scenarios", "+++ other"),
        DIFF.replace("0640", "[redacted]"),
        DIFF.replace("@@ -6,2 +6,4 @@\n", ""),
        DIFF.replace("6,4", "6,5"),
    ],
)
def test_what_sarif_cannot_apply_is_told(diff: str) -> None:
    [found] = log(result(finding(fix=replace(FIX, diff=diff))))["results"]
    assert "fixes" not in found
    assert FIX.tasks in found["message"]["text"]
    assert "fix: verified" in found["message"]["text"]


def test_sarif_changes_no_file_that_only_looks_relative_in_the_difference() -> None:
    outside = replace(
        FIX, diff=DIFF.replace("scenarios/", "a/srv/"), place=Place(file="/srv/my shop/upgrade.yml", line=7)
    )
    [found] = log(result(finding(fix=outside)))["results"]
    assert "fixes" not in found


def applied(before: str, replacements: tuple[Replacement, ...]) -> str:
    """As SARIF has it (3.30, 3.57): columns count UTF-16 code units, and no replacement moves another's place."""
    units = before.encode("utf-16-le")
    starts = [0, *(match.end() for match in re.finditer(rb"(?:..)*?\n\0", units, re.DOTALL))]

    def offset(line: int, column: int | None) -> int:
        start = starts[line - 1] if line <= len(starts) else len(units)
        end = (starts[line] - 2) if line < len(starts) else len(units)
        return end if column is None else start + 2 * (column - 1)

    for each in reversed(replacements):
        first, last = offset(each.line, each.column), offset(each.end_line, each.end_column)
        assert first <= last
        units = units[:first] + each.text.encode("utf-16-le") + units[last:]
    return units.decode("utf-16-le")


def test_replacements_do_what_the_diff_does() -> None:
    chance = random.Random(20261126)  # noqa: S311  # seeded on purpose: a failure can be had again
    words = ["- name: a", "", "  b: 1", "  \U0001f600: c", "--- x", "+++ x", "-", "+", "\\"]
    told = 0
    for _ in range(2000):
        before = [chance.choice(words) for _ in range(chance.randrange(1, 15))]
        after = list(before)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(after) + 1)
            after[at : at + chance.randrange(3)] = [chance.choice(words) for _ in range(chance.randrange(3))]
        end = chance.choice(["", "\n"])
        diff = list(difflib.unified_diff(before, after, "u.yml", "u.yml", lineterm="", n=chance.choice([0, 1, 3])))
        found = hunks.replacements(diff)
        if found:
            told += 1
            assert applied("\n".join(before) + end, found["u.yml"]) == "\n".join(after) + end
    assert told > 1200


def test_replacements_of_several_files_and_of_names_as_git_has_them() -> None:
    two = DIFF.replace("--- ", "--- a/").replace("+++ ", "+++ b/") + DIFF.replace("upgrade.yml", "vars.yml")
    assert list(hunks.replacements(two.splitlines())) == ["scenarios/my shop/upgrade.yml", "scenarios/my shop/vars.yml"]
    assert hunks.replacements([*DIFF.splitlines(), "\\ No newline at end of file"]) == {}


# GitHub's commands


def test_github_says_the_verdict_first_and_one_command_for_each_finding() -> None:
    lines = github.render(EVERYTHING).splitlines()
    assert [line.split()[0] for line in lines] == ["::error"] * 4 + ["::warning", "::notice", "::notice"]
    assert lines[0].startswith("::error title=s%3A inconclusive::INCONCLUSIVE")
    assert lines[2] == (
        "::error file=scenarios/my shop/upgrade.yml,line=7,title=upgrade.failed%3A a task::"
        "content is 3, should be 2%0Adeclared at: scenarios/my shop/upgrade.yml:7%0Ato do: Set it."
    )
    assert "until 2030-12-31" in lines[5]
    assert "%0Afix: verified: 0 changes (3 without it); goes behind scenarios/my shop/upgrade.yml:7" in lines[1]
    assert "copy:" not in lines[1]


def test_github_of_a_pass() -> None:
    [line] = github.render(result()).splitlines()
    assert line.startswith("::notice title=s%3A converged::CONVERGED")


def test_nothing_in_a_value_ends_a_command() -> None:
    text = github.render(result(finding(subject=NASTY, message=NASTY)))
    _, line = text.splitlines()
    properties, _, message = line.removeprefix("::error ").partition("::")
    told = dict(each.split("=", 1) for each in properties.split(","))
    assert list(told) == ["file", "line", "title"]
    assert ":" not in told["title"]
    assert "100%25" in message
    assert "%0D%0Asecond" in message


@pytest.mark.parametrize("means", get_args(Meaning))
@pytest.mark.parametrize("form", [markdown, junit, sarif, github, json, html_page])
def test_every_format_shows_every_kind_of_finding(means: Meaning, form: Any) -> None:
    assert "content is 3, should be 2" in form.render(result(finding(means)))
