"""The release gate: green evidence is a go, and each way in which evidence can be none is a no-go that says why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import Validate
from tests.unit.gates import DAY, HOUR, PHASES, WRITE, Gate, diverging, inconclusive, waived, with_selftest, write_yaml
from validator.errors import ScenarioError
from validator.gate import checklist
from validator.gate.evidence import gather
from validator.record import Kind, Run


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate.green(tmp_path)


def test_green_evidence_is_a_go(gate: Gate) -> None:
    assert gate.reasons() == ()
    (item,) = gate.judge().items
    assert item.evidence is not None
    assert [each.trouble for each in item.evidence.judged] == [""]


def test_without_a_record_the_result_alone_is_the_evidence(gate: Gate) -> None:
    gate.forget_record()
    assert gate.reasons() == ()


def test_a_record_beside_the_result_is_judged_again(gate: Gate) -> None:
    kept = gate.root / "records/shop/record.json"
    kept.rename(gate.root / "results/shop.record.json")
    assert gate.reasons() == ()
    assert [each.file.name for each in gather(checklist.load(gate.file), WRITE).evidence[0].judged] == [
        "shop.record.json"
    ]


def of_kind(run: Run, kind: Kind) -> Run:
    return replace(run, subject=replace(run.subject, kind=kind))


# How a result is made anew, and the reason that is then given.
RUNS: dict[str, tuple[dict[str, Any], str]] = {
    "stale": ({"age": 8 * DAY}, r"it is stale: made .*, 8.0 d ago; 7d are allowed"),
    "from the future": ({"age": -HOUR}, r"it says that it was made in the future"),
    "diverged": ({"edit": diverging}, r"it is diverged: converge.change: File\[/a\]"),
    "inconclusive": ({"edit": inconclusive}, r"it is inconclusive: evidence.missing: again"),
    "a double run": (
        {"edit": partial(of_kind, kind="idempotence")},
        r"there is no result; .*shop.json is of a double run",
    ),
    "static checks": ({"edit": partial(of_kind, kind="lint")}, r"there is no result; .* of the static checks alone"),
    "waived": ({"edit": waived}, r"converge.change: File\[/a\] is waived, and the checklist does not tolerate that"),
    "another version": (
        {"edit": lambda run: replace(run, validator="0.0.9")},
        r"it was made by version 0.0.9 of the validator; \S+ is wanted",
    ),
    "another scenario": (
        {"edit": lambda run: replace(run, subject=replace(run.subject, name="shop2"))},
        r"there is no result$",
    ),
    "another of that name": (
        {"edit": lambda run: replace(run, subject=replace(run.subject, digest="d", file="other/shop/scenario.yml"))},
        r"it was made from other content: digest d of other/shop/scenario.yml, and .*scenarios/shop/scenario.yml gives",
    ),
    "other terms": (
        {"edit": lambda run: replace(run, subject=replace(run.subject, terms="t"))},
        r"probes, waivers, expected changes, allowed restarts or noise are not what they were: terms t, and",
    ),
    "no phases": (
        {"edit": lambda run: replace(run, phases=(), subject=replace(run.subject, phases=()))},
        r"it has no evidence of old, upgrade, converge, again",
    ),
}


@pytest.mark.parametrize("case", RUNS)
@pytest.mark.parametrize("with_record", [True, False])
def test_what_is_no_evidence_is_a_no_go(case: str, gate: Gate, *, with_record: bool) -> None:
    how, reason = RUNS[case]
    gate.forget_record()
    gate.result(**how, with_record=with_record)
    assert_any(gate.reasons(), reason)


def assert_any(reasons: tuple[str, ...], pattern: str) -> None:
    assert [each for each in reasons if re.search(pattern, each)], reasons


def turn_green(result: dict[str, Any]) -> None:
    result.update(verdict="converged", exit_code=0, findings=[])


# How a result is edited by hand, the reason when its record is at hand, and without.
EDITS: dict[str, tuple[Callable[[Run], Run] | None, Callable[[dict[str, Any]], object], str, str]] = {
    "a red one turned green": (
        diverging,
        turn_green,
        "its record .*, judged again, says diverged and not converged",
        "",  # a forger who knows what a result looks like: only the record, or a signature, tells
    ),
    "only its verdict": (
        diverging,
        lambda result: result.update(verdict="converged", exit_code=0),
        "judged again, says diverged",
        r"it contradicts itself, so it was edited: converged: converge.change: File\[/a\]",
    ),
    "its verdict, not its exit status": (
        diverging,
        lambda result: result.update(verdict="converged", findings=[]),
        "judged again, says diverged",
        "it contradicts itself, so it was edited: converged with exit status 1",
    ),
    "what a finding means": (
        diverging,
        lambda result: (result["findings"][0].update(means="note"), result.update(verdict="converged", exit_code=0)),
        "judged again, says diverged",
        r"it contradicts itself, so it was edited: converge.change: File\[/a\] is of severity error and means note",
    ),
    "the day": (
        None,
        lambda result: result.update(made=result["made"] - HOUR),
        "judged again, gives other `made`: it was edited",
        "",
    ),
    "no day": (
        None,
        lambda result: result.pop("made"),
        "gives other `made`",
        "it does not say when it was made",
    ),
    "a day that is none": (None, lambda result: result.update(made=1e300), "gives other `made`", "in the future"),
    "a phase less": (
        None,
        lambda result: result["phases"].pop(),
        "gives other `phases`",
        "it has no evidence of again",
    ),
    "a phase without numbers": (
        None,
        lambda result: result["phases"][2].update(counts={}),
        "gives other `phases`",
        "its phase converge has no numbers of the tool that ran",
    ),
    "a red one for no reason": (
        None,
        lambda result: result.update(verdict="diverged", exit_code=1),
        "judged again, says converged and not diverged",
        "it contradicts itself, so it was edited: diverged, and no finding says why",
    ),
    "another image": (
        None,
        lambda result: result.update(image="bookworm-0000000000000000"),
        "gives other `image`",
        "it says that it was made on bookworm-0000000000000000, and its digest belongs to bookworm-",
    ),
    "more than there is": (None, lambda result: result.update(approved=True), "gives other `approved`", ""),
}


@pytest.mark.parametrize("case", EDITS)
@pytest.mark.parametrize("with_record", [True, False])
def test_a_result_that_was_edited_is_a_no_go(case: str, gate: Gate, *, with_record: bool) -> None:
    made, edit, reason, alone = EDITS[case]
    if made is not None:
        gate.result(edit=made)
    if not with_record:
        gate.forget_record()
    gate.edited(edit)
    wanted = reason if with_record else alone
    if wanted:
        assert_any(gate.reasons(), wanted)
    else:
        assert gate.reasons() == ()


def test_a_record_that_is_damaged_is_a_no_go(gate: Gate) -> None:
    (gate.root / "records/shop/record.json").write_text("{}", encoding="utf-8")
    assert_any(gate.reasons(), "its record cannot be judged again: .* is not a record of this version")


def test_a_record_that_was_edited_is_a_no_go(gate: Gate) -> None:
    file = gate.root / "records/shop/record.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"title": "t"', '"title": "u"', 1), encoding="utf-8")
    gate.edited(lambda result: result.update(title="v"))
    assert_any(gate.reasons(), "judged again, gives other `title`")


def test_a_record_can_be_required(gate: Gate) -> None:
    gate.checklist({"scenario": "shop", "record": True})
    assert gate.reasons() == ()
    gate.forget_record()
    assert_any(gate.reasons(), r"its record is not at hand \(.*record.json; nor is shop.record.json beside it\)")


# What lies among the results


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON, or not all of it"),
        ("{", "is not JSON, or not all of it"),
        ("[" * 100_000, "is not JSON, or not all of it"),
        ("[]", r"is no result of this version \(schema 'list'"),
        ('{"schema": "convergence-validator/result/1"}', "is no result of this version"),
        ('{"schema": "convergence-validator/result/2"}', "is damaged, or was not written by the validator: scenario"),
        ("\ud800".encode("utf-8", "surrogatepass"), "is not JSON"),
    ],
)
def test_a_file_that_cannot_be_read_might_have_been_red(text: str | bytes, reason: str, gate: Gate) -> None:
    (gate.root / "results/other.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert_any(gate.reasons(), f"results/other.json {reason}")


def test_a_directory_is_no_result(gate: Gate) -> None:
    (gate.root / "results/d.json").mkdir()
    assert_any(gate.reasons(), "d.json cannot be read: Is a directory")


def test_a_file_that_is_gone_is_a_no_go(gate: Gate) -> None:
    gate.path.unlink()
    assert_any(gate.reasons(), "no file is there that `results` names with 'results/[*].json'")
    assert_any(gate.reasons(), "there is no result$")


def test_other_documents_of_the_validator_may_lie_there(gate: Gate) -> None:
    (gate.root / "results/score.json").write_text('{"schema": "convergence-validator/selftest/1"}', encoding="utf-8")
    assert gate.reasons() == ()
    assert_any(gate.judge().notes, "score.json is no result but selftest/1")


def test_the_newest_result_counts(gate: Gate) -> None:
    gate.result("older", age=2 * HOUR, edit=diverging)
    assert gate.reasons() == ()
    assert_any(gate.judge().notes, r"shop: 1 result\(s\) besides the newest did not count")
    gate.result("newer", age=HOUR / 2, edit=diverging)
    assert_any(gate.reasons(), "it is diverged")


def test_a_newer_result_of_other_content_is_a_no_go_though_an_older_one_is_green(gate: Gate) -> None:
    gate.result("newer", age=60, edit=lambda run: replace(run, subject=replace(run.subject, digest="d")))
    assert_any(gate.reasons(), "it was made from other content")


def test_of_two_results_of_the_same_moment_both_must_be_green(gate: Gate) -> None:
    made = json.loads(gate.path.read_text(encoding="utf-8"))["made"]
    for name in ("a", "z"):
        gate.result(name, edit=lambda run: replace(diverging(run), started=made))
        assert_any(gate.reasons(), f"results/{name}.json: it is diverged")
        (gate.root / f"results/{name}.json").unlink()


def test_a_result_without_a_time_must_be_green_too(gate: Gate) -> None:
    gate.edited(lambda result: result.pop("made"), file=gate.result("old", edit=diverging))
    assert_any(gate.reasons(), r"results/old.json: it is diverged")


def test_a_copy_of_a_result_does_no_harm(gate: Gate) -> None:
    (gate.root / "results/copy.json").write_bytes(gate.path.read_bytes())
    assert gate.reasons() == ()


def test_results_of_what_is_not_required_are_noted(gate: Gate) -> None:
    gate.result("other", edit=lambda run: diverging(replace(run, subject=replace(run.subject, name="other"))))
    assert gate.reasons() == ()
    assert_any(gate.judge().notes, r"other.json \(other, on bookworm: diverged\) is not asked for")


# What the scenario is now


def test_a_change_of_its_files_makes_results_old(gate: Gate) -> None:
    tasks = gate.root / "scenarios/shop/tasks/upgrade.yml"
    tasks.write_text(tasks.read_text(encoding="utf-8") + "# a comment\n", encoding="utf-8")
    assert_any(gate.reasons(), "it was made from other content")


@pytest.mark.parametrize(
    "part",
    [
        {"waivers": [{"rule": "*", "reason": "r", "owner": "o", "expires": "2999-01-01"}]},
        {"restarts": {"default": 9}},
        {"expect": [{"resource": "File[/a]", "property": "content", "value": "b", "reason": "r"}]},
        {"checks": {"confirm": "replay"}},
        {"probes": [{"name": "p", "command": "true", "after": ["converge"]}]},
    ],
)
def test_a_change_of_what_it_allows_makes_results_old(part: dict[str, object], gate: Gate) -> None:
    file = gate.root / "scenarios/shop/scenario.yml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    write_yaml(file, {**document, **part})
    assert_any(gate.reasons(), "the scenario's probes, waivers, .* are not what they were")


def test_another_title_makes_no_difference(gate: Gate) -> None:
    file = gate.root / "scenarios/shop/scenario.yml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    write_yaml(file, {**document, "title": "another"})
    assert gate.reasons() == ()


def test_a_checkout_somewhere_else_has_the_same_content(gate: Gate, tmp_path: Path) -> None:
    there = tmp_path / "elsewhere"
    there.mkdir()
    for name in ("scenarios", "results", "release.yml"):
        (gate.root / name).rename(there / name)
    assert Gate(there).reasons() == ()


def test_each_image_needs_its_own_result(gate: Gate) -> None:
    gate.checklist({"scenario": "shop"}, {"scenario": "shop", "image": "trixie"})
    first, second = gate.judge().items
    assert (first.answer, second.answer) == ("go", "no-go")
    assert second.reasons == (f"there is no result; {gate.path} is on bookworm",)
    gate.checklist({"scenario": "shop", "image": "trixie"})
    gate.result("trixie")
    assert gate.reasons() == ()
    gate.checklist({"scenario": "shop"}, {"scenario": "shop", "image": "trixie"})
    assert gate.reasons() == ()


# What a line may ask for besides


def asked(gate: Gate, **line: object) -> tuple[str, ...]:
    gate.checklist({"scenario": "shop", **line})
    return gate.reasons()


def test_witnesses_can_be_asked_for(gate: Gate) -> None:
    assert asked(gate, witnesses=["disk"]) == ()
    assert asked(gate, witnesses=["probes", "services", "borders"]) == (
        "the witness `probes` saw nothing (asked: 0)",
        "the witness `services` saw nothing (units: 0)",
        "the witness `borders` saw nothing (tasks watched: 0)",
    )


def test_comparisons_can_be_asked_for(gate: Gate) -> None:
    assert asked(gate, compared=["agreement"]) == ("`agreement` had nothing to compare",)
    gate.forget_record()
    gate.edited(lambda result: result["compared"].update(agreement={"paths_compared": 3}))
    assert asked(gate, compared=["agreement"]) == ()


def test_a_selftest_can_be_asked_for(gate: Gate) -> None:
    assert_any(asked(gate, selftest={}), "there was no complete self-test of exactly this when it ran")
    gate.result(edit=with_selftest)
    assert_any(asked(gate, selftest={}), "its self-test caught 9 of 10 faults; 100% are wanted")
    assert asked(gate, selftest={"score": 0.9}) == ()
    assert_any(asked(gate, selftest={"score": 0.9, "max_age": "23h"}), "its self-test is stale: 24.0 h old")
    gate.result(edit=partial(with_selftest, caught=0, missed=0))
    assert_any(asked(gate, selftest={"score": 0.0}), "its self-test had no fault to catch")


def test_rules_can_be_forbidden_altogether(gate: Gate) -> None:
    gate.checklist(waivers=[{"scenario": "shop", "rule": "converge.*", "until": "2999-12-31", "reason": "r"}])
    gate.result(edit=waived)
    assert gate.reasons() == ()
    lines = {"waivers": [{"scenario": "shop", "rule": "converge.*", "until": "2999-12-31", "reason": "r"}]}
    gate.checklist({"scenario": "shop", "absent": ["restart.*", "conv*"]}, **lines)
    assert_any(gate.reasons(), r"it may have no finding of conv\*, and has 1: converge.change: File\[/a\]")


def test_an_age_of_its_own(gate: Gate) -> None:
    gate.result(age=3 * HOUR)
    assert_any(asked(gate, max_age="2h"), "it is stale: .*3.0 h ago; 2h are allowed")
    assert asked(gate, max_age="4h") == ()


def test_a_version_can_be_named(gate: Gate) -> None:
    gate.result(edit=lambda run: replace(run, validator="0.0.9"))
    gate.checklist(validator="0.0.9")
    assert gate.reasons() == ()


def test_what_must_diverge(gate: Gate) -> None:
    line = {"expect": "diverged", "findings": [{"rule": "converge.change", "subject": "File[/a]"}]}
    assert_any(asked(gate, **line), "it is converged; diverged is expected")
    gate.result(edit=diverging)
    assert asked(gate, **line) == ()
    line["findings"] = [{"rule": "converge.change", "subject": "File[/b]"}]
    assert asked(gate, **line) == ("it has no error converge.change: File[/b], for which it is expected to diverge",)
    gate.result(edit=inconclusive)
    assert_any(asked(gate, **line), "it is inconclusive")


# Waivers


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"rule": "converge.change", "subject": "File[[]/a]"}, "does not tolerate"),
        ({"rule": "converge.change", "subject": "File[/a]"}, ""),
        ({"rule": "*"}, ""),
        ({"rule": "restart.converge"}, "the checklist does not tolerate that"),
        ({"rule": "*", "until": "2020-01-01"}, "is waived; the checklist tolerated that until 2020-01-01"),
    ],
)
def test_a_waiver_is_tolerated_by_name_and_date(line: dict[str, object], reason: str, gate: Gate) -> None:
    gate.checklist(waivers=[{"scenario": "shop", "until": "2999-12-31", "reason": "r", **line}])
    gate.result(edit=waived)
    if reason:
        assert_any(gate.reasons(), reason)
    else:
        assert gate.reasons() == ()


def test_of_two_lines_one_that_holds_is_enough(gate: Gate) -> None:
    lines = [{"scenario": "shop", "rule": "*", "until": until, "reason": "r"} for until in ("2020-01-01", "2999-12-31")]
    gate.checklist(waivers=lines)
    gate.result(edit=waived)
    assert gate.reasons() == ()


def test_a_waiver_that_ended_since_the_run_is_a_no_go(gate: Gate) -> None:
    gate.checklist(max_age="9999d", waivers=[{"scenario": "shop", "rule": "*", "until": "2999-12-31", "reason": "r"}])
    gate.result(age=30 * DAY, edit=lambda run: waived(run, expires=day(run.started)))
    assert_any(gate.reasons(), r"converge.change: File\[/a\] is waived until \d{4}-\d\d-\d\d, which is over")


def day(time: float) -> str:
    return datetime.fromtimestamp(time, tz=UTC).date().isoformat()


def test_a_line_that_nothing_needs_is_noted(gate: Gate) -> None:
    gate.checklist(waivers=[{"scenario": "shop", "rule": "a.b", "until": "2999-12-31", "reason": "r"}])
    assert gate.reasons() == ()
    assert_any(gate.judge().notes, "nothing of shop is waived that the line for a.b: [*] tolerates")


# The checklist itself


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"require": []}, "release.yml:5:1: require: "),
        ({"results": []}, "release.yml:2:1: results: "),
        ({"results": [""]}, "results.0: "),
        ({"max_age": "soon"}, "max_age: "),
        ({"max_age": None}, "max_age: "),
        ({"requires": []}, "requires: unknown key; did you mean `require`?"),
        (
            {"require": [{"scenario": "shop", "witness": []}]},
            "require.0.witness: unknown key; did you mean `witnesses`?",
        ),
        ({"require": [{"scenario": "shop"}, {"scenario": "shop"}]}, "shop is required twice on the same image"),
        ({"require": [{"scenario": "shop", "expect": "diverged"}]}, "`expect: diverged` needs `findings`"),
        ({"require": [{"scenario": "shop", "expect": "inconclusive"}]}, "require.0.expect: "),
        ({"require": [{"scenario": "shop", "findings": [{"rule": "a.b"}]}]}, "what converges has no errors"),
        ({"require": [{"scenario": "nowhere"}]}, "require: there is no scenario at "),
        ({"waivers": [{"scenario": "x", "rule": "*", "until": "2999-12-31", "reason": "r"}]}, "'x' is not required"),
        (
            {"waivers": [{"scenario": "shop", "rule": "evidence.*", "until": "2999-12-31", "reason": "r"}]},
            "evidence.* cannot be waived",
        ),
        ({"waivers": [{"scenario": "shop", "rule": "*", "until": "2999-12-31", "reason": ""}]}, "waivers.0.reason: "),
    ],
)
def test_mistakes_in_a_checklist(change: dict[str, object], problem: str, gate: Gate) -> None:
    gate.checklist(**change)
    with pytest.raises(ScenarioError) as error:
        gate.judge()
    assert problem in error.value.message


@pytest.mark.parametrize("text", ["", "---\n", "[]", "a: b: c", "title: x\ntitle: y\n"])
def test_an_empty_or_broken_checklist_is_never_a_go(text: str, gate: Gate, validate: Validate) -> None:
    gate.file.write_text(text, encoding="utf-8")
    ran = validate("gate", gate.file)
    assert (ran.code, ran.out) == (2, "")
    assert "release.yml" in ran.err
    assert "Traceback" not in ran.err


def test_all_mistakes_of_the_scenarios_are_told_at_once(gate: Gate) -> None:
    file = gate.root / "scenarios/shop/scenario.yml"
    file.write_text("title: t\n", encoding="utf-8")
    gate.checklist({"scenario": "shop"}, {"scenario": "nowhere"})
    with pytest.raises(ScenarioError) as error:
        gate.judge()
    assert {problem.key for problem in error.value.problems} == {"image", "old", "upgrade", "new", "require"}


def test_phases_are_those_of_the_scenario(gate: Gate) -> None:
    (item,) = gate.judge().items
    assert item.content.phases == PHASES


# The command


def test_the_command_says_go(gate: Gate, validate: Validate) -> None:
    ran = validate("gate", gate.file)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("# GO: shop 2\n")
    assert "- [x] **shop**: converged on bookworm" in ran.out
    document = validate("gate", gate.file, "--format", "json").result
    assert (document["answer"], document["exit_code"], document["items"][0]["answer"]) == ("go", 0, "go")
    assert validate("gate", gate.file, "--format", "text").out.startswith("GO: shop 2\n")


def test_the_command_says_no_go_and_why(gate: Gate, validate: Validate) -> None:
    gate.result(edit=diverging)
    ran = validate("gate", gate.file)
    assert ran.code == 1
    assert ran.out.startswith("# NO-GO: shop 2\n")
    assert "- [ ] **shop**: diverged on bookworm" in ran.out
    assert "  - **it is diverged: converge.change: File\\[/a\\]**" in ran.out
    ran = validate("gate", gate.file, "--format", "json")
    assert (ran.code, ran.result["answer"], ran.result["exit_code"]) == (1, "no-go", 1)
    ran = validate("gate", gate.file, "--format", "text", "-o", gate.root / "out.txt")
    assert (ran.code, ran.out) == (1, "")
    assert "         - it is diverged" in (gate.root / "out.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nowhere.yml",),
        ("release.yml", "--format", "sarif"),
        ("release.yml", "--by", "me"),
        ("release.yml", "--key", "k"),
        ("release.yml", "--sign-off", "so.json"),
        ("release.yml", "--sign-off", "so.json", "--by", " "),
        ("release.yml", "--sign-off", "so.json", "--by", "me", "--key", "nowhere"),
        ("release.yml", "--sign-off", "so.json", "--by", "two words", "--key", "release.yml"),
        ("release.yml", "--sign-off", "nowhere/so.json", "--by", "me"),
        ("release.yml", "--allowed-signers", "release.yml"),
        ("release.yml", "--verify", "so.json"),
        ("--verify", "so.json"),
        ("--verify", "release.yml"),
        ("--verify", "results/shop.json"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], gate: Gate, validate: Validate) -> None:
    ran = validate("gate", *arguments, cwd=gate.root)
    assert (ran.code, ran.out) == (2, ""), ran.err
    assert ran.err.startswith(("error: ", "Usage: ")), ran.err
    assert not (gate.root / "so.json").exists()
