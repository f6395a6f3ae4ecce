"""A run from a saved upgraded host: what the boot between has done does not count as done by the tasks."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.unit import builders as make
from tests.unit.builders import unit_state
from tests.unit.test_refresh import SERVICE, change, file
from validator.cycle import Cycle, as_left
from validator.record import DiskSeen, Run, ServicesSeen, UnitState
from validator.render import watch
from validator.verdict import judge

BOOT = 1500.0


def seen(before: UnitState, after: UnitState) -> ServicesSeen:
    return ServicesSeen(events=(), states=(after,), before=(before,))


def run(*, restarted_by_tasks: bool = False) -> Run:
    """The tasks write the file at 1010; the service started at 900, and again by the boot at 1500."""
    left = unit_state("nova-api.service", started_at=1020.0 if restarted_by_tasks else 900.0, invocation="of-the-tasks")
    booted = replace(left, started_at=BOOT, invocation="of-the-boot")
    compiled = make.catalog(file("/etc/nova/nova.conf", "Service[nova-api]"), SERVICE)
    old, upgrade, converge, again = make.healthy().phases
    upgrade = replace(upgrade, services=seen(left, left), disk=DiskSeen(changes=(change(),), noise={}), cached=True)
    (applied,) = converge.puppet
    converge = replace(converge, services=seen(booted, booted), puppet=(replace(applied, catalog=compiled),))
    again = replace(again, services=seen(booted, booted), puppet=(replace(again.puppet[0], catalog=compiled),))
    made = make.healthy()
    return replace(made, subject=replace(made.subject, services=True), phases=(old, upgrade, converge, again))


def rules(told: Run) -> list[str]:
    return [finding.rule for finding in judge(told).findings if finding.severity == "error"]


def test_a_refresh_that_the_tasks_lost_stays_lost() -> None:
    assert rules(run()) == [], "the boot hides it: this is why the record is told otherwise"
    assert rules(as_left(run())[0]) == ["refresh.lost"]


def test_a_refresh_that_the_tasks_delivered_stays_delivered() -> None:
    assert rules(as_left(run(restarted_by_tasks=True))[0]) == []


def test_a_service_that_puppet_has_restarted_since_counts_as_restarted() -> None:
    told = run()
    *rest, again = told.phases
    later = unit_state("nova-api.service", started_at=BOOT + 9, invocation="of-puppet")
    converge = replace(
        rest[-1], services=replace(rest[-1].services or ServicesSeen(events=(), states=()), states=(later,))
    )
    told, _ = as_left(replace(told, phases=(*rest[:-1], converge, again)))
    assert told.phases[2].services is not None
    assert told.phases[2].services.states == (later,)


def test_what_the_boot_has_changed_is_told() -> None:
    left = unit_state("app.service", "inactive", invocation="")
    made = run()
    old, upgrade, converge, again = made.phases
    upgrade = replace(upgrade, services=seen(left, left))
    converge = replace(converge, services=seen(*[unit_state("app.service", invocation="b")] * 2))
    _, remarks = as_left(replace(made, phases=(old, upgrade, converge, again)))
    assert remarks == ("app.service was left stopped, and the boot has started it",)


def test_a_host_without_services_is_told_as_it_is() -> None:
    made = make.healthy()
    bare = replace(made, phases=tuple(replace(each, services=None) for each in made.phases))
    assert as_left(bare) == (bare, ())


def cycle(**changes: object) -> Cycle:
    made = Cycle(number=2, started=0.0, seconds=1.25, changed=("a.pp",), result=judge(make.healthy()))
    return replace(made, **changes)  # type: ignore[arg-type]  # tests change any field


def test_a_provisional_answer_never_looks_like_a_whole_one() -> None:
    assert "\nCONVERGED: nothing left to do\n" in watch.text(cycle())
    shown = watch.text(cycle(upgraded_at=1.0))
    assert "\nPROVISIONAL CONVERGED: nothing left to do\n" in shown
    assert "\nCONVERGED" not in shown
    assert [json.loads(watch.document(cycle(upgraded_at=at)))["provisional"] for at in (None, 1.0)] == [False, True]


def test_a_document_is_one_line() -> None:
    assert watch.document(cycle()).count("\n") == 1
    shown = json.loads(watch.document(cycle(result=None, trouble="a\nb")))
    assert (shown["result"], shown["trouble"]) == (None, "a\nb")
