"""What became of the services: none may have died, go on restarting itself, or be left stopped or disabled.

Starting a service succeeds when its process was started; whether it lives is seen at the end only, and Puppet asks
neither for services that it does not manage nor after it has looked once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from validator.checks import restarts, spans
from validator.checks.known import catalogs
from validator.findings import Finding, Left
from validator.record import CatalogResource, Phase, PhaseName, Run, Task, TaskSpan, UnitEvent, UnitState
from validator.redact import MARK

MODULES = frozenset(("service", "systemd", "systemd_service", "sysvinit"))
KINDS = (".service", ".socket", ".timer", ".path")
# The service manager's own parts, logins, and what comes and goes with them.
OWN = re.compile(r"systemd-|user@|user-runtime-dir@|modprobe@|session-|init\.scope|(?:.*-)?getty|dbus-")
FLAPS = 3  # restarts by itself that an upgrade may not explain; a database that is away for a moment explains fewer
TOGETHER = 2.0  # seconds within which a stop and a start belong to one transaction of systemd's
GONE = "not-found"
# Each list is one boot of the host that is judged, its phases in order.
BOOTS: dict[str, tuple[tuple[PhaseName, ...], ...]] = {
    "upgrade": (("upgrade", "converge", "again"),),
    "fault": (("upgrade",), ("fault", "converge", "again")),
    "idempotence": (("fresh", "again"),),
    "upgrade-idempotence": (("upgrade", "upgrade-again"),),
}


def check(run: Run) -> Iterator[Finding]:
    """One finding for each unit that is not as it should be at the end."""
    world = _World(run)
    dead: set[str] = set()
    for finding in _died(world):
        dead.add(finding.subject)
        yield finding
    for finding in _failed(world, dead):
        dead.add(finding.subject)
        yield finding
    yield from _flapping(world, dead)
    if run.phase("converge") is not None and catalogs(run):
        yield from _left(world, dead)


def judged(unit: str) -> bool:
    """Whether a unit is one that a release may care about."""
    return unit.endswith(KINDS) and OWN.match(unit) is None


@dataclass(frozen=True)
class _World:
    """The services of the host that is judged, boot by boot."""

    run: Run

    @cached_property
    def boots(self) -> tuple[tuple[Phase, ...], ...]:
        kind = "fault" if self.run.phase("fault") is not None else self.run.subject.kind
        phases = (tuple(self.run.phase(name) for name in names) for names in BOOTS[kind])
        seen = (tuple(phase for phase in each if phase is not None and phase.services is not None) for each in phases)
        return tuple(each for each in seen if each)

    @cached_property
    def beginning(self) -> dict[str, UnitState]:
        """Before the first tool ran on the old release's host."""
        first = self.boots[0][0].services if self.boots else None
        old = self.run.phase("old")
        before = first.before if first else ()
        return _by_name(before or (old.services.states if old and old.services else ()))

    @cached_property
    def end(self) -> dict[str, UnitState]:
        last = self.boots[-1][-1].services if self.boots else None
        return _by_name(last.states if last else ())

    @cached_property
    def services(self) -> dict[str, CatalogResource]:
        """The Service resources of the new release, by every name of their unit."""
        states = (*self.beginning.values(), *self.end.values())
        return {
            name: resource
            for catalog in catalogs(self.run)
            for resource in catalog.resources
            if resource.ref.startswith("Service[")
            for name in restarts.names_of(_unit(restarts.service_name(resource)), states)
        }

    def names(self, unit: str) -> frozenset[str]:
        """Everything a unit is called."""
        return restarts.names_of(unit, (*self.beginning.values(), *self.end.values()))

    def is_watched(self, unit: str) -> bool:
        return not self.names(unit).isdisjoint(self.run.subject.watched)

    def events(self, unit: str, boot: tuple[Phase, ...]) -> Iterator[tuple[Phase, UnitEvent]]:
        """What happened to a unit in one boot, and in which phase."""
        for phase in boot:
            for event in phase.services.events if phase.services else ():
                if event.unit == unit:
                    yield phase, event


def _died(world: _World) -> Iterator[Finding]:
    """Units that somebody started and that do not run any more, though nobody stopped them."""
    boot = world.boots[-1] if world.boots else ()
    started = {
        event.unit
        for phase in boot
        for event in (phase.services.events if phase.services else ())
        if event.kind == "started" and judged(event.unit)
    }
    for unit in sorted(started):
        state = world.end.get(unit)
        if state is not None and (state.runs or (state.kind == "oneshot" and state.result == "success")):
            continue
        history = tuple(world.events(unit, boot))
        index = max(number for number, (_, event) in enumerate(history) if event.kind == "started")
        later = tuple(event for _, event in history[index + 1 :])
        why = _why_dead(world, unit, state, later)
        if why:
            yield _death(world, history[index], later, why)


def _why_dead(world: _World, unit: str, state: UnitState | None, later: tuple[UnitEvent, ...]) -> str:
    """Why a unit that does not run should; empty when nothing says so."""
    resource = world.services.get(unit)
    if resource is not None and resource.parameters.get("ensure") in {"running", True, "true"}:
        return f"{resource.ref} wants it to run"
    if any(event.kind == "stopped" and event.job == "stop" for event in later):
        return ""
    if any(event.kind == "failed" for event in later) or (state and state.result not in {"", "success"}):
        return f"it ended with the result {state.result!r}" if state and state.result else "it failed"
    return "the scenario names it under `services`, and nobody stopped it" if world.is_watched(unit) else ""


def _death(world: _World, born: tuple[Phase, UnitEvent], later: tuple[UnitEvent, ...], why: str) -> Finding:
    phase, start = born
    unit, who = start.unit, restarts.starter(phase, start.unit, start.time)
    ended = next((event for event in later if event.kind in {"failed", "stopped"}), None)
    lived = "when it ended is not in the journal" if ended is None else f"lived {ended.time - start.time:.1f} s"
    rival = _rival(world, ended) if ended is not None and ended.job == "stop" else None
    if rival is not None:
        other = restarts.starter(*rival)
        lived += f", and was stopped when {rival[1]} was started by {other}"
    resource = world.services.get(unit)
    return Finding(
        rule="service.died",
        means="diverged",
        phase=phase.name,
        subject=unit,
        message=f"{unit} does not run any more: {why}; it was started {start.time - phase.started:.1f} s into "
        f"`{phase.name}` by {who}, {lived}",
        declared_at=who.place or (resource.declared_at if resource else None),
        left_by=restarts.left(who, f"started {unit}"),
        hint="Read the unit's own journal in the host: its process was started and then ended."
        if rival is None
        else f"The two exclude each other (`Conflicts=` of a unit): declare one of {unit} and {rival[1]} stopped.",
        evidence={
            "started": start.time,
            "by": str(who),
            "ended": ended.time if ended else None,
            "state": _words(world.end.get(unit)),
        },
    )


def _rival(world: _World, ended: UnitEvent) -> tuple[Phase, str, float] | None:
    """Another unit that was started just when this one was told to stop: systemd stops what conflicts with it."""
    found = [
        (abs(event.time - ended.time), (phase, event.unit, event.time))
        for phase in world.boots[-1]
        for event in (phase.services.events if phase.services else ())
        if event.kind == "started" and event.unit != ended.unit and judged(event.unit)
    ]
    nearest = min(found, key=lambda each: each[0], default=None)
    return nearest[1] if nearest is not None and nearest[0] <= TOGETHER else None


def _failed(world: _World, dead: set[str]) -> Iterator[Finding]:
    """Units that failed since the beginning."""
    for unit, state in world.end.items():
        before = world.beginning.get(unit)
        if state.active != "failed" or unit in dead or not judged(unit) or (before and before.active == "failed"):
            continue
        boot = world.boots[-1]
        history = tuple(world.events(unit, boot))
        last = next(((phase, event) for phase, event in reversed(history) if event.kind == "failed"), None)
        # A service that was told to stop and ended badly while it did so: it is down because somebody wanted that.
        ends = [event for _, event in history if event.kind in {"stopped", "started"}]
        told = bool(ends) and ends[-1].kind == "stopped" and ends[-1].job == "stop"
        # A timer's job that fails says nothing of the upgrade, unless somebody cares for it.
        aside = state.kind == "oneshot" and state.enabled in {"static", ""} and unit not in world.services
        quiet = told or (aside and not world.is_watched(unit))
        yield Finding(
            rule="service.failed",
            means="note" if quiet else "diverged",
            phase=last[0].name if last else boot[0].name,
            subject=unit,
            message=f"{unit} was told to stop and ended with the result {state.result!r}"
            if told
            else f"{unit} has failed (result {state.result!r}); before the upgrade it had not",
            hint="Read the unit's own journal in the host.",
            evidence={"state": _words(state), "before": _words(before)},
        )


def _flapping(world: _World, dead: set[str]) -> Iterator[Finding]:
    """Units that systemd started anew by itself, because their process had ended."""
    counted: dict[str, dict[PhaseName, int]] = {}
    for boot in world.boots:
        for phase in boot:
            for event in phase.services.events if phase.services else ():
                if event.kind == "restarts-itself" and judged(event.unit):
                    by_phase = counted.setdefault(event.unit, {})
                    by_phase[phase.name] = by_phase.get(phase.name, 0) + 1
    for unit, by_phase in sorted(counted.items()):
        if unit in dead:
            continue
        lasts = not {"converge", "again"}.isdisjoint(by_phase)
        loud = lasts or max(by_phase.values()) >= FLAPS
        times = ", ".join(f"{number}x in `{name}`" for name, number in by_phase.items())
        last = [each for boot in world.boots for each in _before_it_fell(tuple(world.events(unit, boot)))][-1:]
        yield Finding(
            rule="service.flapping",
            means="diverged" if loud else "note",
            phase=next(iter(by_phase)),
            subject=unit,
            left_by=restarts.left(restarts.starter(last[0][0], unit, last[0][1].time), f"started {unit}")
            if last
            else None,
            message=f"{unit} ended and was restarted by systemd itself: {times}"
            + ("" if loud else "; it runs now" if _runs(world.end.get(unit)) else ""),
            hint="Its process ends by itself: read the unit's own journal in the host."
            if loud
            else "Something it needs was away for a moment.",
            evidence={"restarts": {str(name): number for name, number in by_phase.items()}},
        )


def _before_it_fell(history: tuple[tuple[Phase, UnitEvent], ...]) -> Iterator[tuple[Phase, UnitEvent]]:
    """The start after which a unit ended by itself for the first time in one boot."""
    fell = next((number for number, (_, event) in enumerate(history) if event.kind == "restarts-itself"), 0)
    yield from [each for each in history[:fell] if each[1].kind == "started"][-1:]


@dataclass(frozen=True, kw_only=True)
class _When:
    """When a unit went down or was disabled: the phase, and the task that ran, where that is on record."""

    phase: Phase
    event: UnitEvent | None = None
    span: TaskSpan | None = None
    results: tuple[Task, ...] = ()

    def asked(self, names: frozenset[str], wanted: Mapping[str, JsonValue]) -> bool:
        """Whether a task asked for it: a service module with one of the `wanted` arguments, or a command."""
        results = self.results
        if self.span is None and self.phase.tool == "ansible" and not any(spans.of(self.phase)):
            results = tuple(task for tasks in self.phase.ansible for task in tasks.tasks)  # no borders are on record
        return any(_asks(task, names, wanted) for task in results if task.status != "skipped")


def _left(world: _World, dead: set[str]) -> Iterator[Finding]:
    """Units that ran or were enabled before the upgrade and are not at the end, though nobody asked for that."""
    for unit, before in world.beginning.items():
        state = world.end.get(unit)
        if not judged(unit) or before.kind == "oneshot" or unit in world.services:
            continue
        gone = state is None or state.load == GONE
        if gone and not world.is_watched(unit):
            continue
        names, down = world.names(unit), _down(world, unit)
        by_itself = before.kind == "dbus" and (down is None or down.event is None or down.event.job != "stop")
        if down is not None and unit not in dead and not by_itself and not down.asked(names, {"state": "stopped"}):
            yield _finding(unit, "stopped", down, (before, state))
        off = _disabled(world, unit)
        if off is not None and not off.asked(names, {"enabled": False, "masked": True}):
            yield _finding(unit, "disabled", off, (before, state))


def _down(world: _World, unit: str) -> _When | None:
    """When a unit went down that does not run at the end; None when it runs, or did not run before."""
    if _runs(world.end.get(unit)):
        return None
    for boot in world.boots:
        first, last = boot[0].services, boot[-1].services
        at_first = _by_name(first.before if first else ()) or world.beginning
        at_last = _by_name(last.states if last else ())
        if not _runs(at_first.get(unit)) or _runs(at_last.get(unit)):
            continue
        downs = [each for each in world.events(unit, boot) if each[1].kind in {"stopped", "failed"}]
        if not downs:
            return _in_span(boot, unit, lambda state: not state.runs) or _When(phase=boot[0])
        phase, event = downs[-1]
        span, results = spans.at(phase, event.time) or (None, ())
        return _When(phase=phase, event=event, span=span, results=results)
    return None


def _disabled(world: _World, unit: str) -> _When | None:
    """When a unit was disabled or masked that was enabled before; None when it was not."""
    before, state = world.beginning[unit], world.end.get(unit)
    if before.enabled not in {"enabled", "enabled-runtime"} or state is None or not _is_off(state):
        return None
    found = (_in_span(boot, unit, _is_off) for boot in world.boots)
    return next((each for each in found if each is not None), None) or _When(phase=world.boots[0][0])


def _in_span(boot: tuple[Phase, ...], unit: str, is_so: Callable[[UnitState], bool]) -> _When | None:
    """The first task after which a unit was so."""
    for phase in boot:
        for span, results in spans.of(phase):
            if any(state.unit == unit and is_so(state) for state in span.units):
                return _When(phase=phase, span=span, results=results)
    return None


def _asks(task: Task, names: frozenset[str], wanted: Mapping[str, JsonValue]) -> bool:
    is_service = task.module.rpartition(".")[2] in MODULES
    if task.args == MARK:
        return is_service  # hidden by no_log: it may well be this one
    if is_service and isinstance(task.args, dict):
        fits = any(task.args.get(name) == value for name, value in wanted.items())
        return fits and task.args.get("name") in names
    text = " ".join(_texts(task.args))
    # A bare name between slashes is a directory's, not the unit's.
    return any(
        re.search(rf"(?:(?<=init\.d/)|(?<=systemd/system/)|(?<![\w.@/-])){re.escape(name)}(?![\w@/-]|\.\w)", text)
        for name in names
    )


def _finding(unit: str, what: str, when: _When, states: tuple[UnitState, UnitState | None]) -> Finding:
    before, state = states
    while_ran = f" while the task '{when.span.name}' ran" if when.span else ""
    message = (
        f"{unit} ran before the upgrade and does not at the end; it went down in `{when.phase.name}`{while_ran}"
        if what == "stopped"
        else f"{unit} was enabled before the upgrade and is {state.enabled if state else GONE} at the end{while_ran}"
    )
    return Finding(
        rule=f"service.{what}",
        means="diverged",
        phase=when.phase.name,
        subject=unit,
        message=f"{message}; no task asks for that, and the new release does not manage the unit",
        declared_at=when.span.place if when.span else None,
        left_by=Left(task=when.span.name, place=when.span.place, did=f"{what} {unit}", known="seen")
        if when.span
        else None,
        hint="If that is wanted, let a task say so (`service:` with its name); else find the side effect.",
        evidence={"before": _words(before), "state": _words(state)},
    )


def _by_name(states: Iterable[UnitState]) -> dict[str, UnitState]:
    return {state.unit: state for state in states}


def _runs(state: UnitState | None) -> bool:
    return state is not None and state.runs


def _is_off(state: UnitState) -> bool:
    return state.enabled.removesuffix("-runtime") in {"disabled", "masked"}


def _unit(name: str) -> str:
    return name if name.endswith((*KINDS, ".target", ".mount")) else f"{name}.service"


def _words(state: UnitState | None) -> str:
    """A state in a few words."""
    if state is None:
        return GONE
    return ", ".join(word for word in (state.active, state.result, state.enabled) if word and word != "success")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
