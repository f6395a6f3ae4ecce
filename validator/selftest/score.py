"""Whether a seeded fault was caught. Pure: records in, outcomes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from validator.record import Phase, Run, SelfTest, Task
from validator.selftest.mutants import SEEDED, Mutant
from validator.verdict import Result

Answer = Literal["caught", "missed", "equivalent", "broken"]
# Faults that change nothing themselves: what they lead to is what other tasks and handlers say.
WORDS_ONLY = {"hide-change", "remove-notify"}
# Faults that are on disk: no database can hide them, but the path may be one that is left out there.
ON_DISK = {"change-mode", "change-owner"}
PATHS = ("path", "dest", "name")  # arguments that name the file of a task
# What `systemctl disable` does nothing to. It does to `generated`, `indirect`, `alias` and `enabled-runtime`.
NOT_ENABLED = {"disabled", "static", "masked"}
MACHINE = {"evidence.run"}  # findings that are not the fault's doing: the host or the machine gave way


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one fault. `by` is the rule of the first finding that caught it, or why there is none."""

    mutant: Mutant
    answer: Answer
    by: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SelfTestResult:
    """All outcomes. `derived` counts the faults there are; fewer outcomes say that not all were run.

    `where` is what the command calls the scenario: a name, or a path.
    """

    scenario: str
    where: str
    title: str
    digest: str
    derived: int
    outcomes: tuple[Outcome, ...]
    seconds: float
    when: float
    schema: str = field(default="convergence-validator/selftest/1")

    @property
    def complete(self) -> bool:
        """Whether every fault that can be derived was run and judged."""
        return len(self.outcomes) == self.derived and not self.count("broken")

    @property
    def kept(self) -> SelfTest:
        """The numbers that other results show."""
        return SelfTest(
            when=self.when,
            caught=self.count("caught"),
            missed=self.count("missed"),
            equivalent=self.count("equivalent"),
        )

    @property
    def score(self) -> float | None:
        """The share of faults that were caught, of those that make a difference; None when there are none."""
        judged = self.count("caught") + self.count("missed")
        return self.count("caught") / judged if judged else None

    def count(self, answer: Answer) -> int:
        """How many faults ended so."""
        return sum(outcome.answer == answer for outcome in self.outcomes)


def foreseen(mutant: Mutant, healthy: Run) -> Outcome | None:
    """The outcome of a fault that need not be run: a unit is stopped or disabled that is so anyway."""
    last = healthy.phases[-1].services if healthy.phases else None
    state = next((state for state in (last.states if last else ()) if state.unit == mutant.unit), None)
    if state is None:
        return None
    proof = ""
    if mutant.operator == "stop-service" and not state.runs:
        proof = f"{state.unit} does not run in the healthy run either"
    if mutant.operator == "disable-service" and state.enabled in NOT_ENABLED:
        proof = f"{state.unit} is not enabled in the healthy run either"
    return Outcome(mutant=mutant, answer="equivalent", by=proof, seconds=0.0) if proof else None


def homeward(run: Run, copy: str, home: str) -> Run:
    """The run of a faulty copy, with the places of its upgrade tasks as they are in the author's directory."""

    def at_home(task: Task) -> Task:
        file = task.place.file.lstrip("/") if task.place else ""
        below = file.removeprefix(f"{copy.lstrip('/')}/")
        if task.place is None or below == file:
            return task
        return replace(task, place=replace(task.place, file=f"{home}/{below}"))

    def of_phase(phase: Phase) -> Phase:
        runs = (replace(tasks, tasks=tuple(map(at_home, tasks.tasks))) for tasks in phase.ansible)
        return replace(phase, ansible=tuple(runs))

    return replace(run, phases=tuple(map(of_phase, run.phases)))


def judged(mutant: Mutant, healthy: Run, faulty: Run, result: Result, *, seconds: float) -> Outcome:
    """Compare the run of a fault with the run of the scenario as it is. That one was converged."""
    if unmade := next((task for task in _tasks(faulty.phase("upgrade")) if _is_unmade(task)), None):
        by = f"the fault itself could not be made: {unmade.message or unmade.status}"
        return Outcome(mutant=mutant, answer="broken", by=by, seconds=seconds)
    errors = [finding for finding in result.findings if finding.severity == "error"]
    if result.verdict != "converged":
        first = errors[0] if errors else None
        broken = bool(errors) and all(finding.rule in MACHINE for finding in errors)
        by = f"{first.rule}: {first.subject}" if first else result.verdict
        return Outcome(mutant=mutant, answer="broken" if broken else "caught", by=by, seconds=seconds)
    proof = _equivalence(mutant, healthy, faulty)
    return Outcome(
        mutant=mutant,
        answer="equivalent" if proof else "missed",
        by=proof or "the run converged, and the host or a task's result differs from the healthy run",
        seconds=seconds,
    )


def _equivalence(mutant: Mutant, healthy: Run, faulty: Run) -> str:
    """Why the fault makes no difference, or nothing. Databases are noise on disk: a task that changed one counts.

    Tasks are known by their places: names are shared, redacted, and have variables and roles in them.
    """
    before, after = healthy.phase("upgrade"), faulty.phase("upgrade")
    if before is None or after is None:
        return ""
    if mutant.operator == "noop":
        # What acts when it is refreshed would have been `vacuous.noop`, and what is out of sync `converge.noop`.
        return "every resource that is marked was compared and found in order"
    same_host = _disk(before) == _disk(after) and _units(before) == _units(after) and _starts(before) == _starts(after)
    about = [(task, phase) for phase in (before, after) for task in _tasks(phase) if _is_about(task, mutant)]
    others = [[task for task in _tasks(phase) if not _is_about(task, mutant)] for phase in (before, after)]
    if mutant.variables is not None:  # what any task changed may be of the variable's making
        about = [(task, phase) for phase in (before, after) for task in _tasks(phase)]
    if not same_host or _said(others[0]) != _said(others[1]) or _probed(before) != _probed(after):
        return ""
    if mutant.operator not in WORDS_ONLY and any(task.place is None for task, _ in about):
        return ""
    hidden = [task for task, phase in about if task.changed and not _is_in_sight(task, phase, mutant)]
    if hidden and mutant.operator not in WORDS_ONLY:
        return ""
    return "the same host after the upgrade: files, units, starts, and what every other task said"


def _tasks(phase: Phase | None) -> Iterator[Task]:
    for tasks in phase.ansible if phase else ():
        yield from tasks.tasks


def _is_unmade(task: Task) -> bool:
    """Whether this is the fault, and it failed: then it says nothing of the scenario."""
    return task.name == SEEDED and task.status in {"failed", "unreachable"}


def _is_about(task: Task, mutant: Mutant) -> bool:
    """Whether a result is of the seeded task. In the faulty file it begins on the same line as in the author's."""
    return task.place == mutant.place if mutant.task else task.name == SEEDED


def _is_in_sight(task: Task, phase: Phase, mutant: Mutant) -> bool:
    """Whether all that a task changed is a file that the disk witness has compared."""
    if mutant.operator not in ON_DISK or not isinstance(task.args, dict) or phase.disk is None:
        return False
    path = next((task.args[name] for name in PATHS if task.args.get(name)), None)
    return any(change.path == path and change.kind != "touched" for change in phase.disk.changes)


def _disk(phase: Phase) -> set[tuple[object, ...]]:
    seen = phase.disk.changes if phase.disk else ()
    return {
        (each.path, each.kind, side.kind, side.mode, side.owner, side.group, side.link, side.digest)
        if (side := each.after) is not None
        else (each.path, each.kind)
        for each in seen
        if each.kind != "touched"
    }


def _units(phase: Phase) -> set[tuple[str, bool, str]]:
    return {(state.unit, state.runs, state.enabled) for state in (phase.services.states if phase.services else ())}


def _starts(phase: Phase) -> list[tuple[str, str]]:
    return sorted((event.unit, event.kind) for event in (phase.services.events if phase.services else ()))


def _said(results: list[Task]) -> list[tuple[str, str, bool]]:
    return sorted((task.name, task.status, task.changed) for task in results)


def _probed(phase: Phase) -> list[tuple[str, int, bool]]:
    return [(probe.name, probe.exit_code, bool(probe.trouble)) for probe in phase.probes]
