"""What the disk shows and the tools do not say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit import builders as make
from validator.checks import disk
from validator.checks.known import Known
from validator.findings import Finding
from validator.record import Content, PathChange, PuppetRun, Run, Task, TaskSpan

GUARD = "/bin/sh -c 'echo looked >>/etc/shop/guard.log'"


def found(run: Run, rule: str) -> list[Finding]:
    return [finding for finding in disk.check(run) if finding.rule == rule]


def converged(apply: PuppetRun, *changes: PathChange | str) -> Run:
    return make.with_phase(make.healthy(), replace(make.phase("converge", apply), disk=make.disk(*changes)))


def upgraded(spans: tuple[TaskSpan, ...], results: tuple[Task, ...], *changes: PathChange | str) -> Run:
    tasks = replace(make.tasks(*results), spans=spans)
    return make.with_phase(make.healthy(), replace(make.phase("upgrade", ansible=(tasks,)), disk=make.disk(*changes)))


def test_a_guard_that_writes_is_found_and_named() -> None:
    compiled = make.catalog(("File[/etc/shop]", {"ensure": "directory"}), ("Exec[reload]", {"unless": GUARD}))
    content = Content(form="text", diff="+looked")
    run = converged(
        make.applied("t3", compiled=compiled), make.changed("/etc/shop/guard.log", "content", content=content)
    )
    (finding,) = found(run, "disk.unreported")
    assert (finding.subject, finding.means, finding.phase) == ("Exec[reload]", "diverged", "converge")
    assert str(finding.declared_at) == "new.pp:2"
    assert finding.evidence["path"] == "/etc/shop/guard.log"
    assert finding.evidence["diff"] == "+looked"
    assert "`unless` of Exec[reload]" in finding.message


def test_a_run_that_writes_nothing_is_silent() -> None:
    assert list(disk.check(make.healthy())) == []


def test_a_longer_path_is_not_the_one_that_a_command_names() -> None:
    compiled = make.catalog(("Exec[reload]", {"unless": "/bin/test -e /etc/shop.conf.d/x"}))
    known = Known((compiled,))
    assert known.naming("/etc/shop.conf") == ()
    assert known.naming("/etc/shop.conf.d") == ()
    assert [name for _, name in known.naming("/etc/shop.conf.d/x")] == ["unless"]


def test_two_suspects_leave_the_path_as_the_subject() -> None:
    compiled = make.catalog(("Exec[a]", {"unless": GUARD}), ("Exec[b]", {"onlyif": GUARD}))
    (finding,) = found(converged(make.applied("t3", compiled=compiled), "/etc/shop/guard.log"), "disk.unreported")
    assert finding.subject == "/etc/shop/guard.log"
    assert finding.evidence["suspects"] == ["Exec[a]", "Exec[b]"]


def test_an_exec_counts_before_the_define_that_wraps_it() -> None:
    compiled = make.catalog(("Shop::Task[a]", {"unless": GUARD}), ("Exec[a]", {"unless": GUARD}))
    (finding,) = found(converged(make.applied("t3", compiled=compiled), "/etc/shop/guard.log"), "disk.unreported")
    assert finding.subject == "Exec[a]"


@pytest.mark.parametrize(
    ("ref", "parameters", "path"),
    [
        ("File[/etc/a]", {}, "/etc/a"),
        ("File[a]", {"path": "/etc/a/"}, "/etc/a"),
        ("File[/etc/d]", {"recurse": True}, "/etc/d/x/y"),
        ("File_line[x]", {"path": "/etc/a"}, "/etc/a"),
        ("Ini_setting[x]", {"path": "/etc/a"}, "/etc/a"),
        ("Concat_file[x]", {"path": "/etc/a"}, "/etc/a"),
        ("Exec[anything]", {}, "/etc/a"),
        ("Nova_config[DEFAULT/x]", {}, "/etc/nova/nova.conf"),
        ("Package[x]", {}, "/usr/bin/x"),
    ],
)
def test_what_the_report_mentions_is_explained(ref: str, parameters: dict[str, object], path: str) -> None:
    compiled = make.catalog((ref, parameters))  # type: ignore[arg-type]  # values as in a catalog
    apply = make.applied("t3", make.resource(ref, make.event(), changed=True), compiled=compiled)
    assert found(converged(apply, path), "disk.unreported") == []


@pytest.mark.parametrize(
    ("ref", "parameters"),
    [
        ("File[/etc/other]", {}),
        ("File[/etc]", {}),  # its mode; not what is below it
        ("File[/etc/link]", {"target": "/etc/a"}),  # the link is written, not what it leads to
        ("Notify[hello]", {}),
    ],
)
def test_what_the_report_mentions_besides_explains_nothing(ref: str, parameters: dict[str, object]) -> None:
    compiled = make.catalog((ref, parameters))  # type: ignore[arg-type]  # values as in a catalog
    apply = make.applied("t3", make.resource(ref, make.event("mode"), changed=True), compiled=compiled)
    assert [each.evidence["path"] for each in found(converged(apply, "/etc/a"), "disk.unreported")] == ["/etc/a"]


def test_noop_and_audit_events_explain_nothing() -> None:
    apply = make.applied("t3", make.resource("File[/etc/a]", make.event(status="noop"), out_of_sync=True))
    assert len(found(converged(apply, "/etc/a"), "disk.unreported")) == 1


def test_a_removed_directory_explains_what_was_below_it() -> None:
    apply = make.applied("t3", make.resource("File[/etc/d]", make.event("ensure"), changed=True))
    assert found(converged(apply, make.changed("/etc/d/x", "removed")), "disk.unreported") == []


def test_places_that_releases_do_not_care_for_are_a_note() -> None:
    run = converged(make.applied("t3"), "/var/spool/x", "/mnt/y")
    assert found(run, "disk.unreported") == []
    (note,) = found(run, "disk.unmanaged")
    assert (note.severity, note.evidence) == ("info", {"count": 2, "paths": ["/var/spool/x", "/mnt/y"]})


def test_a_place_below_a_managed_directory_counts_wherever_it_is() -> None:
    compiled = make.catalog(("File[/data]", {"ensure": "directory"}))
    run = converged(make.applied("t3", compiled=compiled), "/data/x", "/database/x")
    assert [each.evidence["path"] for each in found(run, "disk.unreported")] == ["/data/x"]


def test_what_is_written_with_the_same_content_is_one_note() -> None:
    run = converged(make.applied("t3"), make.changed("/etc/a", "touched"), make.changed("/etc/b", "touched"))
    (note,) = disk.check(run)
    assert (note.rule, note.means, note.evidence["count"]) == ("disk.touched", "note", 2)


def test_a_path_that_each_run_writes_is_told_once() -> None:
    run = converged(make.applied("t3"), "/etc/a")
    run = make.with_phase(run, replace(make.phase("again", make.applied("t4")), disk=make.disk("/etc/a", "/etc/b")))
    told = [(each.phase, each.evidence["path"]) for each in found(run, "disk.unreported")]
    assert told == [("converge", "/etc/a"), ("again", "/etc/b")]


def test_many_paths_are_counted() -> None:
    findings = found(converged(make.applied("t3"), *(f"/etc/{n:03}" for n in range(25))), "disk.unreported")
    assert len(findings) == 21
    assert findings[-1].subject == "5 more paths"
    assert findings[-1].evidence == {"count": 5, "paths": [f"/etc/{n:03}" for n in range(20, 25)]}


def quiet(name: str = "a note", start: float = 1.0, **changes: object) -> Task:
    shell = {"module": "ansible.builtin.shell", "changed": False, "start": start, "end": start + 0.9}
    return make.task(name, **{**shell, **changes})


def test_a_task_that_hides_its_change_is_found() -> None:
    run = upgraded((make.span("a note", 1.0, 2.0, "/etc/notes", "/tmp/x"),), (quiet(),), "/etc/notes")
    (finding,) = found(run, "disk.task-said-ok")
    assert (finding.subject, finding.means, finding.phase) == ("a note", "diverged", "upgrade")
    assert str(finding.declared_at) == "upgrade.yml:1"
    assert finding.evidence["paths"] == ["/etc/notes"]


def test_a_task_that_owns_up_is_silent() -> None:
    run = upgraded((make.span("a note", 1.0, 2.0, "/etc/notes"),), (quiet(changed=True),), "/etc/notes")
    assert found(run, "disk.task-said-ok") == []


@pytest.mark.parametrize("change", [make.changed("/etc/notes", "touched"), make.changed("/mnt/notes", "added")])
def test_writes_that_change_nothing_of_matter_are_silent(change: PathChange) -> None:
    run = upgraded((make.span("a note", 1.0, 2.0, change.path),), (quiet(),), change)
    assert found(run, "disk.task-said-ok") == []


def test_what_a_task_writes_and_takes_back_is_silent() -> None:
    run = upgraded((make.span("a note", 1.0, 2.0, "/etc/notes"),), (quiet(),))
    assert found(run, "disk.task-said-ok") == []


@pytest.mark.parametrize("module", ["debug", "skipped", "none"])
def test_writes_while_no_task_can_have_written_are_a_note(module: str) -> None:
    results = {
        "debug": (quiet(module="ansible.builtin.debug"),),
        "skipped": (quiet(status="skipped"),),
        "none": (quiet("another", start=7.0),),
    }[module]
    run = upgraded((make.span("a note", 1.0, 2.0, "/etc/notes"),), results, "/etc/notes")
    assert found(run, "disk.task-said-ok") == []
    (note,) = found(run, "disk.no-task")
    assert note.evidence["paths"] == ["/etc/notes"]


@pytest.mark.parametrize(("at", "count"), [(1.5, 0), (3.5, 1), (0.0, 0)])
def test_of_a_path_that_two_tasks_wrote_the_last_write_counts(at: float, count: int) -> None:
    spans = (make.span("owns up", 1.0, 2.0, "/etc/a"), make.span("a note", 3.0, 4.0, "/etc/a"))
    results = (quiet("owns up", changed=True), quiet(start=3.0))
    assert len(found(upgraded(spans, results, make.changed("/etc/a", at=at)), "disk.task-said-ok")) == count


def test_one_changed_item_is_enough_to_own_up() -> None:
    results = (quiet(item="a"), quiet(item="b", changed=True, end=1.95))
    assert found(upgraded((make.span("a note", 1.0, 2.0, "/etc/a"),), results, "/etc/a"), "disk.task-said-ok") == []


def test_a_task_that_runs_in_several_steps_is_told_once() -> None:
    spans = (make.span("a note", 1.0, 2.0, "/etc/a"), make.span("a note", 3.0, 4.0, "/etc/b"))
    (finding,) = found(upgraded(spans, (quiet(), quiet(start=3.0)), "/etc/a", "/etc/b"), "disk.task-said-ok")
    assert finding.evidence["paths"] == ["/etc/a", "/etc/b"]


def test_paths_of_the_upgrade_that_no_resource_manages_are_listed() -> None:
    compiled = make.catalog(
        ("File[/etc/a]", {}),
        ("Nova_config[x/y]", {}),
        ("Service[app]", {"enable": True}),
    )
    managed = (
        "/etc/a",
        "/etc/nova/nova.conf",
        "/etc/systemd/system/multi-user.target.wants/app.service",
        "/etc/rc2.d/S01app",
    )
    loose = ("/etc/b", "/etc/systemd/system/app.service", "/etc/rc2.d/S01app2")
    run = converged(make.applied("t3", compiled=compiled))
    run = make.with_phase(
        run, replace(make.phase("upgrade", ansible=(make.tasks(),)), disk=make.disk(*managed, *loose))
    )
    (note,) = found(run, "disk.unmanaged")
    assert (note.phase, note.means, note.evidence["paths"]) == ("upgrade", "note", list(loose))
