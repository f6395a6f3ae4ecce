"""What became of the services at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from pydantic import JsonValue

from tests.unit import builders as make
from validator.checks import services
from validator.findings import Finding
from validator.record import PhaseName, Run, ServicesSeen, Task, TaskSpan, UnitEvent, UnitState

UP = make.unit_state()
DOWN = make.unit_state(active="inactive")
FAILED = make.unit_state(active="failed", result="exit-code")
START = make.unit_event("started", 1.5, job="start")
STOP = make.unit_event("stopped", 1.5, job="stop")
DEATH = make.unit_event("failed", 3.5)


def world(
    *,
    before: tuple[UnitState, ...] = (UP,),
    end: tuple[UnitState, ...] = (UP,),
    events: Mapping[PhaseName, tuple[UnitEvent, ...]] | None = None,
    service: dict[str, JsonValue] | None = None,
    watched: tuple[str, ...] = (),
    results: tuple[Task, ...] = (),
    spans: tuple[TaskSpan, ...] = (),
) -> Run:
    """A run with these units; the new release manages another service unless told what it says of this one."""
    compiled = make.catalog(("Service[app]" if service is not None else "Service[other]", service or {}))
    run = make.healthy()
    run = make.with_phase(run, make.phase("upgrade", ansible=(replace(make.tasks(*results), spans=spans),)))
    run = make.with_phase(run, make.phase("converge", make.applied("t3", compiled=compiled)))
    for name in ("upgrade", "converge", "again"):
        phase = run.phase(name)
        assert phase is not None
        seen = ServicesSeen(
            events=(events or {}).get(name, ()),
            before=before if name == "upgrade" else (),
            states=end if name == "again" else (),
        )
        run = make.with_phase(run, replace(phase, services=seen))
    return replace(run, subject=replace(run.subject, watched=watched))


def found(run: Run) -> list[Finding]:
    return list(services.check(run))


def told(run: Run) -> list[tuple[str, str, str]]:
    return [(each.rule, each.means, each.subject) for each in found(run)]


def test_services_that_run_as_before_are_silent() -> None:
    assert told(world(events={"upgrade": (STOP, START)})) == []
    assert told(make.healthy()) == []


def test_a_service_that_failed_after_its_start_died() -> None:
    spans = (make.span("restart it", 1.0, 2.0),)
    run = world(end=(FAILED,), events={"upgrade": (START,), "converge": (DEATH,)}, spans=spans)
    (finding,) = found(run)
    assert (finding.rule, finding.means, finding.phase) == ("service.died", "diverged", "upgrade")
    assert "by restart it (upgrade.yml:1), lived 2.0 s" in finding.message
    assert str(finding.declared_at) == "upgrade.yml:1"


@pytest.mark.parametrize(
    ("service", "watched", "later", "expected"),
    [
        ({"ensure": "running"}, (), (), ["service.died"]),
        ({"ensure": True}, (), (STOP,), ["service.died"]),
        ({"enable": True}, (), (), []),
        (None, ("app.service",), (), ["service.died"]),
        (None, ("app.service",), (STOP,), []),
        (None, (), (), []),
    ],
)
def test_a_service_that_ended_well_should_run_only_where_somebody_says_so(
    service: dict[str, JsonValue] | None, watched: tuple[str, ...], later: tuple[UnitEvent, ...], expected: list[str]
) -> None:
    run = world(before=(DOWN,), end=(DOWN,), events={"upgrade": (START, *later)}, service=service, watched=watched)
    assert [each.rule for each in found(run)] == expected


def test_a_service_that_another_one_excludes_was_stopped_when_that_one_started() -> None:
    rival = make.unit_event("started", STOP.time + 0.1, "ntpsec.service")
    (finding,) = found(
        world(before=(DOWN,), end=(DOWN,), events={"upgrade": (START, STOP, rival)}, service={"ensure": "running"})
    )
    assert finding.rule == "service.died"
    assert "was stopped when ntpsec.service was started by" in finding.message
    assert "Conflicts=" in finding.hint
    later = replace(rival, time=STOP.time + 60)
    (alone,) = found(
        world(before=(DOWN,), end=(DOWN,), events={"upgrade": (START, STOP, later)}, service={"ensure": "running"})
    )
    assert "ntpsec" not in alone.message


def test_a_job_that_is_done_did_not_die() -> None:
    job = make.unit_state(active="inactive", kind="oneshot")
    run = world(before=(job,), end=(job,), events={"upgrade": (START,)}, watched=("app.service",))
    assert told(run) == []


def test_only_the_last_start_counts() -> None:
    run = world(end=(UP,), events={"upgrade": (START, DEATH), "converge": (make.unit_event("started", 9.0),)})
    assert told(run) == []


def test_a_service_resource_is_found_under_another_name_of_its_unit() -> None:
    down = replace(DOWN, unit="mariadb.service", aliases=("mysql.service",))
    started = make.unit_event("started", 1.5, "mariadb.service")
    run = world(
        before=(down,), end=(down,), events={"upgrade": (started,)}, service={"name": "mysql", "ensure": "running"}
    )
    assert told(run) == [("service.died", "diverged", "mariadb.service")]


def test_a_unit_that_has_failed_since_is_found_and_one_that_had_is_not() -> None:
    assert told(world(before=(DOWN,), end=(FAILED,))) == [("service.failed", "diverged", "app.service")]
    assert told(world(before=(FAILED,), end=(FAILED,))) == []


def test_one_that_ended_badly_when_it_was_told_to_stop_is_a_note() -> None:
    asked = make.task("stop it", module="ansible.builtin.systemd_service", args={"name": "app", "state": "stopped"})
    ended = (make.unit_event("failed", 1.4), STOP)
    run = world(end=(FAILED,), events={"upgrade": ended}, results=(asked,), spans=(make.span("stop it", 1.0, 2.0),))
    assert told(run) == [("service.failed", "note", "app.service")]


def test_a_timers_job_that_fails_is_a_note_unless_it_is_watched() -> None:
    job = replace(FAILED, kind="oneshot", enabled="static")
    assert told(world(before=(), end=(job,))) == [("service.failed", "note", "app.service")]
    assert told(world(before=(), end=(job,), watched=("app.service",)))[0][1] == "diverged"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"upgrade": 2}, "note"),
        ({"upgrade": 3}, "diverged"),
        ({"upgrade": 1, "converge": 1}, "diverged"),
        ({"again": 1}, "diverged"),
        ({}, None),
    ],
)
def test_a_service_that_restarts_itself(counts: dict[PhaseName, int], expected: str | None) -> None:
    flap = make.unit_event("restarts-itself", 2.0)
    findings = found(world(events={name: (flap,) * number for name, number in counts.items()}))
    assert [each.means for each in findings] == ([expected] if expected else [])
    if expected:
        assert findings[0].rule == "service.flapping"
        assert findings[0].phase == next(iter(counts))
        assert findings[0].evidence["restarts"] == counts


def test_a_side_effect_that_stops_a_service_is_found() -> None:
    backup = make.task("backup", module="ansible.builtin.script", args={"cmd": "/opt/app/backup.sh"})
    run = world(end=(DOWN,), events={"upgrade": (STOP,)}, results=(backup,), spans=(make.span("backup", 1.0, 2.0),))
    (finding,) = found(run)
    assert (finding.rule, finding.means, finding.phase) == ("service.stopped", "diverged", "upgrade")
    assert "while the task 'backup' ran" in finding.message


@pytest.mark.parametrize(
    ("module", "args", "asked"),
    [
        ("systemd_service", {"name": "app.service", "state": "stopped"}, True),
        ("service", {"name": "app", "state": "stopped"}, True),
        ("service", {"name": "app", "state": "restarted"}, False),
        ("service", {"name": "worker", "state": "stopped"}, False),
        ("service", "[redacted]", True),
        ("command", {"_raw_params": "systemctl stop app.service"}, True),
        ("command", {"_raw_params": "systemctl stop app"}, True),
        ("command", {"_raw_params": "/etc/init.d/app stop"}, True),
        ("command", {"_raw_params": "systemctl stop app-worker"}, False),
        ("command", {"_raw_params": "/srv/app/clean"}, False),
        ("apt", {"name": ["app"], "state": "absent"}, True),
        ("command", "[redacted]", False),
    ],
)
def test_who_asked_for_a_stop(module: str, args: JsonValue, asked: bool) -> None:  # noqa: FBT001 - a case's last column
    task = make.task("stop", module=f"ansible.builtin.{module}", args=args)
    run = world(end=(DOWN,), events={"upgrade": (STOP,)}, results=(task,), spans=(make.span("stop", 1.0, 2.0),))
    assert ("service.stopped" in [each.rule for each in found(run)]) is not asked


def test_a_task_that_named_the_unit_earlier_did_not_stop_it_later() -> None:
    task = make.task("stop", module="ansible.builtin.service", args={"name": "app", "state": "stopped"})
    late = make.unit_event("stopped", 9.5, job="stop")
    run = world(end=(DOWN,), events={"converge": (late,)}, results=(task,), spans=(make.span("stop", 1.0, 2.0),))
    assert told(run) == [("service.stopped", "diverged", "app.service")]


def test_what_the_new_release_manages_is_puppets_to_judge() -> None:
    assert told(world(end=(DOWN,), events={"upgrade": (STOP,)}, service={"ensure": "stopped"})) == []


@pytest.mark.parametrize(
    "unit",
    [
        make.unit_state("systemd-timesyncd.service"),
        make.unit_state("user@0.service"),
        make.unit_state("getty@tty1.service"),
        make.unit_state("serial-getty@ttyS0.service"),
        make.unit_state("data.mount"),
        make.unit_state("session-3.scope"),
        make.unit_state(kind="oneshot"),
        make.unit_state(kind="dbus", enabled="static"),
    ],
)
def test_units_that_come_and_go_are_silent(unit: UnitState) -> None:
    assert told(world(before=(unit,), end=(replace(unit, active="inactive"),))) == []


def test_a_unit_that_is_gone_counts_only_when_it_is_watched() -> None:
    gone = replace(DOWN, load="not-found", enabled="")
    for end in ((), (gone,)):
        assert told(world(end=end, events={"upgrade": (STOP,)})) == []
        watched = world(end=end, events={"upgrade": (STOP,)}, watched=("app.service",))
        assert told(watched) == [("service.stopped", "diverged", "app.service")]


def test_a_unit_that_nobody_disabled_is_found() -> None:
    off = replace(UP, enabled="disabled")
    other = make.task("backup", module="ansible.builtin.script", args={"cmd": "backup.sh"})
    run = world(end=(off,), results=(other,), spans=(make.span("backup", 1.0, 2.0, units=(off,)),))
    (finding,) = found(run)
    assert (finding.rule, finding.means) == ("service.disabled", "diverged")
    assert "while the task 'backup' ran" in finding.message


@pytest.mark.parametrize("args", [{"name": "app", "enabled": False}, {"name": "app", "masked": True}])
def test_a_unit_that_a_task_disables_is_silent(args: dict[str, JsonValue]) -> None:
    off = replace(UP, enabled="masked" if "masked" in args else "disabled")
    task = make.task("off", module="ansible.builtin.systemd_service", args=args)
    assert told(world(end=(off,), results=(task,), spans=(make.span("off", 1.0, 2.0, units=(off,)),))) == []


def test_without_the_new_release_nobody_can_say_what_was_left() -> None:
    run = world(end=(DOWN,), events={"upgrade": (STOP,)})
    assert told(make.without_phase(make.without_phase(run, "again"), "converge")) == []


def test_a_reboot_before_a_fault_is_no_stop() -> None:
    """A fault starts from a rebooted host: what ran without being enabled is down by then."""
    loose = replace(UP, enabled="disabled")
    run = world(before=(loose,))
    upgrade = run.phase("upgrade")
    again = run.phase("again")
    assert upgrade is not None
    assert again is not None
    down = replace(loose, active="inactive")
    fault = replace(
        make.phase("fault", ansible=(make.tasks(),)), services=ServicesSeen(events=(), states=(down,), before=(down,))
    )
    run = make.with_phase(
        run, replace(upgrade, services=ServicesSeen(events=(START,), states=(loose,), before=(loose,)))
    )
    run = make.with_phase(run, replace(again, services=ServicesSeen(events=(), states=(down,))))
    assert told(replace(run, phases=(*run.phases[:2], fault, *run.phases[2:]))) == []


def test_a_release_that_is_applied_twice_is_judged_by_its_own_starts() -> None:
    seen = ServicesSeen(events=(START, DEATH), states=())
    fresh = replace(make.phase("fresh", make.applied("f")), services=seen)
    again = replace(make.phase("again", make.applied("a")), services=ServicesSeen(events=(), states=(FAILED,)))
    assert told(make.of_kind("idempotence", fresh, again)) == [("service.died", "diverged", "app.service")]


def test_a_restart_that_did_not_come_back_is_no_stop() -> None:
    half = make.unit_event("stopped", 3.0, job="restart")
    run = world(end=(DOWN,), events={"upgrade": (START, half)}, watched=("app.service",))
    assert "service.died" in [rule for rule, _, _ in told(run)]


@pytest.mark.parametrize(
    ("end", "later"),
    [((FAILED,), ()), ((replace(DOWN, result="signal"),), ()), ((DOWN,), (DEATH,)), ((), (DEATH,))],
)
def test_either_the_journal_or_the_state_tells_that_it_ended_badly(
    end: tuple[UnitState, ...], later: tuple[UnitEvent, ...]
) -> None:
    run = world(before=(DOWN,), end=end, events={"upgrade": (START, *later)})
    assert told(run) == [("service.died", "diverged", "app.service")]


def test_without_borders_between_tasks_any_task_may_have_asked() -> None:
    asked = make.task("stop", module="ansible.builtin.service", args={"name": "app", "state": "stopped"})
    assert told(world(end=(DOWN,), events={"upgrade": (STOP,)}, results=(asked,))) == []
    other = make.task("stop", module="ansible.builtin.service", args={"name": "worker", "state": "stopped"})
    assert len(told(world(end=(DOWN,), events={"upgrade": (STOP,)}, results=(other,)))) == 1
    between = (make.span("stop", 7.0, 8.0),)  # borders are there, and it went down between two tasks
    assert len(told(world(end=(DOWN,), events={"upgrade": (STOP,)}, results=(asked,), spans=between))) == 1


def test_a_bus_service_that_somebody_stopped_is_found() -> None:
    bus = make.unit_state(kind="dbus", enabled="static")
    down = replace(bus, active="inactive")
    assert told(world(before=(bus,), end=(down,), events={"upgrade": (STOP,)})) == [
        ("service.stopped", "diverged", "app.service")
    ]
    ended = make.unit_event("stopped", 1.5)
    assert told(world(before=(bus,), end=(down,), events={"upgrade": (ended,)})) == []


def test_one_that_went_down_without_a_word_is_blamed_on_the_task_after_which_it_was_down() -> None:
    kill = make.task("clean", module="ansible.builtin.command", args={"_raw_params": "pkill -x appd"})
    spans = (
        make.span("before", 0.5, 1.0, units=(UP, replace(DOWN, unit="worker.service"))),
        make.span("clean", 1.0, 2.0, units=(DOWN,)),
    )
    (finding,) = found(world(end=(DOWN,), results=(kill,), spans=spans))
    assert finding.rule == "service.stopped"
    assert "while the task 'clean' ran" in finding.message
