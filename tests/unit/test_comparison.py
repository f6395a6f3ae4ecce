"""Two results: what is new, fixed, taken otherwise and unchanged, in both directions; files that are no results."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.unit import builders as make
from validator import comparison, record, results
from validator.comparison import Comparison, Restarted, Seen, Summary, compare
from validator.errors import Exit, ScenarioError, UsageError, ValidatorError
from validator.findings import Left, Waived
from validator.record import Kind
from validator.render import RENDERERS
from validator.render import comparison as rendered
from validator.verdict import Verdict, judge

WAIVED = Waived(reason="known", owner="me", expires="2030-01-01")
FIXTURES = sorted((PROJECT / "tests/fixtures/records").glob("*.json.gz"))


def error(subject: str = "File[/a]", message: str = "differs", path: str = "", rule: str = "converge.change") -> Seen:
    return Seen(
        rule=rule,
        severity="error",
        means="diverged",
        phase="converge",
        subject=subject,
        message=message,
        declared_at="new.pp:3",
        evidence={"path": path} if path else {},
    )


def warning(subject: str = "Exec[x]", rule: str = "exec.unguarded") -> Seen:
    return replace(error(subject, rule=rule), severity="warning", means="note")


def note(subject: str = "upgrade", message: str = "1 path") -> Seen:
    return replace(error(subject, message, rule="disk.unmanaged"), severity="info", means="note")


def waived(finding: Seen) -> Seen:
    return replace(finding, severity="info", means="note", waived=WAIVED)


def many(*paths: str) -> Seen:
    """A finding that stands for many paths and names the first of them."""
    found = error("a task", rule="disk.task-said-ok", path=paths[0])
    return replace(found, evidence={"path": paths[0], "count": len(paths), "paths": list(paths)})


def side(*findings: Seen, kind: Kind = "upgrade", verdict: Verdict | None = None, digest: str = "d") -> Summary:
    diverged = any(finding.weight == "error" for finding in findings)
    return Summary(
        scenario="shop",
        title="the shop",
        kind=kind,
        verdict=verdict or ("diverged" if diverged else "converged"),
        findings=findings,
        digest=digest,
        validator="1",
        restarts=(),
        file="x.json",
    )


def counts(made: Comparison) -> tuple[int, int, int, int]:
    return len(made.new), len(made.fixed), len(made.shifted), len(made.unchanged)


# before, after; new, fixed, taken otherwise, unchanged; the exit status, and that of the other direction
TABLE: dict[str, tuple[list[Seen], list[Seen], tuple[int, int, int, int], int, int]] = {
    "nothing at all": ([], [], (0, 0, 0, 0), 0, 0),
    "the same": ([error()], [error()], (0, 0, 0, 1), 0, 0),
    "other words": ([error()], [error(message="differs much")], (0, 0, 0, 1), 0, 0),
    "an error": ([], [error()], (1, 0, 0, 0), 1, 0),
    "a warning": ([], [warning()], (1, 0, 0, 0), 0, 0),
    "a note": ([], [note()], (1, 0, 0, 0), 0, 0),
    "another subject": ([error()], [error("File[/b]")], (1, 1, 0, 0), 1, 1),
    "another rule": ([error()], [error(rule="converge.failure")], (1, 1, 0, 0), 1, 1),
    "another phase": ([error()], [replace(error(), phase="again")], (1, 1, 0, 0), 1, 1),
    "another path": ([error(path="/a")], [error(path="/b")], (1, 1, 0, 0), 1, 1),
    "the same path": ([error(path="/a")], [error(path="/a")], (0, 0, 0, 1), 0, 0),
    "once more": ([error()], [error(), error()], (1, 0, 0, 1), 1, 0),
    "one more, and one fewer": ([error(), error()], [error(), error("File[/b]")], (1, 1, 0, 1), 1, 1),
    "waived": ([error()], [waived(error())], (0, 0, 1, 0), 0, 1),
    "one of two waived": ([error(), error()], [error(), waived(error())], (0, 0, 1, 1), 0, 1),
    "new and waived": ([], [waived(error())], (1, 0, 0, 0), 0, 0),
    "weighs less": ([error()], [replace(error(), severity="info", means="note")], (0, 0, 1, 0), 0, 1),
    "unproven": ([error()], [replace(error(), means="unproven")], (0, 0, 0, 1), 0, 0),
    "fewer of many paths": ([many("/a", "/b")], [many("/b")], (0, 0, 0, 1), 0, 1),
    "more paths": ([many("/a")], [many("/a", "/b")], (0, 0, 1, 0), 1, 0),
    "some other paths": ([many("/a", "/b")], [many("/b", "/c")], (0, 0, 1, 0), 1, 1),
    "all other paths": ([many("/a")], [many("/b", "/c")], (1, 1, 0, 0), 1, 1),
}


@pytest.mark.parametrize(("before", "after", "wanted", "code", "back"), TABLE.values(), ids=TABLE)
def test_each_finding_has_one_place_in_both_directions(
    before: list[Seen], after: list[Seen], wanted: tuple[int, int, int, int], code: int, back: int
) -> None:
    there = compare(side(*before), side(*after))
    assert (counts(there), there.exit_code) == (wanted, code)
    assert len(there.new) + len(there.shifted) + len(there.unchanged) == len(after)
    again = compare(side(*after), side(*before))
    assert again.exit_code == back
    assert len(again.fixed) + len(again.shifted) + len(again.unchanged) == len(after)


def test_of_several_alike_the_one_in_other_words_is_new() -> None:
    made = compare(side(error(message="b")), side(error(message="a"), error(message="b")))
    assert [finding.message for finding in made.new] == ["a"]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (error(), waived(error()), "waived now"),
        (waived(error()), error(), "waiver ended"),
        (note(), replace(note(), severity="error", means="diverged"), "severity"),
        (many("/a"), many("/b", "/a"), "more paths"),
    ],
)
def test_how_a_finding_is_taken_otherwise(before: Seen, after: Seen, change: str) -> None:
    (shift,) = compare(side(before), side(after)).shifted
    assert (shift.change, shift.before, shift.after) == (change, before, after)


def test_of_static_checks_warnings_count() -> None:
    made = compare(side(kind="lint"), side(warning(), kind="lint"))
    assert made.exit_code == Exit.DIVERGED
    covered = replace(warning(), waived=WAIVED)
    assert compare(side(kind="lint"), side(covered, kind="lint")).exit_code == Exit.CONVERGED


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (side(verdict="inconclusive"), side(error()), "the run before does not prove"),
        (side(error()), side(verdict="inconclusive"), "the run after does not prove"),
        (side(verdict="inconclusive"), side(verdict="inconclusive"), "neither run proves"),
    ],
)
def test_with_a_run_that_proves_nothing_nothing_can_be_told(before: Summary, after: Summary, words: str) -> None:
    made = compare(before, after)
    assert (made.answer, made.exit_code, made.unstable) == ("inconclusive", Exit.CANNOT_JUDGE, False)
    assert f"INCONCLUSIVE: {words} anything" in rendered.text(made)


@pytest.mark.parametrize("other", [replace(side(), scenario="store"), side(kind="lint")])
def test_results_of_different_things_are_not_compared(other: Summary) -> None:
    for pair in ((side(), other), (other, side())):
        with pytest.raises(UsageError, match="nothing to compare") as caught:
            compare(*pair)
        assert "same scenario" in caught.value.hint


@pytest.mark.parametrize(
    ("before", "after", "unstable"),
    [
        (side(), side(error()), True),
        (side(error()), side(), True),
        (side(error()), side(error()), False),
        (side(), side(error(), digest="other"), False),
        (side(), replace(side(error()), validator="2"), False),
        (side(error()), side(waived(error())), False),
        (side(), side(warning(rule="waiver.expired")), False),
    ],
)
def test_the_same_inputs_with_other_findings_are_unstable(before: Summary, after: Summary, *, unstable: bool) -> None:
    made = compare(before, after)
    assert made.unstable == unstable
    assert ("unstable:" in rendered.text(made)) == unstable


def test_restarts_are_counted_by_unit_and_phase() -> None:
    app, web = Restarted(unit="app.service", phase="upgrade"), Restarted(unit="web.service", phase="upgrade")
    late = replace(web, phase="converge")
    made = compare(replace(side(), restarts=(app, web)), replace(side(), restarts=(app, app, late, web)))
    told = [(each.unit, each.phase, each.before, each.after) for each in made.restarts]
    assert told == [("app.service", "upgrade", 1, 2), ("web.service", "converge", 0, 1)]
    assert made.exit_code == Exit.CONVERGED
    assert compare(replace(side(), restarts=None), replace(side(), restarts=(app,))).restarts == ()


TEXT = """\
shop: the shop
WORSE: 1 finding counts against the scenario that did not before.

before    diverged      x.json
after     diverged      x.json
inputs    not the same (digest e before, d after)
findings  2 new, 1 fixed, 1 taken otherwise, 2 unchanged

new: error: converge.change: File[/new] in converge: differs (new.pp:3)
new: warning: exec.unguarded: Exec[x] in converge: differs (new.pp:3)

fixed: error: converge.change: File[/old] in converge: differs (new.pp:3)

waived now: converge.change: File[/known] in converge: differs (new.pp:3) (until 2030-01-01, me:
    known)

unchanged: error: converge.change: File[/still] in converge (new.pp:3)
"""


def test_the_text_tells_everything_but_old_notes() -> None:
    before = side(error("File[/old]"), error("File[/known]"), error("File[/still]"), note(), digest="e")
    after = side(
        error("File[/new]", "differs\nand more"),
        waived(error("File[/known]")),
        error("File[/still]"),
        note(),
        warning(),
    )
    assert rendered.text(compare(before, after)) == TEXT


def test_the_document_tells_the_same() -> None:
    before = replace(side(error("File[/old]"), waived(error()), note()), restarts=())
    after = replace(side(error(), note()), restarts=(Restarted(unit="a.service", phase="upgrade"),))
    shown = json.loads(rendered.document(compare(before, after)))
    assert (shown["schema"], shown["answer"], shown["exit_code"]) == ("convergence-validator/diff/1", "worse", 1)
    assert shown["before"] == {"file": "x.json", "verdict": "diverged", "digest": "d", "validator": "1"}
    assert (shown["same_inputs"], shown["unstable"]) == (True, True)
    assert (shown["new"], [each["subject"] for each in shown["fixed"]]) == ([], ["File[/old]"])
    (changed,) = shown["changed"]
    assert (changed["change"], changed["was"], changed["severity"]) == ("waiver ended", "info", "error")
    assert [each["rule"] for each in shown["unchanged"]] == ["disk.unmanaged"]
    assert shown["restarts"] == [{"unit": "a.service", "phase": "upgrade", "before": 0, "after": 1}]


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.name.partition(".")[0])
def test_a_record_and_its_result_are_alike(file: Path, tmp_path: Path) -> None:
    saved, shown = tmp_path / "record.json", tmp_path / "result.json"
    saved.write_bytes(gzip.decompress(file.read_bytes()))
    shown.write_text(RENDERERS["json"](judge(record.load(saved))), encoding="utf-8")
    from_record, from_result = results.load(saved), results.load(shown)
    assert (from_record.file, from_result.file) == (str(saved), str(shown))
    assert replace(from_record, file="") == replace(from_result, file="")
    made = compare(from_record, from_result)
    assert counts(made) == (0, 0, 0, len(from_record.findings))
    assert made.restarts == ()


def test_a_waived_finding_reads_back_as_one(tmp_path: Path) -> None:
    run = make.with_phase(
        make.healthy(),
        make.phase("converge", make.applied("t3", make.resource("File[/a]", make.event(), changed=True))),
    )
    waiver = record.Waiver(
        rule="converge.change", subject="*", path="*", reason="known", owner="me", expires="2030-01-01"
    )
    accepted = judge(replace(run, subject=replace(run.subject, waivers=(waiver,))))
    (tmp_path / "r.json").write_text(RENDERERS["json"](accepted), encoding="utf-8")
    read = results.load(tmp_path / "r.json")
    assert read.findings == comparison.of(accepted).findings
    assert [shift.change for shift in compare(comparison.of(judge(run)), read).shifted] == ["waived now"]


def test_keys_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    shown = json.loads(RENDERERS["json"](judge(make.healthy())))
    del shown["restarts"]
    (tmp_path / "r.json").write_text(json.dumps({**shown, "more": 1, "file": "elsewhere"}), encoding="utf-8")
    read = results.load(tmp_path / "r.json")
    assert (read.restarts, read.file) == (None, str(tmp_path / "r.json"))


def test_results_with_and_without_fixes_blame_and_drift_are_compared(tmp_path: Path) -> None:
    """Those of before there were such keys, and those of when they were looked for."""
    place = record.Place(file="upgrade.yml", line=3)
    fix = record.Fix(
        rule="converge.change",
        subject="File[/a]",
        tasks="- a\n",
        diff="",
        place=place,
        status="verified",
        before=1,
        after=0,
    )
    changed = make.phase("converge", make.applied("t3", make.resource("File[/a]", make.event(), changed=True)))
    changed = replace(changed, disk=make.disk("/a"))
    found = judge(replace(make.with_phase(make.healthy(), changed), fixes=(fix,)))
    left = Left(task="write it", place=place, item=1, did="wrote", known="measured")
    found = replace(found, findings=tuple(replace(each, left_by=left, undone=left) for each in found.findings))
    now = json.loads(RENDERERS["json"](found))
    assert (now["findings"][0]["fix"]["status"], now["drift"][0]["path"]) == ("verified", "/a")
    older = {name: value for name, value in now.items() if name != "drift"}
    of_before = {"fix", "undone"}
    older["findings"] = [{name: finding[name] for name in finding.keys() - of_before} for finding in now["findings"]]
    for finding in older["findings"]:
        finding["left_by"] = {"task": "write it", "place": "upgrade.yml:3"}
    more = {**now, "findings": [*now["findings"], {**now["findings"][0], "subject": "File[/b]"}]}
    files = {"older": older, "now": now, "more": more}
    for name, document in files.items():
        (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
    read = {name: results.load(tmp_path / name) for name in files}
    same = len(now["findings"])
    assert counts(compare(read["older"], read["now"])) == counts(compare(read["now"], read["older"])) == (0, 0, 0, same)
    worse = compare(read["older"], read["more"])
    assert (counts(worse), worse.exit_code) == ((1, 0, 0, same), Exit.DIVERGED)
    better = compare(read["more"], read["older"])
    assert (counts(better), better.exit_code) == ((0, 1, 0, same), Exit.CONVERGED)


def test_what_a_kept_result_says_is_not_acted_upon() -> None:
    shown = rendered.text(
        compare(side(), replace(side(error("a \x1b[31mb\r", "\x9b2Jc\x07")), title="\x1b]0;t\x07\r\n"))
    )
    assert not set(shown) & {"\x1b", "\x9b", "\x07", "\r"}
    assert "a [31mb" in shown


RESULT = RENDERERS["json"](judge(make.healthy()))
RECORD = record.dump(make.healthy())
BAD: dict[str, tuple[bytes, type[ValidatorError], str]] = {
    "empty": (b"", UsageError, "is not JSON"),
    "no JSON": (b"shop: diverged\n", UsageError, "is not JSON"),
    "a list": (b"[]", UsageError, "schema 'list'"),
    "no schema": (b"{}", UsageError, "schema None"),
    "a schema that is none": (b'{"schema": {}}', UsageError, "neither a result nor a record"),
    "an older result": (b'{"schema": "convergence-validator/result/1"}', UsageError, "result/1'"),
    "a self-test": (b'{"schema": "convergence-validator/selftest/1"}', UsageError, "neither a result nor a record"),
    "a truncated result": (RESULT[: len(RESULT) // 2].encode(), UsageError, "not all of it"),
    "a truncated record": (RECORD[: len(RECORD) // 2].encode(), UsageError, "not all of it"),
    "no text": (b"\x1f\x8b\x08\x00\xff", UsageError, "is no text"),
    "too deep": (b"[" * 100_000, UsageError, "is not JSON"),
    "a result without findings": (RESULT.replace('"findings"', '"lost"').encode(), ScenarioError, "findings: Field"),
    "another verdict": (RESULT.replace('"converged"', '"green"').encode(), ScenarioError, "verdict: Input"),
    "half a character": (RESULT.replace('"t"', r'"\ud800"').encode(), ScenarioError, "r.json:1:1: "),
    "a record without phases": (RECORD.replace('"phases"', '"lost"').encode(), ScenarioError, "phases: Field"),
}


@pytest.mark.parametrize(("content", "kind", "words"), BAD.values(), ids=BAD)
def test_a_file_that_is_no_result_is_named_and_refused(
    content: bytes, kind: type[ValidatorError], words: str, tmp_path: Path
) -> None:
    file = tmp_path / "r.json"
    file.write_bytes(content)
    with pytest.raises(kind) as caught:
        results.load(file)
    assert str(file) in caught.value.message
    assert words in caught.value.message
    assert (bool(caught.value.hint), caught.value.exit_code) == (True, Exit.USAGE)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.json", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            results.load(path)
