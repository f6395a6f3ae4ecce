"""Whether a seeded fault was caught. Pure: records in, outcomes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from validator.record import Phase, Run, SelfTest
from validator.selftest.mutants import Mutant
from validator.verdict import Result

Answer = Literal["caught", "missed", "equivalent", "broken"]
SEEDED = "a seeded fault"  # the name of the task that makes a fault, where it is a task more
# Faults whose difference no database can hide: they are on disk, in who runs, or only in what a task says of itself.
IN_SIGHT = {"change-mode", "change-owner", "hide-change", "remove-notify", "stray-line"}
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
    if mutant.operator == "disable-service" and state.enabled != "enabled":
        proof = f"{state.unit} is not enabled in the healthy run either"
    return Outcome(mutant=mutant, answer="equivalent", by=proof, seconds=0.0) if proof else None


def judged(mutant: Mutant, healthy: Run, faulty: Run, result: Result, *, seconds: float) -> Outcome:
    """Compare the run of a fault with the run of the scenario as it is. That one was converged."""
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
    """Why the fault makes no difference, or nothing. Databases are noise on disk: a task that changed one counts."""
    before, after = healthy.phase("upgrade"), faulty.phase("upgrade")
    if before is None or after is None:
        return ""
    if mutant.operator == "noop":
        # What acts when it is refreshed would have been `vacuous.noop`, and what is out of sync `converge.noop`.
        return "every resource that is marked was compared and found in order"
    same_host = _disk(before) == _disk(after) and _units(before) == _units(after) and _starts(before) == _starts(after)
    same_words = _said(before, mutant.task) == _said(after, mutant.task)
    seeded = mutant.task or SEEDED
    did_something = any(_changed(before, seeded)) or (not mutant.task and any(_changed(after, seeded)))
    if same_host and same_words and (mutant.operator in IN_SIGHT or not did_something):
        return "the same host after the upgrade: files, units, starts, and what every other task said"
    return ""


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


def _said(phase: Phase, but: str) -> list[tuple[str, str, bool]]:
    results = [task for tasks in phase.ansible for task in tasks.tasks]
    return sorted((task.name, task.status, task.changed) for task in results if task.name not in {but, SEEDED})


def _changed(phase: Phase, name: str) -> list[bool]:
    return [task.changed for tasks in phase.ansible for task in tasks.tasks if task.name == name]
