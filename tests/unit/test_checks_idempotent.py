"""Tasks that run twice, releases that are applied twice, and what evidence these need."""

from __future__ import annotations

from dataclasses import replace

from tests.unit import builders as make
from validator.checks import evidence, idempotent
from validator.findings import Finding
from validator.record import AnsibleRun, PathChange, Phase, ProbeSeen, Run


def twice(tasks: AnsibleRun, *changes: PathChange | str) -> Run:
    again = replace(make.phase("upgrade-again", ansible=(tasks,)), disk=make.disk(*changes))
    old = make.phase("old", make.applied("t1"), make.applied("t2", number=2))
    return make.of_kind("upgrade-idempotence", old, make.phase("upgrade", ansible=(make.tasks(),)), again)


def applied_twice(fresh: Phase) -> Run:
    return make.of_kind("idempotence", fresh, make.phase("again", make.applied("a")))


def blocking(run: Run) -> list[tuple[str, str]]:
    return [(each.rule, each.means) for each in evidence.check(run)]


OK = make.tasks(make.task("quiet", changed=False))


def test_a_quiet_second_run_is_silent() -> None:
    assert list(idempotent.check(twice(OK, make.changed("/etc/a", "touched"), "/mnt/x"))) == []
    assert blocking(twice(OK)) == []


def test_a_task_that_changes_again_is_found_with_its_item() -> None:
    tasks = make.tasks(make.task("loud", item="a"), make.task("quiet", changed=False), make.task("loud", item="b"))
    findings: list[Finding] = list(idempotent.check(twice(tasks)))
    assert [(each.rule, each.means, each.subject) for each in findings] == [
        ("idempotent.task", "diverged", "loud"),
        ("idempotent.task", "diverged", "loud"),
    ]
    assert str(findings[0].declared_at) == "upgrade.yml:1"
    assert "(item a)" in findings[0].message


def test_a_path_that_no_task_owns_up_to_is_found() -> None:
    (finding,) = idempotent.check(twice(OK, "/etc/a"))
    assert (finding.rule, finding.subject, finding.evidence["path"]) == ("idempotent.disk", "/etc/a", "/etc/a")


def test_a_path_that_a_changed_task_wrote_is_told_with_the_task() -> None:
    tasks = replace(make.tasks(make.task("loud")), spans=(make.span("loud", 1.0, 2.0, "/etc/a"),))
    assert [each.rule for each in idempotent.check(twice(tasks, "/etc/a"))] == ["idempotent.task"]


def test_a_path_that_a_task_wrote_which_said_ok_is_told_by_the_disk_check() -> None:
    tasks = replace(OK, spans=(make.span("quiet", 1.0, 2.0, "/etc/a"),))
    assert list(idempotent.check(twice(tasks, "/etc/a"))) == []


def test_a_task_that_fails_when_it_runs_again_is_a_divergence() -> None:
    failed = make.tasks(make.task("once only", status="failed", changed=False), trouble="it exists", code=2)
    assert blocking(twice(failed)) == [("upgrade-again.failed", "diverged")]
    lost = make.tasks(make.task("once only", status="unreachable", changed=False), trouble="gone", code=4)
    assert blocking(twice(lost)) == [("upgrade-again.failed", "inconclusive")]


def test_a_second_run_that_was_not_reached_proves_nothing() -> None:
    assert blocking(make.without_phase(twice(OK), "upgrade-again")) == [("evidence.missing", "inconclusive")]


def test_a_release_that_can_be_deployed_is_silent() -> None:
    fresh = make.phase("fresh", make.applied("f", make.resource("File[/a]", make.event(), changed=True)))
    assert list(idempotent.check(applied_twice(fresh))) == []
    assert blocking(applied_twice(fresh)) == []


def test_a_release_that_cannot_be_deployed_proves_nothing() -> None:
    failed = make.resource("Exec[x]", make.event("returns", status="failure", message="no"), failed=True)
    (finding,) = idempotent.check(applied_twice(make.phase("fresh", make.applied("f", failed))))
    assert (finding.rule, finding.means, finding.subject) == ("fresh.failed", "inconclusive", "Exec[x]")


def test_no_disk_and_no_services_are_no_evidence() -> None:
    blind = replace(make.phase("converge", make.applied("t3")), disk=None)
    assert blocking(make.with_phase(make.healthy(), blind)) == [("evidence.disk", "unproven")]
    blind = replace(make.phase("upgrade", ansible=(make.tasks(),)), services=None)
    assert blocking(make.with_phase(make.healthy(), blind)) == [("evidence.services", "unproven")]


def test_trouble_on_a_host_for_comparison_leaves_divergences_standing() -> None:
    broken = replace(make.applied("f"), report=None, trouble="no report")
    run = make.healthy()
    run = replace(
        run,
        subject=replace(run.subject, phases=("old", "fresh", "upgrade", "converge", "again"), agreement=True),
        phases=(*run.phases, make.phase("fresh", broken)),
    )
    assert blocking(run) == [("evidence.puppet", "unproven")]


def test_a_probe_is_judged_on_a_release_of_its_own() -> None:
    from validator.checks import probes  # noqa: PLC0415 - only here

    fresh = replace(
        make.phase("fresh", make.applied("f")), probes=(ProbeSeen(name="p", exit_code=1, output="", trouble="no"),)
    )
    assert [each.rule for each in probes.check(applied_twice(fresh))] == ["probe.failed"]
