"""Who restarted what, and how often that may be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit import builders as make
from validator.checks import restarts
from validator.record import Phase, RestartBudget, Run, ServicesSeen, UnitEvent

TWICE = (
    make.unit_event("stopped", 1.1, job="restart"),
    make.unit_event("started", 1.2, job="start"),
    make.unit_event("stopped", 3.1, job="restart"),
    make.unit_event("started", 3.2, job="start"),
)


def tasks_phase(name: str, *events: UnitEvent) -> Phase:
    spans = (make.span("first", 1.0, 2.0), make.span("second", 3.0, 4.0))
    tasks = replace(make.tasks(), spans=spans)
    made = make.phase(name, ansible=(tasks,))  # type: ignore[arg-type]  # names of phases
    return replace(made, services=ServicesSeen(events=events, states=(make.unit_state(aliases=("shop.service",)),)))


def upgraded(*events: UnitEvent, budget: RestartBudget | None = None) -> Run:
    run = make.with_phase(make.healthy(), tasks_phase("upgrade", *events))
    return replace(run, subject=replace(run.subject, restarts=budget or RestartBudget()))


def test_more_restarts_than_allowed_are_told_with_their_tasks() -> None:
    (finding,) = restarts.check(upgraded(*TWICE))
    assert (finding.rule, finding.means, finding.subject) == ("restart.upgrade", "diverged", "app.service")
    assert finding.evidence == {
        "restarts": 2,
        "allowed": 1,
        "by": ["first (upgrade.yml:1)", "second (upgrade.yml:1)"],
    }


@pytest.mark.parametrize(
    ("budget", "count"),
    [
        (RestartBudget(), 1),
        (RestartBudget(default=2), 0),
        (RestartBudget(units={"app.service": 2}), 0),
        (RestartBudget(units={"shop.service": 2}), 0),  # another name of the same unit
        (RestartBudget(default=2, units={"app.service": 0}), 1),
    ],
)
def test_the_budget_is_the_scenarios(budget: RestartBudget, count: int) -> None:
    assert len(list(restarts.check(upgraded(*TWICE, budget=budget)))) == count


def test_restarts_that_are_allowed_are_silent() -> None:
    assert list(restarts.check(upgraded(*TWICE[:2]))) == []


def test_what_a_unit_does_by_itself_costs_nothing() -> None:
    by_itself = (make.unit_event("restarts-itself", 5.0), make.unit_event("started", 5.1))
    run = upgraded(*TWICE[:2], *by_itself)
    assert list(restarts.check(run)) == []
    assert [(each.unit, each.phase, str(each.who)) for each in restarts.accounts(run)] == [
        ("app.service", "upgrade", "first (upgrade.yml:1)"),
        ("app.service", "upgrade", "itself"),
    ]


def test_a_restart_between_tasks_is_nobodys() -> None:
    between = (make.unit_event("stopped", 2.4), make.unit_event("started", 2.5))
    (account,) = restarts.accounts(upgraded(*between))
    assert str(account.who) == "outside of a task"


def test_a_second_run_of_the_tasks_may_restart_nothing() -> None:
    run = make.of_kind("upgrade-idempotence", tasks_phase("upgrade", *TWICE[:2]), tasks_phase("upgrade-again"))
    assert list(restarts.check(run)) == []
    (finding,) = restarts.check(make.with_phase(run, tasks_phase("upgrade-again", *TWICE[:2])))
    assert (finding.rule, finding.evidence["allowed"]) == ("restart.upgrade-again", 0)


@pytest.mark.parametrize("name", ["app", "app.service", "shop"])
def test_puppet_is_named_where_its_report_tells(name: str) -> None:
    compiled = make.catalog(("Service[the app]", {"name": name}))
    refreshed = make.applied("t3", make.resource("Service[the app]", make.event(None)), compiled=compiled)
    seen = ServicesSeen(events=TWICE[:2], states=(make.unit_state(aliases=("shop.service",)),))
    run = make.with_phase(make.healthy(), replace(make.phase("converge", refreshed), services=seen))
    (finding,) = restarts.check(run)
    assert (finding.rule, finding.subject) == ("restart.converge", "app.service")
    assert "by Puppet (Service[the app])" in finding.message
    assert [account.who.name for account in restarts.accounts(run)] == ["Service[the app]"]


def test_a_host_for_comparison_is_not_accounted_for() -> None:
    seen = ServicesSeen(events=TWICE, states=())
    run = replace(make.healthy(), phases=(replace(make.phase("fresh", make.applied("f")), services=seen),))
    assert restarts.accounts(run) == ()
