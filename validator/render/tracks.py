"""A timeline as bars on tracks: one track for each phase, as wide as the phase was long.

The time between phases is cut out: a cached phase ran long before the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from validator.checks.restarts import RestartAccount
from validator.checks.timeline import Span
from validator.verdict import PhaseSummary, Result

NEAR = 4.0  # marks nearer to each other than this, in percent of a track, would cover one another


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A Puppet run or a task; `left` and `width` are percent of its track."""

    span: Span
    left: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Restart:
    """A restart and its number, which is the same wherever it is shown."""

    number: int
    account: RestartAccount


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Restarts at about one moment; `left` is percent of the track."""

    left: float
    restarts: tuple[Restart, ...]

    @property
    def label(self) -> str:
        """Their numbers: `3`, or `3-5`."""
        first, last = self.restarts[0].number, self.restarts[-1].number
        return str(first) if first == last else f"{first}-{last}"


@dataclass(frozen=True, kw_only=True)
class Track:
    """A phase with what ran in it, and the restarts meanwhile."""

    phase: Span
    summary: PhaseSummary
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]

    @property
    def restarts(self) -> tuple[Restart, ...]:
        """All of its restarts, in order of time."""
        return tuple(restart for mark in self.marks for restart in mark.restarts)


def tracks(result: Result) -> tuple[Track, ...]:
    """One for each phase, in order."""
    summaries = {phase.name: phase for phase in result.phases}
    restarts = [Restart(number=number, account=each) for number, each in enumerate(result.restarts, 1)]
    return tuple(
        Track(
            phase=phase,
            summary=summaries[phase.name],
            bars=tuple(
                Bar(span=span, left=_percent(phase, span.start), width=_percent(phase, span.end, since=span.start))
                for span in result.timeline
                if span.phase == phase.name and span.kind != "phase"
            ),
            marks=tuple(_marks(phase, [each for each in restarts if each.account.phase == phase.name])),
        )
        for phase in result.timeline
        if phase.kind == "phase" and phase.name in summaries
    )


def counted(result: Result) -> tuple[tuple[str, ...], dict[str, tuple[int, ...]]]:
    """How often each unit was restarted in each step: the names of the steps, and the numbers by unit."""
    rounds = max((each.round for each in result.restarts), default=1)

    def where(each: RestartAccount) -> str:
        loop = f" loop {each.round}" if rounds > 1 else ""
        return each.phase + loop + ("" if each.step is None else f" step {each.step}")

    steps = tuple(dict.fromkeys(map(where, result.restarts)))
    times = Counter((each.unit, where(each)) for each in result.restarts)
    units = sorted({each.unit for each in result.restarts})
    return steps, {unit: tuple(times[unit, step] for step in steps) for unit in units}


def _marks(phase: Span, restarts: Sequence[Restart]) -> Iterator[Mark]:
    together: list[Restart] = []
    for restart in restarts:
        if together and _percent(phase, restart.account.time, since=together[0].account.time) > NEAR:
            yield Mark(left=_percent(phase, together[0].account.time), restarts=tuple(together))
            together = []
        together.append(restart)
    if together:
        yield Mark(left=_percent(phase, together[0].account.time), restarts=tuple(together))


def _percent(phase: Span, moment: float, *, since: float | None = None) -> float:
    """How much of the phase had gone by, never out of its bounds."""
    begun = phase.start if since is None else since
    return round(min(100.0, max(0.0, 100 * (moment - begun) / max(phase.seconds, 0.001))), 3)
