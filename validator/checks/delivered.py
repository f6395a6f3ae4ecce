"""When what a refresh would have done was done by somebody: restarts of a unit, runs of a command.

Told from what witnesses saw, not from what tools say of themselves: of a service the starts of its unit, and tasks
only where nobody watches units or the service has commands of its own. A command leaves nothing but the task.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from validator.checks import commands
from validator.checks.blame import SERVICE_MODULES
from validator.checks.commands import Line
from validator.checks.managed import is_yes, text
from validator.checks.ondisk import SLACK
from validator.checks.relations import kind_of, title_of
from validator.record import COMMAND_MODULES, CatalogResource, Event, Phase, PhaseName, Run, Task, UnitState
from validator.redact import MARK

WATCHED: tuple[PhaseName, ...] = ("upgrade", "fault", "converge", "again")
SHELL_MODULES = {"shell", "raw"}
SYSTEMD_MODULES = {"systemd", "systemd_service"}
RUNNING = {"running", "true"}
STOPPED = {"stopped", "false"}
UNIT_SUFFIX = re.compile(r"\.(?:service|socket|timer|path|target|mount)$")


@dataclass(frozen=True, kw_only=True)
class Deliveries:
    """What is known of a target. `done`: nothing can be lost, whenever the source was written.

    `times` are Unix times, in order; one up to `slack` seconds earlier than a write still counts as after it.
    `blind`: who should have watched it did not, so that nothing can be said. `reloads` are reloads of a unit that
    count for nothing, because Puppet would have restarted it.
    """

    times: tuple[float, ...] = ()
    done: bool = False
    slack: float = 0.0
    blind: bool = False
    reloads: tuple[float, ...] = ()

    def after(self, written: float) -> bool:
        """Whether it was delivered after a source was written."""
        if self.done:
            return True
        # A unit that started in the very moment of the write may have read the old file.
        return any(time > written - self.slack for time in self.times)

    def before(self, written: float) -> float | None:
        """The last delivery that came too early."""
        return max((time for time in self.times if time <= written), default=None)


def of(run: Run, target: CatalogResource) -> Deliveries:
    """What is known of a service or an exec."""
    if _by_puppet(run, target.ref) or _proved(run, target.ref):
        return Deliveries(done=True)
    return _of_service(run, target) if kind_of(target.ref) == "Service" else _of_exec(run, target)


def is_target(resource: CatalogResource) -> bool:
    """Whether a refresh of it does something: a service that is not to be stopped, an exec that waits for one."""
    if is_yes(resource.parameters.get("noop")):
        return False
    if kind_of(resource.ref) == "Exec":
        return is_yes(resource.parameters.get("refreshonly"))
    return kind_of(resource.ref) == "Service" and text(resource.parameters.get("ensure")) not in STOPPED


def command_of(target: CatalogResource) -> Line:
    """What a refresh of an exec runs."""
    given = target.parameters
    command = given.get("refresh") or given.get("command") or title_of(target.ref)
    if isinstance(command, list):
        return Line(words=tuple(map(text, command)))
    return Line(text=text(command))


def unit_of(target: CatalogResource) -> str:
    """The unit of a service."""
    return _unit(text(target.parameters.get("name")) or title_of(target.ref))


def hidden_after(run: Run, written: float) -> bool:
    """Whether a command ran after a write that the record hides (no_log)."""
    return any(task.args == MARK and task.start >= written and _module(task) in COMMAND_MODULES for task in _tasks(run))


def _by_puppet(run: Run, ref: str) -> bool:
    """Whether Puppet delivered it while it converged: a refresh, a start, a run."""
    converge = run.phase("converge")
    events = (
        event
        for apply in (converge.puppet if converge else ())
        if apply.report is not None
        for resource in apply.report.notable
        if resource.ref == ref
        for event in resource.events
    )
    return any(event.status == "success" and _delivers(event) for event in events)


def _delivers(event: Event) -> bool:
    started = event.property == "ensure" and text(event.desired) in RUNNING
    return event.property in {None, "returns"} or started


def _proved(run: Run, ref: str) -> bool:
    """Whether a probe of the scenario says that it was done: right after the last tasks, or else after Puppet."""
    proofs = [proof.probe for proof in run.subject.proofs if any(_fits(pattern, ref) for pattern in proof.resources)]
    return any(_passed(run, probe) for probe in proofs)


def _passed(run: Run, name: str) -> bool:
    last: PhaseName = "upgrade" if run.phase("fault") is None else "fault"
    for phase in map(run.phase, (last, "converge")):
        for probe in phase.probes if phase else ():
            if probe.name == name:
                return not probe.trouble
    return False


def _fits(pattern: str, ref: str) -> bool:
    """`*` matches anything; the brackets of a reference are no pattern."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), ref, re.DOTALL) is not None


# --- Services ---


def _of_service(run: Run, target: CatalogResource) -> Deliveries:
    own = [Line(text=command) for name in ("restart", "start") if (command := text(target.parameters.get(name)))]
    reloads = "reload" in text(target.parameters.get("restart"))
    unit = unit_of(target)
    if not run.subject.services:
        times = [task.start for task in _tasks(run) if _restarts(task, unit, reloads=reloads, own=own)]
        return Deliveries(times=tuple(sorted(times)))
    times = [task.start for task in _tasks(run) if any(_runs(task, command) for command in own)]
    sight = _Sight(run, unit, reloads=reloads)
    if not text(target.parameters.get("ensure")) and not sight.runs and (sight.states or not own):
        return Deliveries(done=not sight.blind, blind=sight.blind)
    return Deliveries(
        times=tuple(sorted((*times, *sight.times))),
        blind=sight.blind and not sight.states,
        reloads=() if reloads else sight.reloads,
    )


class _Sight:
    """What the service witness saw of one unit, under any of its names."""

    def __init__(self, run: Run, unit: str, *, reloads: bool) -> None:
        phases = [phase for name in WATCHED if (phase := run.phase(name)) is not None]
        everything = [state for phase in phases for state in _states(phase)]
        names = {unit}
        for state in everything:
            if names.intersection((state.unit, *state.aliases)):
                names.update((state.unit, *state.aliases))
        self.states = [state for state in everything if state.unit in names]
        judged = [phase for phase in phases if phase.name != "again"]
        self.blind = any(phase.services is None or phase.services.trouble for phase in judged)
        ends = [phase.services.states for phase in judged if phase.services is not None]
        self.runs = any(state.runs for state in (ends[-1] if ends else ()) if state.unit in names)
        # A unit's program has read its configuration before the unit says that it has started.
        began = {state.invocation: state.started_at for state in self.states if state.invocation and state.started_at}
        kinds = {"started", "reloaded"} if reloads else {"started"}
        seen = (event for phase in phases if phase.services is not None for event in phase.services.events)
        own = [event for event in seen if event.unit in names]
        events = [event for event in own if event.kind in kinds]
        self.reloads = tuple(event.time for event in own if event.kind == "reloaded")
        self.times = {state.started_at for state in self.states if state.started_at} | {
            event.time if event.kind == "reloaded" else began.get(event.invocation, event.time) for event in events
        }


def _states(phase: Phase) -> Iterator[UnitState]:
    if phase.services is not None:
        yield from phase.services.before
        yield from phase.services.states
    for run in phase.ansible:
        for span in run.spans:
            yield from span.units


def _restarts(task: Task, unit: str, *, reloads: bool, own: Iterable[Line]) -> bool:
    """Whether a task restarted a service that no service manager watches over."""
    if any(_runs(task, command) for command in own):
        return True
    if task.status == "ok" and _module(task) in SERVICE_MODULES and isinstance(task.args, dict):
        state = text(task.args.get("state"))
        does = state == "restarted" or (state == "started" and task.changed) or (state == "reloaded" and reloads)
        return does and _unit(text(task.args.get("name"))) == unit
    line = line_of(task)
    done = commands.restart(line) if line is not None else None
    return done is not None and _unit(done.unit) == unit and (not done.reload or reloads)


# --- Execs ---


def _of_exec(run: Run, target: CatalogResource) -> Deliveries:
    wanted = command_of(target)
    times = [task.start for task in _tasks(run) if _runs(task, wanted) or _is_module_for(task, wanted)]
    asked = commands.restart(wanted)
    if asked is not None and run.subject.services:
        times.extend(_Sight(run, _unit(asked.unit), reloads=asked.reload).times)
    elif asked is not None:
        unit = _unit(asked.unit)
        times.extend(task.start for task in _tasks(run) if _restarts(task, unit, reloads=asked.reload, own=()))
    return Deliveries(times=tuple(sorted(times)), slack=SLACK)


def _runs(task: Task, wanted: Line) -> bool:
    line = line_of(task)
    return line is not None and commands.runs(line, wanted)


def line_of(task: Task) -> Line | None:
    """The command line that a task ran to a good end; None for other tasks, and where it may not have run."""
    module, args = _module(task), task.args
    if task.status != "ok" or module not in COMMAND_MODULES or not isinstance(args, dict):
        return None
    if (args.get("creates") or args.get("removes")) and not task.changed:
        return None  # it is `ok` as well when it had nothing to do
    if isinstance(argv := args.get("argv"), list) and argv:
        return Line(words=tuple(map(text, argv)))
    for name in ("cmd", "_raw_params"):
        if isinstance(command := args.get(name), str) and command.strip():
            return Line(text=command, shell=module in SHELL_MODULES or is_yes(args.get("_uses_shell")))
    return None


def _is_module_for(task: Task, wanted: Line) -> bool:
    """`systemctl daemon-reload` is what Ansible's systemd module does with `daemon_reload: true`."""
    if task.status != "ok" or _module(task) not in SYSTEMD_MODULES or not isinstance(task.args, Mapping):
        return False
    return is_yes(task.args.get("daemon_reload")) and commands.runs(Line(text="systemctl daemon-reload"), wanted)


def _tasks(run: Run) -> Iterator[Task]:
    for name in ("upgrade", "fault"):
        phase = run.phase(name)
        for tasks in phase.ansible if phase else ():
            yield from tasks.tasks


def _module(task: Task) -> str:
    return task.module.rpartition(".")[2]


def _unit(name: str) -> str:
    return name if UNIT_SUFFIX.search(name) else f"{name}.service"
