"""Releases in steps: what flaps, what comes late, what costs restarts; and changes that are left to Puppet."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from pydantic import JsonValue

from tests.unit import builders as make
from validator.checks import converged, loops, restarts, steps
from validator.findings import Finding
from validator.record import (
    Catalog,
    Expected,
    PathChange,
    PuppetRun,
    Resource,
    RestartBudget,
    Run,
    ServicesSeen,
)
from validator.verdict import judge

TRANSACTIONS = itertools.count()
VHOST = "/etc/apache2/sites-enabled/aodh.conf"
EARLY = make.catalog(("File[/etc/apache2/sites-enabled]", {"purge": True, "recurse": True}), ("Service[apache2]", {}))
LATE = Catalog(
    version="1",
    resources=(*EARLY.resources, *make.catalog(("Apache::Vhost[aodh]", {}), (f"File[{VHOST}]", {})).resources),
    edges=(("Apache::Vhost[aodh]", f"File[{VHOST}]"),),
)


def turn(step: int, *changes: PathChange, compiled: Catalog = EARLY, notable: tuple[Resource, ...] = ()) -> PuppetRun:
    made = make.applied(f"{next(TRANSACTIONS)}", *notable, compiled=compiled)
    return replace(made, step=step, started=10.0 * step, disk=make.disk(*changes))


def ensured(ref: str, was: str, became: str) -> Resource:
    return make.resource(ref, replace(make.event("ensure"), previous=was, desired=became), changed=True)


def loop(*, flapping: bool) -> tuple[PuppetRun, PuppetRun]:
    if not flapping:
        return turn(3, compiled=LATE), turn(4, compiled=LATE)
    removed = ensured(f"File[{VHOST}]", "file", "absent")
    made = ensured(f"File[{VHOST}]", "absent", "file")
    return (
        turn(3, make.changed(VHOST, "removed"), notable=(removed,)),
        turn(4, make.changed(VHOST, "added"), compiled=LATE, notable=(made,)),
    )


def in_steps(*, flapping: bool) -> Run:
    run = make.healthy()
    for name in ("converge", "again"):
        phase = make.phase(name, *loop(flapping=flapping))
        if flapping:
            events = [make.unit_event(kind, at) for at in (31.0, 41.0) for kind in ("stopped", "started")]
            phase = replace(phase, services=ServicesSeen(events=tuple(events), states=(make.unit_state(),)))
        run = make.with_phase(run, phase)
    return run


def test_a_silent_loop_is_silent() -> None:
    run = in_steps(flapping=False)
    assert steps.flaps(run) == ()
    assert [each for check in (steps.check, loops.check, converged.check) for each in check(run)] == []


def test_what_one_step_removes_and_another_sets_is_one_finding_that_names_both() -> None:
    run = in_steps(flapping=True)
    (finding,) = steps.check(run)
    assert (finding.rule, finding.subject, finding.phase) == ("step.flapping", "Apache::Vhost[aodh]", "converge")
    assert finding.evidence["steps"] == {"removes": 3, "sets": 4}
    assert finding.evidence["removed_by"] == {
        "resource": "File[/etc/apache2/sites-enabled]",
        "declared_at": "new.pp:1",
    }
    assert f"again, step 3: {VHOST} went" in finding.message
    assert f"again, step 4: {VHOST} came" in finding.message
    assert "app.service was restarted 4 times meanwhile" in finding.message


def test_what_flaps_is_not_told_again_as_changes() -> None:
    run = in_steps(flapping=True)
    assert list(converged.check(run)) == []
    found = judge(run).findings
    assert [each.rule for each in found if each.severity == "error"] == [
        "step.flapping",
        "restart.converge",
        "restart.again",
    ]
    assert "in step 3 and in step 4" in found[1].message


def test_an_option_that_two_steps_give_different_values_flaps() -> None:
    def setting(was: str, became: str) -> tuple[Resource, ...]:
        changed = replace(make.event("value"), previous=was, desired=became)
        return (make.resource("Nova_config[DEFAULT/debug]", changed, changed=True),)

    run = make.healthy()
    for name in ("converge", "again"):
        turns = (turn(1, notable=setting("b", "a")), turn(2, notable=setting("a", "b")))
        run = make.with_phase(run, make.phase(name, *turns))
    (finding,) = steps.check(run)
    assert finding.subject == "Nova_config[DEFAULT/debug]"
    assert finding.evidence["steps"] == {"removes": 1, "sets": 2}


def test_values_may_be_lists() -> None:
    def ran(was: JsonValue, became: JsonValue) -> tuple[Resource, ...]:
        changed = replace(make.event("returns"), previous=was, desired=became)
        return (make.resource("Exec[x]", changed, changed=True),)

    turns = (turn(1, notable=ran(None, ["0"])), turn(2, notable=ran(["0"], None)))
    run = make.with_phase(make.healthy(), make.phase("converge", *turns))
    assert [each.subject for each in steps.check(run)] == ["Exec[x]"]


def test_a_change_that_stays_does_not_flap() -> None:
    run = make.with_phase(
        make.healthy(),
        make.phase(
            "converge", turn(3), turn(4, make.changed(VHOST, "added"), notable=(ensured("File[/b]", "absent", "file"),))
        ),
    )
    assert list(steps.check(run)) == []
    assert [each.rule for each in converged.check(run)] == ["converge.change"]


def test_what_tells_a_service_of_changes_and_comes_later_is_late() -> None:
    first = make.catalog(("Service[apache2]", {"ensure": "running"}))
    second = make.catalog(("Service[apache2]", {"ensure": "running"}), ("File[/etc/a]", {"notify": "Service[apache2]"}))
    run = make.with_phase(make.healthy(), make.phase("converge", turn(3, compiled=first), turn(4, compiled=second)))
    (finding,) = loops.check(run)
    assert (finding.rule, finding.severity, finding.subject) == ("step.late", "warning", "Service[apache2]")
    assert (finding.evidence["starts_in"], finding.evidence["configured_in"]) == (3, 4)
    together = make.with_phase(run, make.phase("converge", turn(3, compiled=second), turn(4, compiled=second)))
    assert list(loops.check(together)) == []


def deployed(*at: float, allowed: int = 1) -> Run:
    events = tuple(make.unit_event(kind, moment) for moment in at for kind in ("stopped", "started"))
    fresh = replace(make.phase("fresh", turn(3), turn(4)), services=ServicesSeen(events=events, states=()))
    run = make.of_kind("idempotence", fresh, make.phase("again", turn(3), turn(4)))
    return replace(run, subject=replace(run.subject, restarts=RestartBudget(loop=allowed)))


def test_restarts_in_one_loop_of_steps_have_a_budget() -> None:
    (finding,) = loops.check(deployed(31.0, 41.0))
    assert (finding.rule, finding.means, finding.evidence["restarts"]) == (
        "restart.steps",
        "diverged",
        {"3": 1, "4": 1},
    )
    assert list(loops.check(deployed(31.0))) == []
    assert list(loops.check(deployed(31.0, 41.0, allowed=2))) == []


def test_each_restart_knows_its_step() -> None:
    run = in_steps(flapping=True)
    assert [(each.phase, each.step) for each in restarts.accounts(run)] == [
        ("converge", 3),
        ("converge", 4),
        ("again", 3),
        ("again", 4),
    ]


OPTION = "Nova_config[database/connection]"


def expecting(*wanted: tuple[str, str, JsonValue], happened: tuple[Resource, ...]) -> Run:
    run = make.with_phase(make.healthy(), make.phase("converge", make.applied("t3", *happened)))
    expect = tuple(
        Expected(resource=ref, property=name, value=value, reason="on purpose") for ref, name, value in wanted
    )
    return replace(run, subject=replace(run.subject, expect=expect))


def verdict(run: Run) -> tuple[str, list[tuple[str, str]]]:
    result = judge(run)
    return result.verdict, [(each.rule, each.subject) for each in result.findings]


CHANGED = make.resource(OPTION, make.event("value"), changed=True)
REFRESHED = make.resource("Service[nova-api]", make.event(None))


@pytest.mark.parametrize(
    ("wanted", "happened", "answer"),
    [
        ([(OPTION, "value", "b")], (CHANGED,), ("converged", [("converge.declared", OPTION)])),
        ([(OPTION, "value", ["b"])], (CHANGED,), ("converged", [("converge.declared", OPTION)])),
        (
            [(OPTION, "value", "c")],
            (CHANGED,),
            ("diverged", [("converge.change", OPTION), ("expect.unmet", OPTION)]),
        ),
        ([(OPTION, "value", "b")], (), ("diverged", [("expect.unmet", OPTION)])),
        (
            [(OPTION, "value", "b")],
            (CHANGED, REFRESHED),
            ("diverged", [("converge.change", "Service[nova-api]"), ("converge.declared", OPTION)]),
        ),
        (
            [(OPTION, "value", "b"), ("Service[nova-api]", "refresh", None)],
            (CHANGED, REFRESHED),
            ("converged", [("converge.declared", OPTION), ("converge.declared", "Service[nova-api]")]),
        ),
        (
            [(OPTION, "value", "b")],
            (CHANGED, make.resource("Anchor[nova::config::end]", make.event(None))),
            ("converged", [("converge.declared", OPTION)]),
        ),
    ],
)
def test_a_declared_change_counts_for_nothing_and_no_other(
    wanted: list[tuple[str, str, JsonValue]], happened: tuple[Resource, ...], answer: tuple[str, list[tuple[str, str]]]
) -> None:
    assert verdict(expecting(*wanted, happened=happened)) == answer


def test_a_declared_change_in_the_second_run_is_a_divergence() -> None:
    run = expecting((OPTION, "value", "b"), happened=(CHANGED,))
    run = make.with_phase(run, make.phase("again", make.applied("t4", CHANGED)))
    assert verdict(run)[0] == "diverged"


def whose(run: Run) -> list[str]:
    return [each.whose for each in converged.check(run)]


def changes(resource: Resource) -> Run:
    ref = resource.ref
    compiled = make.catalog((ref, {"content": "x"} if ref.startswith("File[") else {"value": "b"}))
    return make.with_phase(make.healthy(), make.phase("converge", make.applied("t3", resource, compiled=compiled)))


def test_what_a_task_wrote_clashes_and_what_none_touched_was_missed() -> None:
    named = changes(make.resource("File[/a]", make.event(), changed=True))
    assert whose(named) == ["clash"]  # the task's `dest`
    other = changes(make.resource("File[/b]", make.event(), changed=True))
    assert whose(other) == ["missed"]
    upgrade = other.phase("upgrade")
    assert upgrade is not None
    assert whose(make.with_phase(other, replace(upgrade, disk=make.disk("/b")))) == ["clash"]


def test_findings_of_a_healthy_run_are_nobodys() -> None:
    found: list[Finding] = list(converged.check(make.healthy()))
    assert found == []


def test_a_change_that_comes_back_in_the_second_run_says_that_no_task_can_mend_it() -> None:
    run = changes(make.resource("File[/b]", make.event(), changed=True))
    (once,) = converged.check(run)
    assert "again" not in once.evidence
    again = make.phase("again", make.applied("t4", make.resource("File[/b]", make.event(), changed=True)))
    (finding,) = converged.check(make.with_phase(run, again))
    assert finding.evidence["again"] is True
    assert "it comes back every time" in finding.message
    assert "No task can mend this" in finding.hint


def test_a_setting_that_is_created_shows_the_value_it_should_have() -> None:
    event = replace(make.event("ensure"), previous="absent", desired="present")
    resource = make.resource("Nova_config[filters/available]", event, changed=True)
    compiled = make.catalog(("Nova_config[filters/available]", {"value": []}))
    run = make.with_phase(make.healthy(), make.phase("converge", make.applied("t3", resource, compiled=compiled)))
    (finding,) = converged.check(run)
    assert finding.message == "ensure is absent, should be present, with the value []"


def test_a_value_that_the_record_hides_was_compared_before_it_was_hidden() -> None:
    for same, answer in ((True, "converged"), (False, "diverged")):
        hidden = replace(make.event("value"), previous="[redacted]", desired="[redacted]", as_expected=same)
        run = expecting((OPTION, "value", "[redacted]"), happened=(make.resource(OPTION, hidden, changed=True),))
        assert verdict(run)[0] == answer


def test_an_early_step_may_be_empty_but_not_all_of_them() -> None:
    def loop_of(*evaluated: int) -> Run:
        runs = []
        for step, number in enumerate(evaluated, 1):
            made = turn(step)
            assert made.report is not None
            runs.append(replace(made, report=replace(made.report, evaluated=number)))
        return make.with_phase(make.healthy(), make.phase("converge", *runs))

    assert verdict(loop_of(0, 5))[0] == "converged"
    assert verdict(loop_of(0, 0))[0] == "inconclusive"


def test_the_last_task_is_the_one_that_wrote_last() -> None:
    run = changes(make.resource("File[/b]", make.event(), changed=True))
    for name, at in (("upgrade", 5.0), ("fault", 15.0)):
        tasks = replace(make.tasks(make.task(f"the {name}")), spans=(make.span(f"the {name}", at - 1, at + 1, "/b"),))
        phase = replace(make.phase(name, ansible=(tasks,)), disk=make.disk(make.changed("/b", at=at)))  # type: ignore[arg-type]  # two names of phases
        run = make.with_phase(run, phase) if name == "upgrade" else replace(run, phases=(*run.phases, phase))
    (finding,) = converged.check(run)
    assert finding.left_by is not None
    assert finding.left_by.task == "the fault"
