"""One turn of `validate watch`: what was changed, what was run, and what it came to. Data, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from validator.comparison import Comparison
from validator.record import Phase, Run, UnitState
from validator.verdict import Result

SCHEMA = "convergence-validator/cycle/1"
STARTED = "was left stopped, and the boot has started it"
NOT_STARTED = "was left running, and the boot has not started it"
REBOOTED = ("converge", "again")  # the phases of a provisional run that are not in the boot of the upgrade


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One turn. Times are Unix times.

    `upgraded_at`: the upgrade tasks were not run; Puppet had a host booted from what they left at that time, so that
    the answer is provisional. `trouble` and `hint` stand for a result where there is none.
    """

    number: int
    started: float
    seconds: float
    changed: tuple[str, ...]
    upgraded_at: float | None = None
    result: Result | None = None
    compared: Comparison | None = None
    remarks: tuple[str, ...] = ()
    trouble: str = ""
    hint: str = ""

    @property
    def provisional(self) -> bool:
        """Whether only a whole run can tell."""
        return self.upgraded_at is not None


def as_left(run: Run) -> tuple[Run, tuple[str, ...]]:
    """The record of a run that started from a saved upgraded host, told as if there had been no boot in between.

    A service that the boot started counts as started when it was before: else every refresh that the tasks lost would
    seem delivered. Beside it, where the boot made a difference that Puppet has met.
    """
    upgrade, converge = run.phase("upgrade"), run.phase("converge")
    if upgrade is None or converge is None or upgrade.services is None or converge.services is None:
        return run, ()
    left = {state.unit: state for state in upgrade.services.states}
    booted = {
        (state.unit, state.invocation): left[state.unit] for state in converge.services.before if state.unit in left
    }
    phases = tuple(_told(phase, booted) if phase.name in REBOOTED else phase for phase in run.phases)
    return replace(run, phases=phases), tuple(
        f"{state.unit} {STARTED if state.runs else NOT_STARTED}"
        for state in converge.services.before
        if state.unit in left and left[state.unit].runs != state.runs and state.kind != "oneshot"
    )


def _told(phase: Phase, booted: dict[tuple[str, str], UnitState]) -> Phase:
    if phase.services is None:
        return phase

    def states(seen: tuple[UnitState, ...]) -> tuple[UnitState, ...]:
        return tuple(_as_before(state, booted.get((state.unit, state.invocation))) for state in seen)

    services = replace(phase.services, before=states(phase.services.before), states=states(phase.services.states))
    return replace(phase, services=services)


def _as_before(state: UnitState, left: UnitState | None) -> UnitState:
    if left is None:
        return state
    return replace(state, started_at=left.started_at, invocation=left.invocation, pid=left.pid, restarts=left.restarts)
