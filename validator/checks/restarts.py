"""How often services were restarted, and by whom. Counted from the service manager's journal, not from the tools.

Puppet may restart nothing, the upgrade's tasks each unit as often as the scenario allows, and a second run of the
tasks nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from validator.checks import spans
from validator.checks.known import title_of
from validator.findings import Finding, Left
from validator.record import (
    AnsibleRun,
    CatalogResource,
    Phase,
    PhaseName,
    Place,
    PuppetRun,
    Run,
    UnitEvent,
    UnitState,
)

ITSELF = "itself"
UNNAMED = {"ansible": "outside of a task", "puppet": "not in Puppet's report"}


@dataclass(frozen=True, kw_only=True)
class Who:
    """What made a unit start: a task, a resource of Puppet's, the unit `itself`, or a word for nothing on record."""

    name: str
    place: Place | None = None
    named: bool = True
    by_task: bool = False

    def __str__(self) -> str:
        return self.name if self.place is None else f"{self.name} ({self.place})"


@dataclass(frozen=True, kw_only=True)
class RestartAccount:
    """One restart: of which unit, in which phase, by whom, and when it was up again (Unix time).

    Where the phase goes in steps, `step` and the `round` of the loop say in which.
    """

    unit: str
    phase: PhaseName
    who: Who
    time: float
    step: int | None = None
    round: int = 1


def check(run: Run) -> Iterator[Finding]:
    """One finding for each unit that was restarted more often than it may be."""
    for name in ("converge", "again"):
        phase = run.phase(name)
        if phase is not None and phase.services is not None:
            yield from _by_puppet(run, phase)
    for tasks in ("upgrade", "upgrade-again"):
        phase = run.phase(tasks)
        if phase is not None and phase.services is not None:
            yield from _by_tasks(run, phase)


def restarts(events: Iterable[UnitEvent]) -> Counter[str]:
    """How often each unit was stopped and then started by somebody. What systemd restarts by itself is left out."""
    return Counter(event.unit for event, by_itself in _restarts(events) if not by_itself)


def accounts(run: Run) -> tuple[RestartAccount, ...]:
    """Every restart on the upgraded host, those that a unit did by itself too, in order of phase and time."""
    aside = "fresh" if run.subject.kind == "upgrade" else None
    return tuple(
        RestartAccount(
            unit=event.unit,
            phase=phase.name,
            who=Who(name=ITSELF) if by_itself else starter(phase, event.unit, event.time),
            time=event.time,
            step=step,
            round=number,
        )
        for phase in run.phases
        if phase.services is not None and phase.name != aside
        for event, by_itself in _restarts(phase.services.events)
        for step, number in (step_of(phase, event.time),)
    )


def step_of(phase: Phase, moment: float) -> tuple[int | None, int]:
    """The step, and the round of the loop of steps, that ran at a moment (Unix time)."""
    runs: tuple[PuppetRun | AnsibleRun, ...] = (*phase.puppet, *phase.ansible)
    last = max((run for run in runs if run.started <= moment), key=lambda run: run.started, default=None)
    if last is None:
        return None, 1
    return last.step, last.round if isinstance(last, PuppetRun) else 1


def starter(phase: Phase, unit: str, moment: float) -> Who:
    """Who started a unit at that moment: the task that ran, or the Service resource that Puppet says it acted on."""
    if phase.tool == "ansible":
        found = spans.at(phase, moment)
        if found is not None:
            return Who(name=found[0].name, place=found[0].place, by_task=True)
    elif resource := _acted_on(phase, unit):
        return Who(name=resource.ref, place=resource.declared_at)
    return Who(name=UNNAMED[phase.tool], named=False)


def names_of(unit: str, states: Iterable[UnitState]) -> frozenset[str]:
    """Everything that a unit is called, with and without `.service`."""
    every = {unit}
    for state in states:
        if unit == state.unit or unit in state.aliases:
            every |= {state.unit, *state.aliases}
    return frozenset(every | {name.removesuffix(".service") for name in every})


def service_name(resource: CatalogResource) -> str:
    """The unit that a Service resource is about, as it names it."""
    name = resource.parameters.get("name")
    return name if isinstance(name, str) else title_of(resource.ref)


def _restarts(events: Iterable[UnitEvent]) -> Iterator[tuple[UnitEvent, bool]]:
    """The starts that followed a stop, and whether systemd did it by itself."""
    stopped: set[str] = set()
    by_itself: set[str] = set()
    for event in events:
        if event.kind == "restarts-itself":
            by_itself.add(event.unit)
        elif event.kind == "stopped" and event.unit not in by_itself:
            stopped.add(event.unit)
        elif event.kind == "started":
            if event.unit in stopped or event.unit in by_itself:
                yield event, event.unit not in stopped
            stopped.discard(event.unit)
            by_itself.discard(event.unit)


def _by_puppet(run: Run, phase: Phase) -> Iterator[Finding]:
    declared = {each.resource for each in run.subject.expect if each.property == "refresh" and phase.name == "converge"}
    for unit, starts in counted(phase).items():
        who = starter(phase, unit, starts[0].time)
        yield Finding(
            rule=f"restart.{phase.name}",
            means="note" if who.name in declared and len(starts) == 1 else "diverged",
            phase=phase.name,
            subject=unit,
            message=f"{unit} was restarted {times(len(starts))}{in_steps(phase, starts)}"
            + (f" by Puppet ({who.name})" if who.named else ", and Puppet's report does not say why"),
            hint="Users of the service notice. What made Puppet restart it is among the causes."
            if who.named
            else "Look for an exec or a package script that restarts it.",
            evidence={"restarts": len(starts)},
        )


def _by_tasks(run: Run, phase: Phase) -> Iterator[Finding]:
    budget, states = run.subject.restarts, phase.services.states if phase.services else ()
    for unit, starts in counted(phase).items():
        # The second run of the tasks has nothing to do.
        named = next((name for name in sorted(names_of(unit, states)) if name in budget.units), None)
        allowed = 0 if phase.name != "upgrade" else budget.default if named is None else budget.units[named]
        if len(starts) <= allowed:
            continue
        who = [starter(phase, unit, start.time) for start in starts]
        by: list[JsonValue] = [str(each) for each in who]
        yield Finding(
            rule=f"restart.{phase.name}",
            means="diverged",
            phase=phase.name,
            subject=unit,
            message=f"{unit} was restarted {times(len(starts))}, allowed: {allowed}; by {'; '.join(map(str, by))}",
            declared_at=next((each.place for each in reversed(who) if each.place is not None), None),
            left_by=left(who[-1], f"restarted {unit}"),
            hint="Let the tasks notify one handler instead of restarting it each, or allow more under `restarts` in "
            "the scenario."
            if phase.name == "upgrade"
            else "Nothing had changed in the second run of the tasks: restart it from a handler only.",
            evidence={"restarts": len(starts), "allowed": allowed, "by": by},
        )


def in_steps(phase: Phase, starts: Iterable[UnitEvent]) -> str:
    """In which steps: ` in step 3 and in step 4`; nothing where there are none."""
    steps = [step for start in starts for step, _ in (step_of(phase, start.time),) if step is not None]
    counted = Counter(steps)
    words = [f"in step {step}" + (f" ({times(number)})" if number > 1 else "") for step, number in counted.items()]
    return f" {' and '.join(words)}" if words else ""


def counted(phase: Phase) -> dict[str, list[UnitEvent]]:
    """The starts that count as restarts, by unit."""
    found: dict[str, list[UnitEvent]] = {}
    for event, by_itself in _restarts(phase.services.events if phase.services else ()):
        if not by_itself:
            found.setdefault(event.unit, []).append(event)
    return dict(sorted(found.items()))


def left(who: Who, did: str) -> Left | None:
    """The task that made a unit start, if it was one."""
    return Left(task=who.name, place=who.place, did=did, known="seen") if who.by_task else None


def times(number: int) -> str:
    """How often, in a word."""
    return "once" if number == 1 else f"{number} times"


def _acted_on(phase: Phase, unit: str) -> CatalogResource | None:
    """The Service resource of this unit that Puppet says it changed or refreshed."""
    names = names_of(unit, phase.services.states if phase.services else ())
    for apply in phase.puppet:
        acted = {each.ref for each in (apply.report.notable if apply.report else ()) if each.events}
        for resource in apply.catalog.resources if apply.catalog else ():
            if resource.ref.startswith("Service[") and resource.ref in acted and service_name(resource) in names:
                return resource
    return None
