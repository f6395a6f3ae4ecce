"""Silence that proves nothing: noop, schedules, audits, tasks that did not run, catalogs that vary."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import JsonValue

from tests.unit import builders as make
from validator.checks import audit, catalogs, evidence, vacuous
from validator.findings import Finding
from validator.record import AnsibleRun, Catalog, Event, PathChange, Phase, PhaseName, Resource, Run, TaskName


def with_catalog(compiled: Catalog, *notable: Resource, phase: PhaseName = "converge") -> Run:
    return make.with_phase(make.healthy(), make.phase(phase, make.applied("x", *notable, compiled=compiled)))


def rules(run: Run) -> list[tuple[str, str, str]]:
    checks = (vacuous.check, audit.check, catalogs.check)
    return [(each.rule, each.means, each.subject) for check in checks for each in check(run)]


def test_a_healthy_run_says_nothing() -> None:
    assert rules(make.healthy()) == []


@pytest.mark.parametrize("value", [True, "true"])
def test_noop_on_what_a_refresh_reaches_proves_nothing(value: JsonValue) -> None:
    run = with_catalog(make.catalog(("File[/a]", {}), ("Service[b]", {"noop": value}), ("File[/c]", {"noop": value})))
    (finding, *_) = vacuous.check(run)
    assert (finding.rule, finding.means, finding.subject) == ("vacuous.noop", "unproven", "Service[b]")
    assert finding.evidence == {"count": 2, "resources": ["Service[b]", "File[/c]"]}


def test_noop_on_what_is_compared_is_a_note() -> None:
    (finding, *_) = vacuous.check(with_catalog(make.catalog(("File[/a]", {}), ("File[/b]", {"noop": True}))))
    assert (finding.rule, finding.means, finding.subject) == ("vacuous.noop", "note", "File[/b]")


@pytest.mark.parametrize("value", [False, "false", None])
def test_noop_that_is_off_is_silent(value: JsonValue) -> None:
    assert list(vacuous.check(with_catalog(make.catalog(("File[/a]", {"noop": value}))))) == []


def test_noop_of_a_container_reaches_what_is_in_it_but_for_what_says_otherwise() -> None:
    compiled = make.catalog(
        ("Class[a]", {"noop": True}), ("File[/a]", {}), ("File[/b]", {"noop": False}), ("File[/c]", {})
    )
    compiled = replace(compiled, edges=(("Class[a]", "File[/a]"), ("Class[a]", "File[/b]")))
    (finding,) = vacuous.check(with_catalog(compiled))
    assert finding.evidence["resources"] == ["File[/a]"]


SCHEDULED = make.catalog(("File[/a]", {"schedule": "night"}), ("File[/b]", {}))


def skipped_and_scheduled(run: Run) -> list[Finding]:
    return [*vacuous.check(run), *(each for each in evidence.check(run) if each.rule == "evidence.skipped")]


def test_a_closed_schedule_is_one_finding() -> None:
    (finding,) = skipped_and_scheduled(with_catalog(SCHEDULED, make.resource("File[/a]", skipped=True)))
    assert (finding.rule, finding.means, finding.subject) == ("vacuous.schedule", "unproven", "File[/a]")
    assert finding.phase == "converge"


def test_an_open_schedule_is_a_note() -> None:
    (note,) = skipped_and_scheduled(with_catalog(SCHEDULED))
    assert (note.rule, note.means, note.subject) == ("vacuous.schedule", "note", "File[/a]")


def test_a_closed_schedule_and_another_reason_are_two_findings() -> None:
    notable = (make.resource("File[/a]", skipped=True), make.resource("File[/b]", skipped=True))
    findings = skipped_and_scheduled(with_catalog(SCHEDULED, *notable))
    assert [(each.rule, each.subject) for each in findings] == [
        ("vacuous.schedule", "File[/a]"),
        ("evidence.skipped", "File[/b]"),
    ]


def test_a_schedule_of_a_container_counts() -> None:
    compiled = make.catalog(("Class[a]", {"schedule": "night"}), ("File[/a]", {}))
    compiled = replace(compiled, edges=(("Class[a]", "File[/a]"),))
    (finding,) = skipped_and_scheduled(with_catalog(compiled, make.resource("File[/a]", skipped=True)))
    assert finding.rule == "vacuous.schedule"


def test_what_a_failure_skipped_is_the_failures_consequence() -> None:
    notable = (
        make.resource("File[/a]", skipped=True),
        make.resource("Exec[x]", make.event("returns", status="failure"), failed=True),
    )
    assert [each.means for each in skipped_and_scheduled(with_catalog(SCHEDULED, *notable))] == ["note"]


def test_a_schedule_that_stays_closed_is_told_once() -> None:
    run = with_catalog(SCHEDULED, make.resource("File[/a]", skipped=True))
    again = make.applied("y", make.resource("File[/a]", skipped=True), compiled=SCHEDULED)
    assert len(skipped_and_scheduled(make.with_phase(run, make.phase("again", again)))) == 1


def test_a_daily_schedule_of_the_old_release_counts_in_its_first_run_only() -> None:
    closed = make.resource("File[/a]", skipped=True)

    def old(number: int) -> Run:
        runs = (make.applied("t1", compiled=SCHEDULED), make.applied("t2", compiled=SCHEDULED, number=2))
        loud = make.applied(f"t{number}", closed, compiled=SCHEDULED, number=number)
        return make.with_phase(
            make.healthy(), make.phase("old", *(loud if run.round == number else run for run in runs))
        )

    assert skipped_and_scheduled(old(2)) == []
    assert [(each.rule, each.phase) for each in skipped_and_scheduled(old(1))] == [("vacuous.schedule", "old")]


def audited(name: str = "content", desired: JsonValue = None) -> Event:
    """As Puppet 5 to 8 report it: no value that it should have unless the property is managed as well."""
    return replace(
        make.event(name, status="audit", message="audit change: previously recorded value 'a' has been changed to 'b'"),
        desired=desired,
    )


WATCHED = make.catalog(("File[/etc/a]", {"audit": "content"}))


def test_an_audited_property_that_changed_is_a_divergence() -> None:
    run = with_catalog(WATCHED, make.resource("File[/etc/a]", audited()))
    (finding,) = audit.check(run)
    assert (finding.rule, finding.means, finding.phase) == ("vacuous.audit", "diverged", "converge")
    assert "has been changed to 'b'" in finding.message


def test_one_that_is_managed_as_well_and_is_as_it_should_be_is_a_note() -> None:
    run = with_catalog(WATCHED, make.resource("File[/etc/a]", audited(desired="b")))
    assert [each.means for each in audit.check(run)] == ["note"]


def test_clocks_count_only_where_somebody_asks_for_them() -> None:
    everything = make.catalog(("File[/etc/a]", {"audit": "all", "content": "x"}))
    assert [
        each.means for each in audit.check(with_catalog(everything, make.resource("File[/etc/a]", audited("mtime"))))
    ] == ["note"]
    asked = make.catalog(("File[/etc/a]", {"audit": ["mtime"]}))
    assert [
        each.means for each in audit.check(with_catalog(asked, make.resource("File[/etc/a]", audited("mtime"))))
    ] == ["diverged"]


def first_audit(
    change: PathChange, parameters: dict[str, JsonValue], old: dict[str, JsonValue] | None = None
) -> list[str]:
    run = with_catalog(make.catalog(("File[/etc/a]", parameters)))
    before = make.catalog(("File[/etc/a]", old)) if old is not None else make.catalog()
    run = make.with_phase(run, make.phase("old", make.applied("o", compiled=before)))
    upgrade = replace(make.phase("upgrade", ansible=(make.tasks(),)), disk=make.disk(change))
    return [each.means for each in audit.check(make.with_phase(run, upgrade))]


def test_what_is_audited_for_the_first_time_is_unproven_where_the_disk_shows_a_change() -> None:
    content = make.changed("/etc/a")
    assert first_audit(content, {"audit": "content"}) == ["unproven"]
    assert first_audit(content, {"audit": "content", "content": "x"}) == ["note"]
    assert first_audit(content, {"audit": "mode"}) == ["note"]
    assert first_audit(make.changed("/etc/a", "metadata", "mode"), {"audit": "all"}) == ["unproven"]
    assert first_audit(make.changed("/etc/b"), {"audit": "content"}) == ["note"]
    assert first_audit(content, {"audit": "content"}, old={"audit": "content"}) == ["note"]


def played(*runs: AnsibleRun) -> Run:
    return make.with_phase(make.healthy(), make.phase("upgrade", ansible=runs))


def test_tasks_that_tags_left_out_in_every_step_are_a_note() -> None:
    first = replace(
        make.tasks(make.task("a")), left_out=(TaskName(name="b", place=None), TaskName(name="c", place=None))
    )
    second = replace(make.tasks(make.task("b", place=None)), left_out=(TaskName(name="c", place=None),))
    (note,) = vacuous.check(played(first, second))
    assert (note.rule, note.means, note.evidence) == ("vacuous.tags", "note", {"count": 1, "tasks": ["c"]})


def test_when_tags_left_out_every_task_nothing_is_proven() -> None:
    none = replace(make.tasks(), tasks=(), left_out=(TaskName(name="b", place=None),))
    assert [(each.rule, each.means) for each in vacuous.check(played(none))] == [("vacuous.tags", "unproven")]


def test_tasks_that_were_skipped_each_time_are_a_note() -> None:
    tasks = make.tasks(
        make.task("never", status="skipped", changed=False),
        make.task("once", status="skipped", changed=False, item="a"),
        make.task("once", item="b"),
    )
    (note,) = vacuous.check(played(tasks))
    assert (note.rule, note.means, note.evidence["tasks"]) == ("vacuous.tasks", "note", ["never (upgrade.yml:1)"])


def compiled_twice(one: Catalog, other: Catalog, *notable: Resource) -> Run:
    run = with_catalog(one)
    second: Phase = make.phase("again", make.applied("t4", *notable, compiled=other))
    return make.with_phase(run, second)


def test_a_parameter_that_varies_leaves_everything_unproven() -> None:
    one, other = (make.catalog(("Class[a]", {"t": n}), ("Exec[i]", {"environment": n})) for n in ("T=1", "T=2"))
    (finding,) = catalogs.check(compiled_twice(one, other))
    assert (finding.rule, finding.means, finding.subject) == ("catalog.unstable", "unproven", "Exec[i]")
    assert finding.phase == "again"
    assert isinstance(finding.evidence["differences"], list)
    assert finding.evidence["differences"][0] == {
        "resource": "Exec[i]",
        "parameter": "environment",
        "first": "T=1",
        "second": "T=2",
    }


@pytest.mark.parametrize(
    "other",
    [
        make.catalog(("File[/a]", {"require": ["A[a]", "B[b]"]}), ("File[/b]", {})),
        make.catalog(("File[/b]", {}), ("File[/a]", {"require": ["B[b]", "A[a]"]})),
    ],
)
def test_the_order_of_a_catalog_means_nothing(other: Catalog) -> None:
    one = make.catalog(("File[/a]", {"require": ["A[a]", "B[b]"]}), ("File[/b]", {}))
    assert list(catalogs.check(compiled_twice(one, other))) == []


def test_the_order_of_a_value_means_something() -> None:
    one = make.catalog(("Exec[i]", {"environment": ["A=1", "B=2"]}))
    other = make.catalog(("Exec[i]", {"environment": ["B=2", "A=1"]}))
    assert len(list(catalogs.check(compiled_twice(one, other)))) == 1


def test_resources_and_edges_that_come_and_go_are_found() -> None:
    one = make.catalog(("File[/a]", {}))
    more = make.catalog(("File[/a]", {}), ("File[/b]", {}))
    (finding,) = catalogs.check(compiled_twice(one, more))
    assert finding.subject == "File[/b]"
    (finding,) = catalogs.check(compiled_twice(one, replace(one, edges=(("Class[a]", "File[/a]"),))))
    assert (finding.subject, finding.means) == ("catalog", "unproven")


def test_what_puppet_changed_once_more_explains_itself() -> None:
    one, other = (make.catalog(("File[/a]", {"content": n})) for n in ("1", "2"))
    changed = make.resource("File[/a]", make.event(), changed=True)
    assert [each.means for each in catalogs.check(compiled_twice(one, other, changed))] == ["note"]
