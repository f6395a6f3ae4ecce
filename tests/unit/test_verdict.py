"""The verdict: a healthy record passes, and there is no way to break it and still pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit import builders as make
from validator.findings import Finding
from validator.record import LogLine, PuppetRun, Run, ServicesSeen, Trouble, UnitEvent
from validator.verdict import judge


def verdict(run: Run) -> tuple[str, str, str]:
    result = judge(run)
    first = result.findings[0] if result.findings else None
    return result.verdict, first.rule if first else "", first.subject if first else ""


def converge(*runs: PuppetRun) -> Run:
    return make.with_phase(make.healthy(), make.phase("converge", *runs))


def change_report(**changes: object) -> Run:
    run = make.applied("t3")
    assert run.report is not None
    return converge(replace(run, report=replace(run.report, **changes)))  # type: ignore[arg-type]  # any field


def test_a_healthy_record_is_converged_without_a_word() -> None:
    result = judge(make.healthy())
    assert result.verdict == "converged"
    assert result.findings == ()
    assert result.exit_code == 0


@pytest.mark.parametrize("name", make.PHASES)
def test_a_phase_that_was_not_reached_proves_nothing(name: str) -> None:
    run = make.without_phase(make.healthy(), name)  # type: ignore[arg-type]  # a literal name
    assert verdict(run) == ("inconclusive", "evidence.missing", name)


def test_a_change_is_a_divergence_and_names_its_resource() -> None:
    run = converge(make.applied("t3", make.resource("File[/a]", make.event(), changed=True)))
    assert verdict(run) == ("diverged", "converge.change", "File[/a]")
    finding = judge(run).findings[0]
    assert finding.evidence["changes"] == [
        {"property": "content", "is": "a", "should": "b", "status": "success", "message": "changed"}
    ]
    assert str(finding.declared_at) == "new.pp:3"
    assert finding.left_by is not None
    assert finding.left_by.task == "a task"


def test_a_diff_is_shown_instead_of_whole_checksums() -> None:
    was, wants = "{sha256}" + "a" * 64, "{sha256}" + "b" * 64
    event = replace(make.event(), previous=was, desired=wants)
    run = make.applied("t3", make.resource("File[/a]", event, changed=True))
    assert run.report is not None
    header = "\n--- /a\t2026-01-01 00:00\n+++ /tmp/puppet-file-x7\t2026\n@@ -1 +1 @@\n-1\n+2\n"
    line = LogLine(level="notice", source="/Stage[main]/Main/File[/a]/content", message=header, place=None)
    finding = judge(converge(replace(run, report=replace(run.report, logs=(line,))))).findings[0]
    assert finding.message == "content is {sha256}aaaaaaaa..., should be {sha256}bbbbbbbb..."
    assert finding.evidence["diff"] == "--- /a\n+++ as Puppet writes it\n@@ -1 +1 @@\n-1\n+2"


def test_a_failed_resource_is_a_divergence_though_it_changes_nothing() -> None:
    failed = make.resource("Exec[x]", make.event("returns", status="failure"), failed=True)
    later = make.resource("File[/b]", skipped=True)
    run = converge(make.applied("t3", failed, later))
    assert verdict(run) == ("diverged", "converge.failure", "Exec[x]")
    assert [each.subject for each in judge(run).findings[0].consequences] == ["File[/b]"]


def test_a_failed_restart_is_a_divergence() -> None:
    refreshed = make.resource("Service[x]", make.event(None, status="failure"), failed_to_restart=True)
    assert verdict(converge(make.applied("t3", refreshed)))[:2] == ("diverged", "converge.restart-failed")


def test_refreshes_go_under_the_cause_that_can_have_sent_them() -> None:
    compiled = make.catalog(
        ("File[/a]", {"notify": "Service[a]"}),
        ("File[/b]", {}),
        ("Service[a]", {}),
        ("Service[b]", {"subscribe": ["File[/b]"]}),
    )
    notable = (
        make.resource("File[/b]", make.event(), changed=True),
        make.resource("Service[b]", make.event(None), changed=True),
        make.resource("File[/a]", make.event(), changed=True),
        make.resource("Service[a]", make.event(None), changed=True),
    )
    result = judge(converge(make.applied("t3", *notable, compiled=compiled)))
    causes = [finding for finding in result.findings if finding.rule == "converge.change"]
    folded = {finding.subject: [each.subject for each in finding.consequences] for finding in causes}
    assert folded == {"File[/b]": ["Service[b]"], "File[/a]": ["Service[a]"]}


def test_a_refresh_without_any_cause_is_still_a_change() -> None:
    run = converge(make.applied("t3", make.resource("Service[x]", make.event(None), changed=True)))
    assert verdict(run) == ("diverged", "converge.change", "Service[x]")


def test_a_second_run_must_be_quiet_too() -> None:
    loud = make.phase("again", make.applied("t4", make.resource("File[/a]", make.event(), changed=True)))
    assert verdict(make.with_phase(make.healthy(), loud)) == ("diverged", "again.change", "File[/a]")


def test_noop_resources_hide_a_change() -> None:
    pending = make.resource("File[/a]", make.event(status="noop"), out_of_sync=True)
    assert verdict(converge(make.applied("t3", pending)))[:2] == ("diverged", "converge.noop")


def test_out_of_sync_without_an_event_is_no_pass() -> None:
    assert verdict(converge(make.applied("t3", make.resource("File[/a]", out_of_sync=True))))[0] == "diverged"


def test_skipped_without_a_failure_is_unknown() -> None:
    run = converge(make.applied("t3", make.resource("File[/a]", skipped=True)))
    assert verdict(run) == ("inconclusive", "evidence.skipped", "File[/a]")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"completed": False}, "evidence.unfinished"),
        ({"evaluated": 0}, "evidence.empty"),
        ({"noop": True}, "evidence.noop"),
        ({"transaction": "t1"}, "evidence.stale"),
        ({"transaction": ""}, "evidence.stale"),
        ({"metrics": {}}, "evidence.contradiction"),
        ({"metrics": {"resources": {"total": 9}, "changes": {"total": 3}}}, "evidence.contradiction"),
    ],
)
def test_a_report_that_cannot_be_trusted_proves_nothing(changes: dict[str, object], rule: str) -> None:
    assert verdict(change_report(**changes))[:2] == ("inconclusive", rule)


@pytest.mark.parametrize("code", [1, 2, 4, 6])
def test_an_exit_status_that_tells_another_story_proves_nothing(code: int) -> None:
    run = replace(make.applied("t3"), exit_code=code)
    if code == 1:  # no changes, no failures by its bits; Puppet says 1 when it could not apply a catalog
        run = replace(run, report=None, trouble="no report")
    assert verdict(converge(run))[0] == "inconclusive"


@pytest.mark.parametrize("gone", ["report", "catalog"])
def test_without_report_or_catalog_there_is_no_verdict(gone: str) -> None:
    run = replace(make.applied("t3"), **{gone: None})  # type: ignore[arg-type]  # one of two fields
    assert verdict(converge(run))[:2] == ("inconclusive", "evidence.puppet")


def test_a_failed_upgrade_task_is_named() -> None:
    failed = make.tasks(make.task("breaks", status="failed"), trouble="task 'breaks' failed: x", code=2)
    run = make.with_phase(make.healthy(), make.phase("upgrade", ansible=(failed,)))
    assert verdict(run) == ("inconclusive", "upgrade.failed", "breaks")


def test_ansible_without_a_recap_proves_nothing() -> None:
    run = make.with_phase(make.healthy(), make.phase("upgrade", ansible=(replace(make.tasks(), finished=False),)))
    assert verdict(run)[:2] == ("inconclusive", "evidence.ansible")


@pytest.mark.parametrize("number", [1, 2])
def test_an_old_release_that_fails_or_does_not_settle_proves_nothing(number: int) -> None:
    broken = make.resource("Exec[x]", make.event("returns", status="failure"), failed=True)
    loud = make.resource("File[/a]", make.event(), changed=True)
    first = make.applied("t1", *((broken,) if number == 1 else ()), number=1)
    second = make.applied("t2", *((loud,) if number == 2 else ()), number=2)
    run = make.with_phase(make.healthy(), make.phase("old", first, second))
    assert verdict(run)[:2] == ("inconclusive", "old.unsettled")


def test_an_old_release_that_was_applied_once_only_proves_nothing() -> None:
    run = make.with_phase(make.healthy(), make.phase("old", make.applied("t1")))
    assert verdict(run)[:2] == ("inconclusive", "old.unsettled")


def test_old_release_changes_in_its_first_run_are_what_it_is_for() -> None:
    loud = make.applied("t1", make.resource("File[/a]", make.event(), changed=True))
    run = make.with_phase(make.healthy(), make.phase("old", loud, make.applied("t2", number=2)))
    assert verdict(run)[0] == "converged"


def test_a_divergence_stands_when_only_the_second_run_is_missing() -> None:
    loud = converge(make.applied("t3", make.resource("File[/a]", make.event(), changed=True)))
    assert verdict(make.without_phase(loud, "again"))[0] == "diverged"


def test_trouble_on_the_way_is_told_with_what_to_do() -> None:
    run = replace(make.healthy(), troubles=(Trouble(phase="converge", message="the host went down", hint="look"),))
    finding: Finding = judge(run).findings[0]
    assert judge(run).verdict == "inconclusive"
    assert (finding.message, finding.hint) == ("the host went down", "look")


def unit(kind: str, at: float, name: str = "a.service") -> UnitEvent:
    return UnitEvent(unit=name, kind=kind, job="", invocation="", time=at)  # type: ignore[arg-type]  # any kind


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("stopped", "started"), "diverged"),
        (("started",), "converged"),  # a timer's service; a service that Puppet starts is a change of its own
        (("reloaded",), "converged"),
    ],
)
def test_a_restart_that_no_tool_reports_is_a_divergence(kinds: tuple[str, ...], expected: str) -> None:
    seen = ServicesSeen(events=tuple(unit(kind, at) for at, kind in enumerate(kinds)), states=())
    changed = replace(make.phase("converge", make.applied("t3")), services=seen)
    assert verdict(make.with_phase(make.healthy(), changed))[0] == expected


def test_services_that_were_not_watched_block_a_pass() -> None:
    blind = replace(make.phase("converge", make.applied("t3")), services=None)
    assert verdict(make.with_phase(make.healthy(), blind))[:2] == ("inconclusive", "evidence.services")


def test_a_probe_that_was_never_evaluated_blocks_a_pass() -> None:
    run = make.healthy()
    run = replace(run, subject=replace(run.subject, probes=("the API answers",)))
    assert verdict(run)[:2] == ("inconclusive", "evidence.probe")


def test_an_audit_of_the_old_release_is_no_change() -> None:
    looked = make.resource("File[/a]", make.event(status="audit"))
    old = make.phase("old", make.applied("t1", number=1), make.applied("t2", looked, number=2))
    assert verdict(make.with_phase(make.healthy(), old))[0] == "converged"


def test_an_audit_is_no_consequence_of_a_change() -> None:
    changed = make.resource("File[/b]", make.event(), changed=True)
    looked = make.resource("File[/a]", make.event(status="audit"))
    result = judge(converge(make.applied("t3", changed, looked)))
    assert [finding.consequences for finding in result.findings if finding.rule == "converge.change"] == [()]
