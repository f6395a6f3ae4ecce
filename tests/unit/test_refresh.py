"""What counts as a lost notification, and what does not."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Literal

import pytest
from pydantic import JsonValue

from tests.unit import builders
from tests.unit.builders import applied, event, phase, resource, task, tasks
from validator.checks import commands, refresh, relations
from validator.checks.commands import Line
from validator.findings import Finding
from validator.record import (
    AnsibleRun,
    Catalog,
    Content,
    DiskSeen,
    PackageChange,
    PathChange,
    Place,
    ProbeSeen,
    Proof,
    PuppetRun,
    Replay,
    Resource,
    Run,
    ServicesSeen,
    Side,
    Task,
    TaskSpan,
    UnitEvent,
    UnitState,
)
from validator.redact import MARK

Declared = tuple[str, dict[str, JsonValue]]

# The upgrade begins at 1000, writes at 1010 and ends at 1100; Puppet converges from 1200 on.
BEGIN, WRITE, END, CONVERGE = 1000.0, 1010.0, 1100.0, 1200.0
CONF = "/etc/nova/nova.conf"
SERVICE: Declared = ("Service[nova-api]", {"ensure": "running"})
SYNC: Declared = ("Exec[nova-db-sync]", {"command": "/usr/bin/nova-manage  db sync", "refreshonly": True})


def file(path: str = CONF, /, *targets: str, **given: JsonValue) -> Declared:
    return f"File[{path}]", {"ensure": "file", "content": "x", "notify": list(targets), **given}


def change(
    path: str = CONF,
    kind: str = "content",
    *,
    at: float = WRITE,
    aspects: tuple[str, ...] = (),
    content: Content | None = None,
    modified: float = 0.0,
    is_a: Literal["file", "directory", "link"] = "file",
) -> PathChange:
    side = Side(kind=is_a, mode="0644", owner=0, group=0, size=1, modified=modified)
    return PathChange(
        path=path,
        kind=kind,
        aspects=aspects,
        before=None if kind == "added" else side,
        after=None if kind == "removed" else side,
        content=content,
        changed_at=at,
    )


def ini(*operations: dict[str, JsonValue]) -> Content:
    return Content(form="ini", diff="", patch=operations)


def option(path: str, value: JsonValue = "b") -> dict[str, JsonValue]:
    return {"op": "replace", "path": path, "value": value}


def unit(name: str = "nova-api.service", started: float = 900.0, *, active: str = "active", **more: str) -> UnitState:
    return UnitState(
        unit=name,
        load="loaded",
        active=active,
        enabled="enabled",
        pid=1,
        invocation=more.get("invocation", ""),
        started_at=started,
        aliases=tuple(more.get("aliases", "").split()),
    )


def unit_event(
    time: float, kind: Literal["started", "reloaded", "stopped"] = "started", invocation: str = ""
) -> UnitEvent:
    return UnitEvent(unit="nova-api.service", kind=kind, job="restart", invocation=invocation, time=time)


def catalog(*declared: Declared, edges: tuple[tuple[str, str], ...] = ()) -> Catalog:
    return replace(builders.catalog(*declared), edges=edges)


def run_of(
    *changes: PathChange,
    new: Catalog | tuple[Catalog, ...],
    ansible: AnsibleRun | None = None,
    units: tuple[UnitState, ...] = (),
    events: tuple[UnitEvent, ...] = (),
    packages: tuple[PackageChange, ...] = (),
    puppet: PuppetRun | None = None,
) -> Run:
    """An upgrade that makes these changes; Puppet finds everything in order unless `puppet` says something else."""
    catalogs = new if isinstance(new, tuple) else (new,)
    upgrade = replace(
        phase("upgrade", ansible=(ansible or tasks(),)),
        started=BEGIN,
        seconds=END - BEGIN,
        disk=DiskSeen(changes=changes, noise={}, packages=packages),
        services=ServicesSeen(events=events, states=units, before=units),
    )
    converge = [applied(f"c{number}", compiled=each) for number, each in enumerate(catalogs)]
    if puppet is not None:
        converge = [replace(puppet, catalog=catalogs[0])]
    healthy = builders.healthy()
    with_upgrade = builders.with_phase(healthy, upgrade)
    return builders.with_phase(with_upgrade, replace(phase("converge", *converge), started=CONVERGE))


def lost(run: Run) -> list[str]:
    return [finding.subject for finding in refresh.check(run)]


def only(run: Run) -> Finding:
    (finding,) = refresh.check(run)
    return finding


def with_services(run: Run, name: Literal["upgrade", "converge"], seen: ServicesSeen | None) -> Run:
    changed = run.phase(name)
    assert changed is not None
    return builders.with_phase(run, replace(changed, services=seen))


def without_services(run: Run) -> Run:
    return replace(run, subject=replace(run.subject, services=False))


def command(text: str, start: float = 1020.0, **changes: object) -> Task:
    made: dict[str, object] = {"module": "ansible.builtin.command", "args": {"cmd": text}, "start": start}
    return task("sync", **{**made, "end": start + 1, **changes})


def ran(*texts: str, start: float = 1020.0, **changes: object) -> AnsibleRun:
    return tasks(*(command(text, start, **changes) for text in texts))


NOVA = catalog(file(CONF, "Service[nova-api]"), SERVICE)
DATABASE = catalog(file(CONF, "Exec[nova-db-sync]"), SYNC)


class TestServices:
    def test_a_service_that_started_before_its_file_was_written_is_stale(self) -> None:
        finding = only(run_of(change(), new=NOVA, units=(unit(started=900.25),)))
        assert (finding.rule, finding.means, finding.phase) == ("refresh.lost", "diverged", "converge")
        assert finding.subject == "Service[nova-api]"
        assert finding.declared_at == Place(file="new.pp", line=2)
        assert finding.message == (
            "the refresh of Service[nova-api] was lost: /etc/nova/nova.conf was changed at 00:16:50.000 UTC, so that "
            "Puppet found File[/etc/nova/nova.conf] in order and notified nobody; "
            "nova-api.service last started at 00:15:00.250 UTC, never since"
        )
        assert finding.evidence == {
            "sources": [
                {
                    "resource": "File[/etc/nova/nova.conf]",
                    "declared_at": "new.pp:1",
                    "path": CONF,
                    "task": None,
                    "task_place": None,
                    "written_at": WRITE,
                }
            ],
            "written_at": WRITE,
            "target_at": 900.25,
            "path": CONF,
        }
        assert "Restart nova-api.service after the last write" in finding.hint

    def test_a_service_that_was_restarted_after_the_write_is_not(self) -> None:
        assert lost(run_of(change(), new=NOVA, units=(unit(started=1020.0),))) == []

    def test_a_start_in_the_moment_of_the_write_may_have_read_the_old_file(self) -> None:
        assert only(run_of(change(), new=NOVA, units=(unit(started=WRITE),))).evidence["target_at"] == WRITE

    def test_a_restart_that_only_the_journal_shows_counts(self) -> None:
        run = run_of(change(), new=NOVA, units=(unit(started=0.0),), events=(unit_event(1020.0),))
        assert lost(run) == []
        run = run_of(change(), new=NOVA, units=(unit(started=0.0),), events=(unit_event(1005.0),))
        assert lost(run) == ["Service[nova-api]"]

    def test_a_stop_or_a_reload_is_no_restart(self) -> None:
        seen = (unit_event(1020.0, "stopped"), unit_event(1021.0, "reloaded"))
        finding = only(run_of(change(), new=NOVA, units=(unit(),), events=seen))
        assert "A reload does not count" in finding.hint
        early = (unit_event(1005.0, "reloaded"),)
        assert "reload does not" not in only(run_of(change(), new=NOVA, units=(unit(),), events=early)).hint

    def test_a_reload_counts_where_the_service_declares_that_it_is_enough(self) -> None:
        declared: Declared = ("Service[nova-api]", {"ensure": "running", "restart": "systemctl reload nova-api"})
        new = catalog(file(CONF, "Service[nova-api]"), declared)
        run = run_of(change(), new=new, units=(unit(),), events=(unit_event(1020.0, "reloaded"),))
        assert lost(run) == []
        run = run_of(change(), new=new, units=(unit(),), events=(unit_event(1005.0, "reloaded"),))
        assert lost(run) == ["Service[nova-api]"]

    def test_a_program_that_began_before_the_write_read_the_old_file_though_it_was_ready_later(self) -> None:
        slow = unit(started=1009.0, invocation="i1")
        run = run_of(change(), new=NOVA, units=(slow,), events=(unit_event(1015.0, invocation="i1"),))
        assert lost(run) == ["Service[nova-api]"]

    def test_of_two_writes_with_a_restart_between_the_second_is_lost(self) -> None:
        new = catalog(file("/etc/a", "Service[nova-api]"), file("/etc/b", "Service[nova-api]"), SERVICE)
        finding = only(run_of(change("/etc/a"), change("/etc/b", at=1030.0), new=new, units=(unit(started=1020.0),)))
        assert finding.evidence["path"] == "/etc/b"
        assert [source["path"] for source in finding.evidence["sources"]] == ["/etc/b"]  # type: ignore[union-attr, index, call-overload]

    def test_the_restart_of_a_unit_counts_under_its_other_name(self) -> None:
        new = catalog(file(CONF, "Service[mysqld]"), ("Service[mysqld]", {"ensure": "running", "name": "mysql"}))
        known = unit("mariadb.service", 1020.0, aliases="mysql.service")
        assert lost(run_of(change(), new=new, units=(known,))) == []
        assert lost(run_of(change(), new=new, units=(replace(known, started_at=900.0),))) == ["Service[mysqld]"]
        # The journal knows the unit by its own name only.
        restarted = replace(unit_event(1020.0), unit="mariadb.service")
        stale = replace(known, started_at=0.0)
        assert lost(run_of(change(), new=new, units=(stale,), events=(restarted,))) == []

    def test_another_units_restart_does_not_count(self) -> None:
        units = (unit(), unit("nova-api-metadata.service", 1020.0))
        assert lost(run_of(change(), new=NOVA, units=units)) == ["Service[nova-api]"]
        started = (replace(unit_event(1020.0), unit="apache2.service"),)
        assert lost(run_of(change(), new=NOVA, units=(unit(),), events=started)) == ["Service[nova-api]"]

    def test_a_unit_that_is_down_though_it_is_to_run_was_not_restarted(self) -> None:
        assert lost(run_of(change(), new=NOVA, units=(unit(active="inactive"),))) == ["Service[nova-api]"]

    def test_a_program_whose_start_nobody_knows_is_dated_by_the_journal(self) -> None:
        for invocation in ("", "i1"):
            known = unit(started=0.0, invocation=invocation)
            run = run_of(change(), new=NOVA, units=(known,), events=(unit_event(1020.0, invocation=invocation),))
            assert lost(run) == []
        # Without an invocation the two cannot be told to be the same start.
        run = run_of(change(), new=NOVA, units=(unit(started=1009.0),), events=(unit_event(1020.0),))
        assert lost(run) == []

    def test_a_service_may_be_named_with_its_suffix(self) -> None:
        new = catalog(file(CONF, "Service[nova-api.service]"), ("Service[nova-api.service]", {"ensure": True}))
        assert lost(run_of(change(), new=new, units=(unit(started=1020.0),))) == []

    def test_a_unit_that_nobody_saw_start_was_not_restarted(self) -> None:
        finding = only(run_of(change(), new=NOVA))
        assert finding.means == "diverged"
        assert finding.message.endswith("nobody saw unit nova-api.service start")
        assert finding.evidence["target_at"] is None

    def test_a_unit_that_could_not_be_watched_is_unproven(self) -> None:
        blind = ServicesSeen(events=(), states=(), trouble="the journal did not take a marker")
        for seen in (blind, None):
            finding = only(with_services(run_of(change(), new=NOVA), "upgrade", seen))
            assert finding.means == "unproven"
            assert finding.message.endswith("start, for it was not watched")
        # A state at any other moment says when it last started.
        known = with_services(run_of(change(), new=NOVA), "converge", replace(blind, states=(unit(),)))
        assert only(known).means == "diverged"

    def test_a_start_that_a_border_between_tasks_shows_counts(self) -> None:
        span = TaskSpan(name="restart", place=None, start=1019.0, end=1021.0, units=(unit(started=1020.0),))
        ansible = replace(tasks(), spans=(span,))
        assert lost(run_of(change(), new=NOVA, units=(unit(started=0.0),), ansible=ansible)) == []

    @pytest.mark.parametrize("ensure", ["stopped", False, "false"])
    def test_a_service_that_is_to_be_stopped_has_nothing_to_read(self, ensure: JsonValue) -> None:
        new = catalog(file(CONF, "Service[nova-api]"), ("Service[nova-api]", {"ensure": ensure}))
        assert lost(run_of(change(), new=new, units=(unit(active="inactive"),))) == []

    def test_without_ensure_only_a_running_unit_needs_it(self) -> None:
        new = catalog(file(CONF, "Service[nova-api]"), ("Service[nova-api]", {"enable": True}))
        running = ServicesSeen(events=(), states=(unit(),))
        dead = ServicesSeen(events=(), states=(unit(active="inactive"),))
        assert lost(with_services(run_of(change(), new=new), "converge", running)) == ["Service[nova-api]"]
        assert lost(with_services(run_of(change(), new=new), "converge", dead)) == []
        assert lost(run_of(change(), new=new)) == []
        blind = ServicesSeen(events=(), states=(), trouble="the journal did not take a marker")
        assert only(with_services(run_of(change(), new=new), "converge", blind)).means == "unproven"

    def test_without_ensure_nobody_knows_whether_a_service_that_is_no_unit_runs(self) -> None:
        new = catalog(file(CONF, "Service[app]"), ("Service[app]", {"provider": "base", "start": "/opt/app/up"}))
        assert lost(run_of(change(), new=new)) == ["Service[app]"]
        dead = unit("app.service", active="inactive")
        assert lost(with_services(run_of(change(), new=new), "converge", ServicesSeen(events=(), states=(dead,)))) == []

    def test_a_reboot_between_upgrade_and_puppet_delivers(self) -> None:
        run = run_of(change(), new=NOVA, units=(unit(),))
        rebooted = replace(
            phase("fault", ansible=(tasks(),)),
            started=5000.0,
            services=ServicesSeen(events=(), states=(), before=(unit(started=4990.0),)),
            disk=DiskSeen(changes=(), noise={}),
        )
        assert lost(replace(run, phases=(*run.phases, rebooted))) == []
        # What the fault itself writes comes after that boot.
        faulty = replace(rebooted, disk=DiskSeen(changes=(change(at=5010.0),), noise={}))
        assert lost(replace(run, phases=(*run.phases, faulty))) == ["Service[nova-api]"]

    def test_puppet_that_restarts_or_starts_it_delivers(self) -> None:
        refreshed = applied("t3", resource("File[/b]", event()), resource("Service[nova-api]", event(None)))
        assert lost(run_of(change(), new=NOVA, units=(unit(),), puppet=refreshed)) == []
        started = replace(event("ensure"), previous="stopped", desired="running")
        assert lost(run_of(change(), new=NOVA, puppet=applied("t3", resource("Service[nova-api]", started)))) == []

    def test_a_restart_by_puppet_that_fails_delivers_nothing(self) -> None:
        failed = applied("t3", resource("Service[nova-api]", event(None, status="failure"), failed_to_restart=True))
        assert lost(run_of(change(), new=NOVA, units=(unit(),), puppet=failed)) == ["Service[nova-api]"]
        for name, value in (("enable", True), ("ensure", "stopped")):
            done = applied("t3", resource("Service[nova-api]", replace(event(name), desired=value)))
            assert lost(run_of(change(), new=NOVA, units=(unit(),), puppet=done)) == ["Service[nova-api]"]

    def test_only_services_and_execs_are_targets(self) -> None:
        new = catalog(file(CONF, "File[/b]", "Package[p]"), ("File[/b]", {}), ("Package[p]", {"refreshonly": True}))
        assert lost(run_of(change(), new=new)) == []


class TestServicesWithoutManager:
    @pytest.mark.parametrize(
        ("module", "args", "delivers"),
        [
            ("ansible.builtin.service", {"name": "nova-api", "state": "restarted"}, True),
            ("ansible.builtin.service", {"name": "nova-api", "state": "started"}, True),
            ("ansible.builtin.service", {"name": "nova-api", "state": "reloaded"}, False),
            ("ansible.builtin.service", {"name": "nova-api", "enabled": True}, False),
            ("ansible.builtin.debug", {"name": "nova-api", "state": "restarted"}, False),
            ("ansible.builtin.service", None, False),
            ("ansible.builtin.command", {"cmd": "service nova-api reload"}, False),
            ("ansible.builtin.service", {"name": "apache2", "state": "restarted"}, False),
            ("ansible.builtin.command", {"cmd": "service nova-api restart"}, True),
            ("ansible.builtin.command", {"cmd": "/etc/init.d/nova-api restart"}, True),
            ("ansible.builtin.command", {"cmd": "systemctl --no-block restart nova-api.service"}, True),
            ("ansible.builtin.command", {"cmd": "service nova-api status"}, False),
            ("ansible.builtin.command", {"cmd": "service apache2 restart"}, False),
        ],
    )
    def test_a_task_that_restarts_it_counts(self, module: str, args: JsonValue, *, delivers: bool) -> None:
        after = tasks(task("t", module=module, args=args, start=1020.0))
        assert lost(without_services(run_of(change(), new=NOVA, ansible=after))) == (
            [] if delivers else ["Service[nova-api]"]
        )
        before = tasks(task("t", module=module, args=args, start=1001.0))
        assert lost(without_services(run_of(change(), new=NOVA, ansible=before))) == ["Service[nova-api]"]

    def test_a_task_that_failed_or_found_it_running_does_not(self) -> None:
        restarted: JsonValue = {"name": "nova-api", "state": "restarted"}
        for changes in (
            {"args": restarted, "status": "failed"},
            {"args": {"name": "nova-api", "state": "started"}, "changed": False},
        ):
            failed = replace(task("t", module="service", start=1020.0), **changes)
            run = run_of(change(), new=NOVA, ansible=tasks(failed))
            assert lost(without_services(run)) == ["Service[nova-api]"]

    def test_a_reload_is_enough_where_the_service_says_so(self) -> None:
        declared: Declared = ("Service[nova-api]", {"ensure": "running", "restart": "/sbin/reload-it nova-api"})
        new = catalog(file(CONF, "Service[nova-api]"), declared)
        reloaded = tasks(
            task("t", module="service", args={"name": "nova-api.service", "state": "reloaded"}, start=1020.0)
        )
        assert lost(without_services(run_of(change(), new=new, ansible=reloaded))) == []
        assert lost(without_services(run_of(change(), new=new, ansible=ran("service nova-api reload")))) == []
        assert lost(without_services(run_of(change(), new=new, ansible=ran("service other reload"))))

    def test_where_units_are_watched_a_tasks_word_is_not_enough(self) -> None:
        said = tasks(task("t", module="service", args={"name": "nova-api", "state": "restarted"}, start=1020.0))
        assert lost(run_of(change(), new=NOVA, units=(unit(),), ansible=said)) == ["Service[nova-api]"]

    def test_a_service_with_commands_of_its_own_is_restarted_by_them(self) -> None:
        declared: Declared = ("Service[app]", {"ensure": "running", "provider": "base", "restart": "/opt/app/bounce"})
        new = catalog(file(CONF, "Service[app]"), declared)
        assert lost(run_of(change(), new=new, ansible=ran("/opt/app/bounce"))) == []
        assert lost(run_of(change(), new=new, ansible=ran("/opt/app/bounce", start=1001.0))) == ["Service[app]"]
        assert lost(without_services(run_of(change(), new=new, ansible=ran("bounce --now")))) == []


class TestExecs:
    def test_a_migration_that_no_task_ran_is_lost(self) -> None:
        finding = only(run_of(change(), new=DATABASE))
        assert finding.subject == "Exec[nova-db-sync]"
        assert finding.message.endswith("no task ran its command")
        assert "Run `/usr/bin/nova-manage  db sync` as a task" in finding.hint
        assert "`proves: ['Exec[nova-db-sync]']`" in finding.hint
        assert "`checks.confirm: replay`" in finding.hint

    def test_a_task_that_runs_it_after_the_write_delivers(self) -> None:
        assert lost(run_of(change(), new=DATABASE, ansible=ran("nova-manage --log-dir '' db sync"))) == []

    def test_a_handler_that_runs_it_delivers(self) -> None:
        assert lost(run_of(change(), new=DATABASE, ansible=ran("nova-manage db sync", handler=True))) == []

    def test_a_task_that_ran_it_before_the_write_does_not(self) -> None:
        finding = only(run_of(change(), new=DATABASE, ansible=ran("nova-manage db sync", start=1005.0)))
        assert finding.message.endswith("its command last ran at 00:16:45.000 UTC, never since")
        assert finding.evidence["target_at"] == 1005.0

    def test_the_clock_of_the_file_system_may_be_a_tick_ahead(self) -> None:
        assert lost(run_of(change(), new=DATABASE, ansible=ran("nova-manage db sync", start=WRITE - 0.01))) == []
        assert lost(run_of(change(), new=DATABASE, ansible=ran("nova-manage db sync", start=WRITE - 0.05)))

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "skipped"},
            {"status": "failed"},
            {"status": "ignored"},
            {"args": MARK},
            {"args": {"cmd": "nova-manage db sync", "creates": "/done"}, "changed": False},
            {"args": {"cmd": "nova-manage db sync", "removes": "/todo"}, "changed": False},
            {"args": {"cmd": "echo a; nova-manage db sync"}},
            {"module": "ansible.builtin.debug"},
            {"args": None},
            {"args": {"cmd": 7}},
        ],
    )
    def test_a_task_that_may_not_have_run_it_does_not_count(self, changes: dict[str, object]) -> None:
        result = replace(command("nova-manage db sync"), **changes)  # type: ignore[arg-type]  # any field
        assert lost(run_of(change(), new=DATABASE, ansible=tasks(result))) == ["Exec[nova-db-sync]"]

    def test_a_task_that_ran_because_its_guard_let_it_counts(self) -> None:
        done = ran("", args={"cmd": "nova-manage db sync", "creates": "/done"}, changed=True)
        assert lost(run_of(change(), new=DATABASE, ansible=done)) == []
        unchanged = ran("nova-manage db sync", changed=False)
        assert lost(run_of(change(), new=DATABASE, ansible=unchanged)) == []

    @pytest.mark.parametrize(
        ("module", "args"),
        [
            ("shell", {"_raw_params": "set -e\nsu -s /bin/sh -c 'nova-manage db sync' nova\n", "_uses_shell": True}),
            ("ansible.builtin.command", {"argv": ["/usr/bin/nova-manage", "db", "sync"]}),
            ("ansible.legacy.raw", {"_raw_params": "cd /opt && nova-manage db sync; echo done"}),
            ("ansible.builtin.command", {"_raw_params": "sudo -u nova nova-manage db sync"}),
            ("ansible.builtin.command", {"argv": [], "cmd": " ", "_raw_params": "nova-manage db sync"}),
            ("ansible.builtin.command", {"_raw_params": "echo a; nova-manage db sync", "_uses_shell": True}),
        ],
    )
    def test_any_module_that_runs_a_command_counts(self, module: str, args: JsonValue) -> None:
        assert lost(run_of(change(), new=DATABASE, ansible=ran("", module=module, args=args))) == []

    def test_a_hint_names_what_hides_or_guards_the_answer(self) -> None:
        guarded: Declared = ("Exec[nova-db-sync]", {**SYNC[1], "unless": "test -e /done"})
        new = catalog(file(CONF, "Exec[nova-db-sync]"), guarded)
        finding = only(run_of(change(), new=new, ansible=ran("x", args=MARK)))
        assert "`unless`" in finding.hint
        assert "no_log" in finding.hint
        for harmless in (ran("x"), ran("x", args=MARK, start=1005.0), ran("x", args=MARK, module="copy")):
            finding = only(run_of(change(), new=DATABASE, ansible=harmless))
            assert "no_log" not in finding.hint
            assert "Its own" not in finding.hint

    def test_only_an_exec_that_waits_for_a_refresh_can_lose_one(self) -> None:
        for value in (False, "false", None):
            new = catalog(file(CONF, "Exec[x]"), ("Exec[x]", {"command": "x", "refreshonly": value}))
            assert lost(run_of(change(), new=new)) == []
        new = catalog(file(CONF, "Exec[x]"), ("Exec[x]", {"command": "x", "refreshonly": "true"}))
        assert lost(run_of(change(), new=new)) == ["Exec[x]"]

    def test_an_exec_without_a_command_runs_its_title_and_one_with_refresh_runs_that(self) -> None:
        new = catalog(file(CONF, "Exec[a b]"), ("Exec[a b]", {"refreshonly": True}))
        assert lost(run_of(change(), new=new, ansible=ran("/bin/a b"))) == []
        new = catalog(file(CONF, "Exec[x]"), ("Exec[x]", {"refreshonly": True, "command": "c 1", "refresh": "r 1"}))
        assert lost(run_of(change(), new=new, ansible=ran("c 1"))) == ["Exec[x]"]
        assert lost(run_of(change(), new=new, ansible=ran("r 1"))) == []

    def test_a_command_may_be_a_list(self) -> None:
        new = catalog(file(CONF, "Exec[x]"), ("Exec[x]", {"refreshonly": True, "command": ["/bin/x", "a b", "c"]}))
        assert lost(run_of(change(), new=new, ansible=ran("x 'a b' c"))) == []
        finding = only(run_of(change(), new=new, ansible=ran("x a b c")))
        assert "Run `/bin/x a b c`" in finding.hint

    def test_ansibles_systemd_module_reloads_the_manager_as_systemctl_does(self) -> None:
        new = catalog(
            file("/etc/systemd/system/a.service", "Exec[reload]"),
            ("Exec[reload]", {"refreshonly": True, "command": "/bin/systemctl daemon-reload"}),
        )
        written = change("/etc/systemd/system/a.service")
        for value, found in ((True, []), ("yes", []), (False, ["Exec[reload]"])):
            args: JsonValue = {"daemon_reload": value, "name": "a"}
            done = ran("", module="ansible.builtin.systemd_service", args=args)
            assert lost(run_of(written, new=new, ansible=done)) == found
        given: JsonValue = {"daemon_reload": True}
        for other in (
            ran("", module="ansible.builtin.systemd_service", args=given, status="failed"),
            ran("", module="ansible.builtin.copy", args=given),
            ran("", module="ansible.builtin.systemd_service", args=None),
        ):
            assert lost(run_of(written, new=new, ansible=other)) == ["Exec[reload]"]
        reloaded = ran("", module="systemd", args=given)
        assert lost(run_of(change(), new=DATABASE, ansible=reloaded)) == ["Exec[nova-db-sync]"]

    def test_an_exec_that_restarts_a_unit_is_delivered_when_the_unit_was_restarted(self) -> None:
        declared: Declared = ("Exec[bounce]", {"refreshonly": True, "command": "/bin/systemctl restart nova-api"})
        new = catalog(file(CONF, "Exec[bounce]"), declared)
        assert lost(run_of(change(), new=new, units=(unit(started=1020.0),))) == []
        assert lost(run_of(change(), new=new, units=(unit(started=900.0),))) == ["Exec[bounce]"]
        said = tasks(task("t", module="service", args={"name": "nova-api", "state": "restarted"}, start=1020.0))
        assert lost(without_services(run_of(change(), new=new, ansible=said))) == []

    def test_an_exec_that_reloads_a_unit_is_delivered_by_its_reload(self) -> None:
        declared: Declared = ("Exec[again]", {"refreshonly": True, "command": "systemctl reload nova-api"})
        new = catalog(file(CONF, "Exec[again]"), declared)
        reloaded = (unit_event(1020.0, "reloaded"),)
        assert lost(run_of(change(), new=new, units=(unit(),), events=reloaded)) == []
        bounce = catalog(file(CONF, "Exec[b]"), ("Exec[b]", {**declared[1], "command": "service nova-api restart"}))
        assert lost(run_of(change(), new=bounce, units=(unit(),), events=reloaded)) == ["Exec[b]"]

    def test_puppet_that_runs_it_delivers(self) -> None:
        refreshed = applied("t3", resource("Exec[nova-db-sync]", event(None)))
        assert lost(run_of(change(), new=DATABASE, puppet=refreshed)) == []

    def test_unreadable_quoting_proves_nothing_and_stops_nothing(self) -> None:
        broken: Declared = ("Exec[x]", {"refreshonly": True, "command": "echo 'a"})
        new = catalog(file(CONF, "Exec[x]", "Exec[nova-db-sync]"), broken, SYNC)
        run = run_of(change(), new=new, ansible=ran("nova-manage 'db sync", 'nova-manage "db sync'))
        assert lost(run) == ["Exec[nova-db-sync]", "Exec[x]"]

    def test_hidden_commands_are_not_the_same_because_both_are_hidden(self) -> None:
        new = catalog(file(CONF, "Exec[x]"), ("Exec[x]", {"refreshonly": True, "command": MARK}))
        assert lost(run_of(change(), new=new, ansible=ran(MARK))) == ["Exec[x]"]


class TestProofs:
    def proved(self, pattern: str, *answers: tuple[Literal["upgrade", "converge"], str]) -> list[str]:
        run = run_of(change(), new=DATABASE)
        run = replace(run, subject=replace(run.subject, proofs=(Proof(probe="tables", resources=(pattern,)),)))
        for name, trouble in answers:
            seen = ProbeSeen(name="tables", exit_code=0, output="", trouble=trouble)
            changed = run.phase(name)
            assert changed is not None
            run = builders.with_phase(run, replace(changed, probes=(seen,)))
        return lost(run)

    def test_a_probe_that_passes_after_the_upgrade_proves_it(self) -> None:
        assert self.proved("Exec[nova-db-sync]", ("upgrade", "")) == []
        assert self.proved("Exec[nova-*]", ("upgrade", "")) == []
        assert self.proved("*", ("upgrade", "")) == []

    def test_the_brackets_of_a_reference_are_no_pattern(self) -> None:
        assert self.proved("Exec[glance-db-sync]", ("upgrade", ""))
        assert self.proved("Exec?nova-db-sync?", ("upgrade", ""))
        assert self.proved("Exec[nova-db]", ("upgrade", ""))

    def test_one_that_fails_or_is_not_evaluated_proves_nothing(self) -> None:
        assert self.proved("Exec[nova-db-sync]", ("upgrade", "no tables"))
        assert self.proved("Exec[nova-db-sync]")

    def test_one_that_passes_only_once_puppet_has_run_proves_nothing(self) -> None:
        assert self.proved("Exec[nova-db-sync]", ("upgrade", "no tables"), ("converge", ""))

    def test_one_that_is_evaluated_after_puppet_only_proves_it_there(self) -> None:
        assert self.proved("Exec[nova-db-sync]", ("converge", "")) == []

    def test_with_a_fault_it_must_pass_after_the_fault(self) -> None:
        passed = ProbeSeen(name="tables", exit_code=0, output="", trouble="")
        run = run_of(change(), new=DATABASE)
        run = replace(run, subject=replace(run.subject, proofs=(Proof(probe="tables", resources=("Exec[*]",)),)))
        upgrade = run.phase("upgrade")
        assert upgrade is not None
        run = builders.with_phase(run, replace(upgrade, probes=(passed,)))
        fault = phase("fault", ansible=(tasks(),))
        assert lost(replace(run, phases=(*run.phases, fault)))
        assert lost(replace(run, phases=(*run.phases, replace(fault, probes=(passed,))))) == []


class TestManagedFiles:
    def found(self, declared: Declared, *changes: PathChange) -> bool:
        return bool(lost(run_of(*changes, new=catalog(declared, SERVICE), units=(unit(),))))

    def test_a_mode_counts_only_where_the_resource_manages_it(self) -> None:
        metadata = change(kind="metadata", aspects=("mode",))
        assert not self.found(file(CONF, "Service[nova-api]"), metadata)
        assert not self.found(file(CONF, "Service[nova-api]", owner="root"), metadata)
        assert self.found(file(CONF, "Service[nova-api]", mode="0640"), metadata)

    def test_a_rewrite_of_the_same_content_never_counts(self) -> None:
        assert not self.found(file(CONF, "Service[nova-api]", mode="0640"), change(kind="touched"))

    def test_content_counts_only_where_the_resource_manages_it(self) -> None:
        bare: Declared = (f"File[{CONF}]", {"ensure": "file", "notify": "Service[nova-api]"})
        assert not self.found(bare, change())
        assert self.found(bare, change(kind="added"))
        assert self.found(bare, change(kind="type"))
        assert self.found((f"File[{CONF}]", {"source": "puppet:///x", "notify": "Service[nova-api]"}), change())
        assert not self.found((f"File[{CONF}]", {"mode": "0644", "notify": "Service[nova-api]"}), change(kind="added"))

    def test_an_empty_content_is_content(self) -> None:
        assert self.found(file(CONF, "Service[nova-api]", content=""), change())

    def test_a_change_that_means_the_same_still_is_a_change_of_a_whole_file(self) -> None:
        assert self.found(file(CONF, "Service[nova-api]"), change(content=ini()))

    def test_replace_false_leaves_existing_content_alone(self) -> None:
        assert not self.found(file(CONF, "Service[nova-api]", replace=False), change())
        assert self.found(file(CONF, "Service[nova-api]", replace=False), change(kind="added"))

    def test_a_link_counts_by_its_target(self) -> None:
        link: Declared = ("File[/etc/x]", {"ensure": "link", "target": "/y", "notify": "Service[nova-api]"})
        assert self.found(link, change("/etc/x", is_a="link"))
        assert not self.found(file("/etc/x", "Service[nova-api]"), change("/etc/x", is_a="link"))
        for given in ({"ensure": "link"}, {"ensure": "/y"}, {"target": "/y"}):
            told: Declared = ("File[/etc/x]", {"notify": "Service[nova-api]", **given})
            assert self.found(told, change("/etc/x", is_a="link"))
            assert self.found(told, change("/etc/x", "added"))

    def test_a_file_that_is_only_given_content_is_made_too(self) -> None:
        assert self.found(file(CONF, "Service[nova-api]", ensure=None), change(kind="added"))
        assert self.found(file(CONF, "Service[nova-api]"), replace(change(), after=None))

    def test_the_removal_of_what_is_to_be_absent_counts(self) -> None:
        gone: Declared = (f"File[{CONF}]", {"ensure": "absent", "notify": "Service[nova-api]"})
        assert self.found(gone, change(kind="removed"))

    def test_the_path_is_a_parameter_or_the_title(self) -> None:
        named: Declared = ("File[conf]", {"path": f"{CONF}/", "content": "x", "notify": "Service[nova-api]"})
        assert self.found(named, change())
        assert not self.found(file("/etc/other", "Service[nova-api]"), change())

    def test_a_directory_that_recurses_brings_what_is_in_its_source(self) -> None:
        tree = file("/etc/d", "Service[nova-api]", ensure="directory", content=None, recurse=True, source="puppet:///d")
        assert self.found(tree, change("/etc/d/a/b"))
        assert not self.found(tree, change("/etc/dd/a"))
        for value in (None, False, "false"):
            assert not self.found(("File[/etc/d]", {**tree[1], "recurse": value}), change("/etc/d/a"))
        kept: Declared = ("File[/etc/d]", {**tree[1], "replace": False})
        assert not self.found(kept, change("/etc/d/a"))
        assert self.found(kept, change("/etc/d/a", "added"))
        assert not self.found(("File[/etc/d]", {**tree[1], "source": None}), change("/etc/d/a"))
        assert not self.found(("File[/etc/d]", {**tree[1], "ignore": "*.bak"}), change("/etc/d/a.bak"))
        new = catalog(tree, SERVICE)
        finding = only(run_of(change("/etc/d/a"), change("/etc/d/b"), new=new, units=(unit(),)))
        assert "File[/etc/d] (and 1 more source) in order" in finding.message
        assert refresh.candidates(run_of(change("/etc/d/a"), new=new))[0].paths == ("/etc/d/a",)

    def test_a_directory_that_purges_takes_away_what_nothing_declares(self) -> None:
        purged = file("/etc/d", "Service[nova-api]", ensure="directory", content=None, recurse=True, purge=True)
        assert self.found(purged, change("/etc/d/old", "removed"))
        assert not self.found(purged, change("/etc/d/a"))
        new = catalog(purged, ("File[/etc/d/own]", {"ensure": "absent"}), SERVICE)
        assert lost(run_of(change("/etc/d/own", "removed"), new=new, units=(unit(),))) == []

    def test_a_file_of_fragments_is_written_as_a_whole(self) -> None:
        whole: Declared = ("Concat_file[x]", {"path": "/etc/x", "notify": "Service[nova-api]"})
        assert self.found(whole, change("/etc/x"))
        metadata = change("/etc/x", "metadata", aspects=("mode",))
        assert not self.found(whole, metadata)
        assert self.found((whole[0], {**whole[1], "mode": "0640"}), metadata)
        fragment: Declared = ("Concat_fragment[x]", {"target": "/etc/x", "notify": "Service[nova-api]"})
        assert not self.found(fragment, change("/etc/x"))

    @pytest.mark.parametrize(
        "declared",
        [
            ("File_line[x]", {"path": "/etc/x"}),
            ("Postgresql_conf[max_connections]", {"target": "/etc/x"}),
            ("Shellvar[x]", {"target": "/etc/x"}),
            ("K5login[/etc/x]", {}),
            ("Augeas[x]", {"incl": "/etc/x", "lens": "L.l"}),
            ("Augeas[x]", {"context": "/files/etc/x", "changes": "set a 1"}),
            ("Augeas[x]", {"changes": ["set /files/etc/x/a/b 1"]}),
            ("Exec[make]", {"creates": "/etc/x", "command": "make"}),
        ],
    )
    def test_other_types_with_a_path_count_by_it(self, declared: Declared) -> None:
        told = (declared[0], {**declared[1], "notify": "Service[nova-api]"})
        assert self.found(told, change("/etc/x", "added"))
        assert not self.found(told, change("/etc/y", "added"))

    def test_a_checkout_is_all_that_is_in_its_directory(self) -> None:
        for told in (("Vcsrepo[/opt/app]", {}), ("Vcsrepo[app]", {"path": "/opt/app"})):
            declared: Declared = (told[0], {**told[1], "notify": "Service[nova-api]"})
            assert self.found(declared, change("/opt/app/lib/a.py"))
            assert not self.found(declared, change("/opt/apps/a.py"))
            assert not self.found(declared, change("/opt/app/lib/a.py", "metadata", aspects=("mode",)))

    @pytest.mark.parametrize("ref", ["Mysql_grant[nova@%/nova.*]", "Rabbitmq_user[nova]", "Ini_setting[DEFAULT/x]"])
    def test_types_of_which_nothing_is_known_are_no_sources(self, ref: str) -> None:
        every = (change(CONF, content=ini(option("/DEFAULT/x"))), change("/etc/mysql/my.cnf"), change("/etc/ini/i.ini"))
        assert not self.found((ref, {"notify": "Service[nova-api]"}), *every)

    @pytest.mark.parametrize("kind", ["User", "Cron", "Service", "Exec", "Mount", "Host", "Tidy", "Anchor"])
    def test_types_whose_state_no_path_shows_are_no_sources(self, kind: str) -> None:
        told: Declared = (f"{kind}[/etc/x]", {"path": "/etc/x", "target": "/etc/x", "notify": "Service[nova-api]"})
        assert not self.found(told, change("/etc/x", "added"))

    def test_a_defined_type_is_no_source_though_it_has_a_path(self) -> None:
        define: Declared = ("Apache::Vhost[x]", {"path": "/etc/x", "notify": "Service[nova-api]"})
        assert not self.found(define, change("/etc/x"))
        new = catalog(("Concat[x]", {"path": "/etc/x", "notify": "Service[nova-api]"}), ("File[/etc/y]", {}), SERVICE)
        run = run_of(change("/etc/x"), new=replace(new, edges=(("Concat[x]", "File[/etc/y]"),)), units=(unit(),))
        assert lost(run) == []

    def test_noop_on_either_side_means_that_puppet_sends_nothing(self) -> None:
        assert not self.found(file(CONF, "Service[nova-api]", noop=True), change())
        new = catalog(file(CONF, "Service[nova-api]"), ("Service[nova-api]", {"ensure": "running", "noop": True}))
        assert lost(run_of(change(), new=new, units=(unit(),))) == []


class TestOptions:
    def found(self, declared: Declared, *changes: PathChange) -> bool:
        told = (declared[0], {"notify": "Service[nova-api]", **declared[1]})
        return bool(lost(run_of(*changes, new=catalog(told, SERVICE), units=(unit(),))))

    def test_an_option_counts_where_the_patch_touches_it(self) -> None:
        setting: Declared = ("Ini_setting[x]", {"path": CONF, "section": "db", "setting": "url"})
        assert self.found(setting, change(content=ini(option("/db/url"))))
        assert self.found(setting, change(content=ini(option("/db/url/0"))))
        assert not self.found(setting, change(content=ini(option("/db/urls"))))
        assert not self.found(setting, change(content=ini(option("/other/url"))))

    def test_a_comment_or_a_space_changes_no_option(self) -> None:
        setting: Declared = ("Ini_setting[x]", {"path": CONF, "section": "db", "setting": "url"})
        assert not self.found(setting, change(content=ini()))
        assert not self.found(("Nova_config[db/url]", {"value": "x"}), change(content=ini()))

    def test_a_section_that_comes_or_goes_takes_its_options_along(self) -> None:
        setting: Declared = ("Ini_subsetting[x]", {"path": CONF, "section": "db", "setting": "url"})
        assert self.found(setting, change(content=ini({"op": "remove", "path": "/db"})))
        assert self.found(setting, change(content=ini({"op": "add", "path": "/db", "value": {"URL": "x"}})))
        assert not self.found(setting, change(content=ini({"op": "add", "path": "/db", "value": {"other": "x"}})))
        assert self.found(setting, change(content=ini({"op": "add", "path": "/db", "value": MARK})))
        assert self.found(setting, change(content=ini({"op": "replace", "path": "", "value": {}})))
        assert self.found(setting, change(content=ini({"op": "move", "from": "/db/url", "path": "/x/y"})))

    def test_without_a_patch_any_change_of_the_content_counts(self) -> None:
        setting: Declared = ("Ini_setting[x]", {"path": CONF, "section": "db", "setting": "url"})
        assert self.found(setting, change(content=Content(form="ini", patch=None)))
        assert self.found(setting, change(content=Content(form="text")))
        assert self.found(setting, change(content=Content(form="yaml", patch=())))
        assert self.found(setting, change(kind="added"))
        assert not self.found(setting, change(kind="metadata", aspects=("mode",)))

    def test_options_without_a_section_are_found(self) -> None:
        setting: Declared = ("Ini_setting[x]", {"path": CONF, "section": "", "setting": "url"})
        for pointer in ("/url", "//url", "/DEFAULT/url"):
            assert self.found(setting, change(content=ini(option(pointer))))
        assert not self.found(setting, change(content=ini(option("/db/url"))))

    def test_a_section_without_a_setting_is_all_of_it(self) -> None:
        section: Declared = ("Ini_setting[x]", {"path": CONF, "section": "db"})
        assert self.found(section, change(content=ini(option("/db/url"))))
        assert not self.found(section, change(content=ini(option("/x/url"))))
        assert not self.found(section, change(content=ini(option("/url"))))

    def test_an_option_that_is_to_be_absent_has_no_value(self) -> None:
        gone: Declared = ("Nova_config[a/b]", {"ensure": "absent"})
        assert self.found(gone, change(content=ini({"op": "remove", "path": "/a/b"})))

    def test_a_domain_of_keystone_has_its_own_file(self) -> None:
        setting: Declared = ("Keystone_domain_config[tenants::ldap/url]", {"value": "x"})
        touched = change("/etc/keystone/domains/keystone.tenants.conf", content=ini(option("/ldap/url")))
        assert self.found(setting, touched)
        named: Declared = ("Nova_config[a::b/c]", {"value": "x"})
        assert self.found(named, change(content=ini(option("/a::b/c"))))
        assert not self.found(named, change(content=ini(option("/b/c"))))

    def test_names_are_escaped_in_a_pointer(self) -> None:
        setting: Declared = ("Nova_api_paste_ini[app:a~b/x/y]", {"value": "x"})
        touched = change("/etc/nova/api-paste.ini", content=ini(option("/app:a~0b/x~1y")))
        assert self.found(setting, touched)

    @pytest.mark.parametrize(
        ("kind", "path"),
        [
            ("Nova_config", "/etc/nova/nova.conf"),
            ("Nova_config", "/var/lib/config-data/puppet-generated/nova/etc/nova/nova.conf"),
            ("Nova_api_paste_ini", "/etc/nova/api-paste.ini"),
            ("Nova_rootwrap_config", "/etc/nova/rootwrap.conf"),
            ("Nova_api_metadata_uwsgi_config", "/etc/nova/nova-api-metadata-uwsgi.ini"),
            ("Glance_api_config", "/etc/glance/glance-api.conf"),
            ("Ironic_inspector_config", "/etc/ironic-inspector/inspector.conf"),
            ("Neutron_plugin_ml2", "/etc/neutron/plugins/ml2/ml2_conf.ini"),
            ("Neutron_agent_ovs", "/etc/neutron/plugins/ml2/openvswitch_agent.ini"),
            ("Neutron_l3_agent_config", "/etc/neutron/l3_agent.ini"),
        ],
    )
    def test_a_type_finds_its_file(self, kind: str, path: str) -> None:
        assert self.found((f"{kind}[DEFAULT/x]", {"value": "1"}), change(path, content=ini(option("/DEFAULT/x"))))
        assert not self.found((f"{kind}[DEFAULT/x]", {"value": "1"}), change(path, content=ini(option("/DEFAULT/y"))))

    @pytest.mark.parametrize(
        ("kind", "path"),
        [
            ("Nova_config", "/etc/placement/placement.conf"),
            ("Nova_config", "/etc/nova/nova.conf.newton"),
            ("Nova_config", "/root/nova/nova.conf"),
            ("Nova_config", "/etc/nova/backup/nova.conf"),
            ("Nova_api_paste_ini", "/etc/nova/nova.conf"),
            ("Neutron_dhcp_agent_config", "/etc/neutron/l3_agent.ini"),
        ],
    )
    def test_and_no_other_services_or_copies(self, kind: str, path: str) -> None:
        touched = change(path, content=ini(option("/DEFAULT/x")))
        assert not self.found((f"{kind}[DEFAULT/x]", {"value": "1"}), touched)

    def test_the_file_of_the_services_own_name_is_the_one(self) -> None:
        both = (
            change(CONF, content=ini(option("/DEFAULT/y"))),
            change("/etc/nova/rootwrap.conf", content=ini(option("/DEFAULT/x"))),
        )
        assert not self.found(("Nova_config[DEFAULT/x]", {"value": "1"}), *both)

    def test_a_file_without_structure_counts_in_the_services_own_directory_only(self) -> None:
        setting: Declared = ("Nova_config[DEFAULT/x]", {"value": "1"})
        assert self.found(setting, change(CONF, "added"))
        for content in (None, Content(form="text"), Content(form="ini"), Content(form="yaml", patch=())):
            assert not self.found(setting, change("/etc/apache2/sites-available/nova.conf", content=content))
        libvirt: Declared = ("Libvirtd_config[log_level]", {"value": "1"})
        assert self.found(libvirt, change("/etc/libvirt/libvirtd.conf", content=Content(form="text")))
        assert self.found(libvirt, change("/etc/libvirtd.d/libvirtd.conf", content=Content(form="text")))

    def test_a_path_of_its_own_beats_the_name_of_the_type(self) -> None:
        setting: Declared = ("Nova_config[DEFAULT/x]", {"value": "1", "path": "/opt/n.conf"})
        assert self.found(setting, change("/opt/n.conf", content=ini(option("/DEFAULT/x"))))
        assert not self.found(setting, change(CONF, content=ini(option("/DEFAULT/x"))))

    def test_every_option_of_a_file_is_a_source_and_they_are_one_finding(self) -> None:
        names = [f"Nova_config[a/{number:02}]" for number in range(30)]
        declared: list[Declared] = [(name, {"value": "1", "notify": "Service[nova-api]"}) for name in names]
        patch = ini(*(option(f"/a/{number:02}") for number in range(29)))
        finding = only(run_of(change(content=patch), new=catalog(*declared, SERVICE), units=(unit(),)))
        assert "Nova_config[a/00] (and 28 more sources)" in finding.message
        assert len(finding.evidence["sources"]) == 20  # type: ignore[arg-type]  # a list


class TestPackages:
    def found(
        self, ensure: JsonValue, before: str, after: str, *, started: float = 900.0, ansible: AnsibleRun | None = None
    ) -> bool:
        declared: Declared = ("Package[api]", {"name": "nova-api", "ensure": ensure, "notify": "Service[nova-api]"})
        changed = PackageChange(name="nova-api", before=before, after=after)
        listed = change("/var/lib/dpkg/info/nova-api.list", at=1040.0)
        changes = () if ansible else (listed,)
        new = catalog(declared, SERVICE)
        run = run_of(*changes, new=new, packages=(changed,), units=(unit(started=started),), ansible=ansible)
        return bool(lost(run))

    def test_puppet_would_have_installed_it(self) -> None:
        assert self.found("present", "", "1")
        assert not self.found("absent", "", "1")

    def test_puppet_would_not_have_upgraded_what_is_only_to_be_there(self) -> None:
        assert not self.found("installed", "1", "2")
        assert self.found("latest", "1", "2")
        assert self.found("2", "1", "2")

    def test_puppet_would_have_removed_it(self) -> None:
        assert self.found("purged", "1", "")

    def test_dpkg_says_when_it_was_unpacked(self) -> None:
        assert not self.found("present", "", "1", started=1041.0)
        assert self.found("present", "", "1", started=1039.0)

    def test_else_the_end_of_the_task_that_names_it_does(self) -> None:
        for args in ({"name": ["x", "nova-api=2.0"]}, {"upgrade": "dist"}):
            done = tasks(task("packages", module="ansible.builtin.apt", args=args, start=1040.0, end=1050.0))
            assert not self.found("present", "", "1", started=1051.0, ansible=done)
            assert self.found("present", "", "1", started=1049.0, ansible=done)
        assert self.found("present", "", "1", started=1051.0, ansible=tasks())

    def test_dpkg_knows_packages_by_architecture_too(self) -> None:
        declared: Declared = ("Package[nova-api]", {"notify": "Service[nova-api]"})
        changed = PackageChange(name="nova-api", before="", after="1")
        others = ("nova-api-common.list", "nova-api:amd64.md5sums", "nova.list")
        for name, at in (("nova-api:amd64.list", 1040.0), ("nova-api-common.list", 1040.0)):
            listed = (
                change(f"/var/lib/dpkg/info/{name}", at=at),
                *(change(f"/var/lib/dpkg/info/{other}", at=1001.0) for other in others if other != name),
            )
            run = run_of(*listed, new=catalog(declared, SERVICE), packages=(changed,), units=(unit(started=1041.0),))
            assert lost(run) == ([] if name == "nova-api:amd64.list" else ["Service[nova-api]"])

    def test_a_task_that_changed_no_package_says_nothing_of_its_time(self) -> None:
        args: JsonValue = {"name": "nova-api"}
        for other in (
            task("t", module="apt", args=args, changed=False),
            task("t", module="apt", args=args, status="failed"),
            task("t", module="copy", args=args),
            task("t", module="apt", args={"upgrade": "no", "name": "x"}),
            task("t", module="apt", args={"upgrade": {"odd": 1}, "name": [3, None]}),
            task("t", module="apt", args=None),
        ):
            done = tasks(replace(other, start=1040.0, end=1050.0))
            assert self.found("present", "", "1", started=1051.0, ansible=done)

    def test_a_package_of_another_name_is_another(self) -> None:
        declared: Declared = ("Package[nova]", {"notify": "Service[nova-api]"})
        changed = PackageChange(name="nova-api", before="", after="1")
        assert lost(run_of(new=catalog(declared, SERVICE), packages=(changed,), units=(unit(),))) == []

    def test_the_message_and_the_task_name_the_package(self) -> None:
        declared: Declared = ("Package[nova-api]", {"notify": "Service[nova-api]"})
        done = tasks(task("packages", module="apt", args={"name": "nova-api"}, start=1040.0, end=1050.0))
        changed = PackageChange(name="nova-api", before="", after="1")
        run = run_of(new=catalog(declared, SERVICE), packages=(changed,), units=(unit(),), ansible=done)
        assert "package nova-api was changed at 00:17:30.000 UTC by task 'packages'" in only(run).message
        assert refresh.candidates(run) == (refresh.Lost(target="Service[nova-api]", paths=()),)


class TestPuppetsOwnChanges:
    def test_a_file_that_puppet_changed_itself_has_sent_its_event(self) -> None:
        changed = applied("t3", resource(f"File[{CONF}]", event()))
        assert lost(run_of(change(), new=NOVA, units=(unit(),), puppet=changed)) == []

    def test_a_file_that_puppet_could_not_change_has_not(self) -> None:
        failed = applied("t3", resource(f"File[{CONF}]", event(status="failure"), failed=True))
        assert lost(run_of(change(), new=NOVA, units=(unit(),), puppet=failed)) == ["Service[nova-api]"]

    def test_a_file_of_fragments_reports_under_its_own_name(self) -> None:
        new = catalog(("Concat_file[x]", {"path": "/etc/x", "notify": "Service[nova-api]"}), SERVICE)
        changed = applied("t3", resource("File[/etc/x]", event()))
        assert lost(run_of(change("/etc/x"), new=new, units=(unit(),), puppet=changed)) == []
        line = catalog(("File_line[x]", {"path": "/etc/x", "notify": "Service[nova-api]"}), SERVICE)
        assert lost(run_of(change("/etc/x"), new=line, units=(unit(),), puppet=changed)) == ["Service[nova-api]"]

    def test_a_resource_that_was_only_refreshed_was_not_changed(self) -> None:
        setting: Declared = ("Ini_setting[x]", {"path": CONF, "notify": "Service[nova-api]"})
        refreshed = applied("t3", resource("Ini_setting[x]", event(None)))
        run = run_of(change(), new=catalog(setting, SERVICE), units=(unit(),), puppet=refreshed)
        assert lost(run) == ["Service[nova-api]"]


class TestTimesAndTasks:
    def spans(self, *named: tuple[str, float, float, tuple[str, ...]]) -> AnsibleRun:
        made = [
            TaskSpan(name=name, place=Place(file="up.yml", line=7), start=start, end=end, paths=paths)
            for name, start, end, paths in named
        ]
        return replace(tasks(task("by args", args={"path": CONF})), spans=tuple(made))

    def test_the_task_in_whose_span_it_was_written_is_named(self) -> None:
        ansible = self.spans(
            ("first", 1000.0, 1009.0, (CONF,)), ("second", 1009.5, 1011.0, (CONF,)), ("third", 1011.0, 1020.0, ("/b",))
        )
        finding = only(run_of(change(), new=NOVA, units=(unit(),), ansible=ansible))
        assert finding.left_by is not None
        assert finding.left_by.task == "second"
        assert finding.left_by.place == Place(file="up.yml", line=7)
        assert "by task 'second'" in finding.message
        assert finding.evidence["sources"][0]["task_place"] == "up.yml:7"  # type: ignore[index, call-overload]

    def test_a_write_that_no_span_and_no_argument_explains_is_the_last_spans_that_saw_the_path(self) -> None:
        ansible = replace(self.spans(("late", 1030.0, 1040.0, (CONF,))), tasks=(task("other"),))
        finding = only(run_of(change(), new=NOVA, units=(unit(),), ansible=ansible))
        assert finding.left_by is not None
        assert finding.left_by.task == "late"

    def test_of_two_phases_the_later_write_counts(self) -> None:
        run = run_of(change(), new=NOVA, units=(unit(),))
        fault = replace(phase("fault", ansible=(tasks(),)), disk=DiskSeen(changes=(change(at=1150.0),), noise={}))
        assert only(replace(run, phases=(*run.phases, fault))).evidence["written_at"] == 1150.0

    def test_else_the_last_task_whose_arguments_name_the_path(self) -> None:
        named = tasks(
            task("one", args={"dest": CONF}),
            task("two", args={"path": CONF}),
            task("three"),
            task("failed", args={"path": CONF}, status="failed"),
            task("hidden", args=MARK, changed=False),
        )
        finding = only(run_of(change(), new=NOVA, units=(unit(),), ansible=named))
        assert finding.left_by is not None
        assert finding.left_by.task == "two"

    def test_a_hidden_task_after_it_may_have_been_the_one(self) -> None:
        named = tasks(task("one", args={"dest": CONF}), task("two", args=MARK))
        assert only(run_of(change(), new=NOVA, units=(unit(),), ansible=named)).left_by is None

    def test_a_chmod_after_the_restart_does_not_make_the_content_newer(self) -> None:
        ansible = self.spans(("write", 1009.0, 1011.0, (CONF,)), ("chmod", 1029.0, 1031.0, (CONF,)))
        written = change(at=1030.0, aspects=("mode",), modified=1010.0)
        units = (unit(started=1020.0),)
        assert lost(run_of(written, new=NOVA, units=units, ansible=ansible)) == []
        # Puppet would have restarted it for the mode.
        managed = catalog(file(CONF, "Service[nova-api]", mode="0640"), SERVICE)
        assert lost(run_of(written, new=managed, units=units, ansible=ansible)) == ["Service[nova-api]"]
        # Without a sight of the write the time may have come along with a copy.
        assert lost(run_of(written, new=NOVA, units=units)) == ["Service[nova-api]"]
        assert lost(run_of(replace(written, aspects=()), new=NOVA, units=units, ansible=ansible))

    def test_where_the_time_is_unknown_the_files_own_counts_and_then_the_end_of_the_phase(self) -> None:
        unknown = change(at=0.0, modified=1010.0)
        assert lost(run_of(unknown, new=NOVA, units=(unit(started=1020.0),))) == []
        assert lost(run_of(unknown, new=NOVA, units=(unit(started=1005.0),)))
        for nothing in (change(at=0.0), change(at=0.0, modified=500.0)):
            assert lost(run_of(nothing, new=NOVA, units=(unit(started=1020.0),)))
            assert lost(run_of(nothing, new=NOVA, units=(unit(started=END + 1),))) == []

    def test_where_the_time_is_unknown_the_span_of_the_task_narrows_it(self) -> None:
        ansible = self.spans(("write", 1009.0, 1011.0, (CONF,)))
        for unknown in (change(at=0.0, modified=500.0), change(kind="removed", at=0.0)):
            gone = catalog(file(CONF, "Service[nova-api]", ensure="absent"), SERVICE)
            assert lost(run_of(unknown, new=gone, units=(unit(started=1012.0),), ansible=ansible)) == []
            assert lost(run_of(unknown, new=gone, units=(unit(started=1010.5),), ansible=ansible))


class TestCatalogs:
    def test_without_a_converging_run_or_its_catalog_nothing_is_said(self) -> None:
        run = run_of(change(), new=NOVA, units=(unit(),))
        assert list(refresh.check(builders.without_phase(run, "converge"))) == []
        assert list(refresh.check(builders.with_phase(run, phase("converge")))) == []
        assert list(refresh.check(builders.healthy())) == []

    def test_every_steps_catalog_counts(self) -> None:
        third = catalog(file(CONF, "Exec[nova-db-sync]"), SYNC)
        assert lost(run_of(change(), new=(third, NOVA), units=(unit(),))) == ["Exec[nova-db-sync]", "Service[nova-api]"]

    def test_a_source_and_a_target_of_different_steps_are_not_connected(self) -> None:
        apart = (catalog(file(CONF)), catalog(SERVICE))
        assert lost(run_of(change(), new=apart, units=(unit(),))) == []

    def test_the_last_step_says_how_the_service_is_to_be(self) -> None:
        stopped = catalog(file(CONF, "Service[nova-api]"), ("Service[nova-api]", {"ensure": "stopped"}))
        assert lost(run_of(change(), new=(stopped, NOVA), units=(unit(),))) == ["Service[nova-api]"]

    def test_an_exec_and_the_service_behind_it_are_both_lost(self) -> None:
        sync: Declared = (SYNC[0], {**SYNC[1], "notify": "Service[nova-api]"})
        new = catalog(file(CONF, "Exec[nova-db-sync]"), sync, SERVICE)
        assert lost(run_of(change(), new=new, units=(unit(),))) == ["Exec[nova-db-sync]", "Service[nova-api]"]

    def test_an_upgrade_that_changed_nothing_on_disk_lost_nothing(self) -> None:
        assert lost(run_of(new=NOVA, units=(unit(),))) == []
        run = run_of(change(), new=NOVA, units=(unit(),))
        upgrade = run.phase("upgrade")
        assert upgrade is not None
        assert lost(builders.with_phase(run, replace(upgrade, disk=None))) == []


class TestReplays:
    def replayed(self, *notable: Resource, paths: tuple[str, ...] = (CONF,), compiled: Catalog = NOVA) -> Run:
        run = run_of(change(), new=NOVA, units=(unit(),))
        puppet = applied("r", *notable, compiled=compiled)
        return replace(run, replays=(Replay(paths=paths, puppet=puppet),))

    def test_one_that_refreshes_the_target_confirms_it(self) -> None:
        refreshed = event(None, message="Triggered 'refresh' from 1 event")
        run = self.replayed(resource(f"File[{CONF}]", event()), resource("Service[nova-api]", refreshed))
        finding = only(run)
        assert finding.evidence["replay"] == "Triggered 'refresh' from 1 event"
        assert finding.message.endswith("; put back and replayed, Puppet says: Triggered 'refresh' from 1 event")

    def test_one_that_does_not_shows_that_it_is_not_needed(self) -> None:
        run = self.replayed(resource(f"File[{CONF}]", event()))
        assert lost(run) == []
        assert refresh.candidates(run) == (refresh.Lost(target="Service[nova-api]", paths=(CONF,)),)

    def test_one_in_which_the_old_file_is_in_order_too_shows_the_same(self) -> None:
        assert lost(self.replayed()) == []

    def test_one_in_which_the_old_file_is_in_order_for_another_declaration_says_nothing(self) -> None:
        other = catalog(file(CONF, "Service[nova-api]", content="y"), SERVICE)
        assert lost(self.replayed(compiled=other)) == ["Service[nova-api]"]

    def test_one_in_which_an_exec_was_refreshed_and_held_back_shows_that_it_is_not_needed(self) -> None:
        changed, refreshed = resource(f"File[{CONF}]", event()), resource("Exec[nova-db-sync]", event(None))
        for executed, found in (
            (None, ["Exec[nova-db-sync]"]),
            (("Exec[nova-db-sync]",), ["Exec[nova-db-sync]"]),
            (("Exec[x]",), []),
        ):
            puppet = applied("r", changed, refreshed, compiled=DATABASE)
            assert puppet.report is not None
            puppet = replace(puppet, report=replace(puppet.report, executed=executed))
            run = run_of(change(), new=DATABASE)
            assert lost(replace(run, replays=(Replay(paths=(CONF,), puppet=puppet),))) == found

    def test_one_that_changed_a_file_of_fragments_speaks_for_the_resource_that_made_it(self) -> None:
        new = catalog(("Concat_file[x]", {"path": CONF, "notify": "Service[nova-api]"}), SERVICE)
        run = run_of(change(), new=new, units=(unit(),))
        made, target = resource(f"File[{CONF}]", event()), resource("Service[nova-api]", event(None))
        puppet = applied("r", made, target, compiled=new)
        finding = only(replace(run, replays=(Replay(paths=(CONF,), puppet=puppet),)))
        assert finding.evidence["replay"] == "changed"

    def test_one_without_a_catalog_of_its_own_is_read_with_the_steps(self) -> None:
        run = self.replayed(resource(f"File[{CONF}]", event()))
        (replay,) = run.replays
        assert replay.puppet is not None
        without = replace(replay.puppet, catalog=None)
        assert lost(replace(run, replays=(replace(replay, puppet=without),))) == []
        other_step = replace(replay, puppet=replace(without, step=4))
        assert lost(replace(run, replays=(other_step,))) == ["Service[nova-api]"]

    def test_one_in_noop_mode_says_nothing(self) -> None:
        run = self.replayed(resource(f"File[{CONF}]", event()))
        (replay,) = run.replays
        assert replay.puppet is not None
        assert replay.puppet.report is not None
        noop = replace(replay.puppet, report=replace(replay.puppet.report, noop=True))
        assert lost(replace(run, replays=(replace(replay, puppet=noop),))) == ["Service[nova-api]"]

    def test_one_that_went_wrong_says_nothing(self) -> None:
        good = self.replayed(resource(f"File[{CONF}]", event()))
        (replay,) = good.replays
        assert replay.puppet is not None
        assert replay.puppet.report is not None
        unfinished = replace(replay.puppet, report=replace(replay.puppet.report, completed=False))
        for bad in (
            replace(replay, trouble="cut off"),
            replace(replay, puppet=None),
            replace(replay, puppet=replace(replay.puppet, trouble="no report")),
            replace(replay, puppet=replace(replay.puppet, report=None)),
            replace(replay, puppet=unfinished),
            replace(replay, paths=("/etc/other",)),
        ):
            finding = only(replace(good, replays=(bad,)))
            assert "replay" not in finding.evidence

    def test_one_in_which_the_source_could_not_be_changed_says_nothing(self) -> None:
        failed = resource(f"File[{CONF}]", event(status="failure"), failed=True)
        assert lost(self.replayed(failed)) == ["Service[nova-api]"]

    def test_one_in_which_the_target_was_skipped_or_just_started_says_nothing(self) -> None:
        source = resource(f"File[{CONF}]", event())
        for target in (
            resource("Service[nova-api]", skipped=True),
            resource("Service[nova-api]", event("ensure")),
        ):
            assert lost(self.replayed(source, target)) == ["Service[nova-api]"]

    def test_one_in_which_something_between_failed_says_nothing(self) -> None:
        for between in (
            resource("Exec[between]", event(None, status="failure"), failed_to_restart=True),
            resource("Exec[between]", failed=True),
            resource("Exec[between]", skipped=True),
        ):
            assert lost(self.replayed(resource(f"File[{CONF}]", event()), between)) == ["Service[nova-api]"]

    def test_one_of_another_steps_catalog_says_nothing(self) -> None:
        other = catalog(file(CONF), SERVICE)
        assert lost(self.replayed(resource(f"File[{CONF}]", event()), compiled=other)) == ["Service[nova-api]"]

    def test_a_refresh_for_another_source_does_not_confirm_one_that_is_in_order(self) -> None:
        new = catalog(file("/etc/a", "Service[nova-api]"), file("/etc/b", "Service[nova-api]"), SERVICE)
        run = run_of(change("/etc/a"), change("/etc/b"), new=new, units=(unit(),))
        refreshed = resource("Service[nova-api]", event(None))
        puppet = applied("r", resource("File[/etc/b]", event()), refreshed, compiled=new)
        both = Replay(paths=("/etc/a", "/etc/b"), puppet=puppet)
        finding = only(replace(run, replays=(both,)))
        assert finding.evidence["path"] == "/etc/b"
        assert "more source" not in finding.message
        # A source that was neither changed nor in order leaves it open, whoever refreshed the target.
        for state in (resource("File[/etc/a]", event(None)), resource("File[/etc/a]", event(status="noop"))):
            puppet = applied("r", state, refreshed, compiled=new)
            one = only(replace(run, replays=(Replay(paths=("/etc/a",), puppet=puppet),)))
            assert "replay" not in one.evidence

    def test_sources_that_it_leaves_open_stay(self) -> None:
        new = catalog(file("/etc/a", "Service[nova-api]"), file("/etc/b", "Service[nova-api]"), SERVICE)
        run = run_of(change("/etc/a"), change("/etc/b"), new=new, units=(unit(),))
        puppet = applied("r", resource("File[/etc/a]", event()), compiled=new)
        finding = only(replace(run, replays=(Replay(paths=("/etc/a",), puppet=puppet),)))
        assert finding.evidence["path"] == "/etc/b"
        assert refresh.candidates(run) == (refresh.Lost(target="Service[nova-api]", paths=("/etc/a", "/etc/b")),)


def reached(new: Catalog, start: str) -> set[str]:
    return {ref for ref in relations.reached(relations.refreshes(new), start) if ref.endswith("]")}


class TestRelations:
    def test_notify_and_subscribe_may_be_lists_in_lists(self) -> None:
        new = catalog(
            ("Exec[a]", {"notify": [["Exec[b]"], "Exec[c]"]}), ("Exec[b]", {}), ("Exec[d]", {"subscribe": ["Exec[c]"]})
        )
        assert reached(new, "Exec[a]") == {"Exec[b]", "Exec[c]", "Exec[d]"}

    def test_order_alone_refreshes_nothing(self) -> None:
        new = catalog(("Exec[a]", {"before": "Exec[b]"}), ("Exec[b]", {}), ("Exec[c]", {"require": "Exec[a]"}))
        assert reached(new, "Exec[a]") == set()

    def test_anchors_and_containers_pass_events_on(self) -> None:
        new = catalog(
            ("Nova_config[a/b]", {"notify": "Anchor[nova::config::end]"}),
            ("Anchor[nova::config::end]", {"notify": "Class[Nova::Service]"}),
            ("Class[Nova::Service]", {"notify": ["Class[Watch]"]}),
            ("Service[nova-api]", {}),
            ("Service[inner]", {}),
            ("Class[Watch]", {}),
            ("Exec[watch]", {}),
            edges=(
                ("Class[Nova::Service]", "Service[nova-api]"),
                ("Class[Nova::Service]", "Nova::Part[x]"),
                ("Nova::Part[x]", "Service[inner]"),
                ("Class[Watch]", "Exec[watch]"),
            ),
        )
        assert reached(new, "Nova_config[a/b]") == {
            "Anchor[nova::config::end]",
            "Service[nova-api]",
            "Service[inner]",
            "Exec[watch]",
        }
        assert reached(new, "Service[inner]") == {"Exec[watch]"}

    def test_a_container_passes_on_only_what_something_in_it_passes_on(self) -> None:
        new = catalog(
            ("File[/a]", {"notify": ["Class[Empty]", "Class[Files]"]}),
            ("Class[Empty]", {"notify": "Service[x]"}),
            ("Class[Files]", {"notify": "Service[x]"}),
            ("Empty::Type[x]", {"subscribe": "File[/a]", "notify": "Service[x]"}),
            ("File[/b]", {}),
            ("Service[x]", {}),
            edges=(("Class[Files]", "File[/b]"),),
        )
        assert reached(new, "File[/a]") == {"File[/b]"}
        assert reached(new, "File[/b]") == {"Service[x]"}

    def test_a_resource_that_knows_no_refresh_drops_it(self) -> None:
        chain = catalog(("Package[p]", {"notify": "File[/a]"}), ("File[/a]", {"notify": "Service[x]"}))
        assert reached(chain, "Package[p]") == {"File[/a]"}
        assert reached(chain, "File[/a]") == {"Service[x]"}
        for deaf in ("Nova_config[a/b]", "Mysql_user[a@b]", "Nova_api_paste_ini[a/b]"):
            chain = catalog(("File[/a]", {"notify": deaf}), (deaf, {"notify": "Service[x]"}))
            assert reached(chain, "File[/a]") == {deaf}

    def test_a_defined_type_passes_it_on_whatever_its_name(self) -> None:
        new = catalog(
            ("File[/a]", {"notify": "App_config[x]"}),
            ("App_config[x]", {"notify": "Service[y]"}),
            ("Service[x]", {}),
            ("Service[y]", {}),
            edges=(("App_config[x]", "Service[x]"),),
        )
        assert reached(new, "File[/a]") == {"Service[x]", "Service[y]"}

    def test_an_unknown_type_is_taken_to_pass_it_on(self) -> None:
        chain = catalog(("File[/a]", {"notify": "Reboot[x]"}), ("Reboot[x]", {"notify": "Service[x]"}))
        assert reached(chain, "File[/a]") == {"Reboot[x]", "Service[x]"}

    @pytest.mark.parametrize("ref", ["Class[nova::service]", "Class[::Nova::Service]", "class[Nova::Service]"])
    def test_a_class_may_be_named_in_any_letters(self, ref: str) -> None:
        edges = (("Class[Nova::Service]", "Service[x]"),)
        new = catalog(("Exec[a]", {"notify": ref}), ("Class[Nova::Service]", {}), ("Service[x]", {}), edges=edges)
        assert reached(new, "Exec[a]") == {"Service[x]"}

    def test_a_resource_may_be_named_by_its_path_name_or_alias(self) -> None:
        new = catalog(
            ("File[conf]", {"path": "/etc/x", "alias": "short"}),
            ("Service[api]", {"name": "nova-api"}),
            ("Exec[a]", {"subscribe": ["File[/etc/x/]"]}),
            ("Exec[b]", {"subscribe": "File[short]"}),
            ("Exec[c]", {"notify": "Service[nova-api]"}),
        )
        assert reached(new, "File[conf]") == {"Exec[a]", "Exec[b]"}
        assert reached(new, "File[/etc/x]") == {"Exec[a]", "Exec[b]"}
        assert reached(new, "Exec[c]") == {"Service[api]"}

    def test_what_a_directory_or_a_file_of_fragments_makes_reports_for_it(self) -> None:
        new = catalog(
            ("File[/etc/d]", {"notify": "Service[x]"}),
            ("File[/etc/d/own]", {}),
            ("Concat_file[c]", {"path": "/etc/c", "notify": "Service[y]"}),
        )
        assert reached(new, "File[/etc/d/extra]") == {"Service[x]"}
        assert reached(new, "File[/etc/d/own]") == set()
        assert reached(new, "Concat[/etc/d/extra]") == set()
        assert reached(new, "File[/etc/c]") == {"Service[y]"}


class TestCommands:
    @pytest.mark.parametrize(
        ("wanted", "done"),
        [
            ("/usr/bin/nova-manage  db sync", "nova-manage --log-dir '' db sync"),
            ("nova-manage cell_v2 discover_hosts", "nova-manage cell_v2 discover_hosts --verbose"),
            ("nova-manage --config-file /a --debug db sync", "nova-manage db sync"),
            ("nova-manage db sync", "nova-manage --config-file=/a db sync"),
            ("nova-manage --log-file=/x db sync", "LANG=C nova-manage db sync"),
            ("su -s /bin/sh -c 'nova-manage db sync' nova", "runuser -u nova -- nova-manage db sync"),
            ("nova-manage db sync", "sudo -u nova -E env A=b timeout -k 5 300 nice -n 10 nova-manage db sync"),
            ("nova-manage db sync", "bash -ec 'cd /opt; /usr/bin/nova-manage db sync'"),
            ("nova-manage db sync", "runuser -l nova -c 'nova-manage db sync'"),
            ("nova-manage db sync", "su nova --command 'nova-manage db sync'"),
            ("nova-manage db sync", "su nova --command='nova-manage db sync'"),
            ("nova-manage db sync", "sudo -u nova -- nova-manage db sync"),
            ("nova-manage --log-dir --quiet db sync", "nova-manage db sync"),
            ("dd if=/a of=/b", "dd if=/a of=/b"),
            ("tar xf - -C /x", "/bin/tar  xf - -C /x"),
            ("nova-manage db sync", "nova-manage db sync || exit 1"),
            ("nova-manage db sync", "set -o pipefail\nnova-manage db sync | tee /log"),
            ("nova-manage db sync", "nova-manage \\\n  db sync > /log 2>&1 # all of it"),
            ("nova-manage db sync", "cat > /x <<EOF\nb\nEOF\nnova-manage db sync"),
            ("nova-manage db sync", "test -e /x && nova-manage db sync"),
            ("nova-manage db sync", "cd /opt &&\n\n nova-manage db sync"),
            ("nova-manage db sync", "echo $(date $(x)) `date` && nova-manage db sync"),
            ("nova-manage db sync", "(cd /opt; ls)\nnova-manage db sync"),
            ("nova-manage db sync", "if a; then b; fi; { c; }; nova-manage db sync"),
            ("nova-manage db sync", "for a in $(ls); do b; done\nnova-manage db sync"),
            ("nova-manage db sync", 'nova-manage "db" sy"n"c'),
            ("ifdown -a ; ifup -a", "/sbin/ifdown -a && /sbin/ifup -a"),
            ("echo x | mysql", "echo   x | mysql"),
            ("mysql -e 'select 1'", 'mysql -e "select 1"'),
            ("a 'b", "a 'b"),
        ],
    )
    def test_the_same(self, wanted: str, done: str) -> None:
        assert commands.runs(Line(text=done), Line(text=wanted))

    @pytest.mark.parametrize(
        ("wanted", "done"),
        [
            ("nova-manage db sync", "nova-manage api_db sync"),
            ("nova-manage db sync", "nova-manage db online_data_migrations"),
            ("nova-manage db sync", "placement-manage db sync"),
            ("nova-manage db sync", "nova-manage db"),
            ("nova-manage db sync", "nova-manage sync db"),
            ("nova-manage db sync", "nova-manage --debug cell_v2 db sync"),
            ("nova-manage db sync", "nova-manage -- cell_v2 db sync"),
            ("nova-manage db sync", "nova-manage db sync -"),
            ("su -c 'nova-manage db sync || a' nova", "nova-manage db sync"),
            ('su -c "a \'b" nova', "a"),
            ("nova-manage db sync", "nova-manage db sync extra"),
            ("nova-manage db sync", "nova-manage db sync --version 5"),
            ("nova-manage db sync", "nova-manage db sync --help"),
            ("nova-manage db sync --all", "nova-manage db sync"),
            ("nova-manage db sync --all", "nova-manage db sync --all other"),
            ("nova-manage cell_v2 map --uuid=a", "nova-manage cell_v2 map --uuid=b"),
            ("nova-manage db sync", "echo nova-manage db sync"),
            ("nova-manage db sync", "echo 'nova-manage db sync'"),
            ("nova-manage db sync", "echo a # nova-manage db sync"),
            ("nova-manage db sync", "nova-manage db sync || true"),
            ("nova-manage db sync", "true || nova-manage db sync"),
            ("nova-manage db sync", "nova-manage db sync | tee /log"),
            ("nova-manage db sync", "nova-manage db sync &"),
            ("nova-manage db sync", "if test -e /x; then\n nova-manage db sync\nfi"),
            ("nova-manage db sync", "case $a in\n b) nova-manage db sync;;\nesac"),
            ("nova-manage db sync", "f() {\n nova-manage db sync\n}"),
            ("nova-manage db sync", "for a in b; do\nnova-manage db sync\ndone"),
            ("nova-manage db sync", "test -e /x && nova-manage db sync; echo done"),
            ("nova-manage db sync", "cat > /x <<'EOF'\nnova-manage db sync\nEOF"),
            ("nova-manage db sync", "exit 0\nnova-manage db sync"),
            ("nova-manage db sync", "x=$(nova-manage db sync)"),
            ("nova-manage db sync", "echo `nova-manage db sync`"),
            ("nova-manage db sync", "nova-manage db 'sync"),
            ("nova-manage db sync", "nova-manage db sync; echo `x"),
            ("nova-manage db sync", "nova-manage db sync; echo $(x (y)"),
            ("nova-manage db sync", "(nova-manage db sync)"),
            ("nova-manage db sync", "( a\nnova-manage db sync\n) || true"),
            ("nova-manage db sync", "{ a\nnova-manage db sync\n} || true"),
            ("nova-manage db sync; if a; then b; fi", "nova-manage db sync"),
            ("nova-manage db sync; (a)", "nova-manage db sync"),
            ("nova-manage db sync\nexit 0\na", "nova-manage db sync"),
            ("nova-manage db sync && a | b", "nova-manage db sync; b"),
            ("nova-manage db sync || a; b", "b"),
            ("nova-manage db sync", "su nova"),
            ("nova-manage db sync", ""),
            ("", "nova-manage db sync"),
            ("ifdown -a ; ifup -a", "ifdown -a"),
            ("ifdown -a ; ifup -a", "ifup -a; ifdown -a"),
            ("echo x | mysql", "mysql"),
            ("a || b", "b"),
        ],
    )
    def test_not_the_same(self, wanted: str, done: str) -> None:
        assert not commands.runs(Line(text=done), Line(text=wanted))

    def test_what_is_no_shells_text_has_no_operators(self) -> None:
        sync = Line(text="nova-manage db sync")
        assert not commands.runs(Line(text="echo a ; nova-manage db sync", shell=False), sync)
        assert not commands.runs(Line(words=("echo", "a\nnova-manage db sync")), sync)
        assert commands.runs(Line(words=("nova-manage", "db", "sync")), sync)

    def test_a_chain_of_wrappers_without_end_is_given_up(self) -> None:
        line = "nova-manage db sync"
        for _ in range(8):
            line = f"sh -c {shlex.quote(line)}"
        assert not commands.runs(Line(text=line), Line(text="nova-manage db sync"))

    @pytest.mark.parametrize(
        ("line", "found"),
        [
            ("/bin/systemctl restart a", ("a", False)),
            ("service a restart", ("a", False)),
            ("/etc/init.d/a restart", ("a", False)),
            ("systemctl reload a.service", ("a.service", True)),
            ("systemctl restart a b", None),
            ("systemctl stop a", None),
            ("systemctl restart a || true", None),
            ("a restart", None),
            ("", None),
        ],
    )
    def test_what_restarts_a_unit(self, line: str, found: tuple[str, bool] | None) -> None:
        restart = commands.restart(Line(text=line))
        assert (restart and (restart.unit, restart.reload)) == found
