"""What ran when: the phases of a run, and in them each Puppet run and each task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from validator.checks import spans
from validator.record import AnsibleRun, Phase, PhaseName, Place, PuppetRun, Run, Task

SpanKind = Literal["phase", "puppet", "task"]
Outcome = Literal["unchanged", "changed", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Something that took time. `start` and `end` are Unix times; a cached phase ran before the others, in another run.

    A task is all items of its loop, and lasts until the next one starts. Where the phase goes in steps, `step` and the
    `round` of the loop say in which.
    """

    kind: SpanKind
    name: str
    phase: PhaseName
    start: float
    end: float
    outcome: Outcome
    place: Place | None = None
    step: int | None = None
    round: int = 1

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


def of(run: Run) -> tuple[Span, ...]:
    """Every phase in order, each followed by what ran in it."""
    return tuple(span for phase in run.phases for span in _phase(phase))


def _phase(phase: Phase) -> Iterator[Span]:
    inner = (*_puppet(phase), *_ansible(phase))
    seen = {span.outcome for span in inner}
    yield Span(
        kind="phase",
        name=phase.name,
        phase=phase.name,
        start=phase.started,
        end=phase.started + phase.seconds,
        outcome="failed" if "failed" in seen else "changed" if "changed" in seen else "unchanged",
    )
    yield from inner


def _puppet(phase: Phase) -> Iterator[Span]:
    last = phase.started
    for apply in phase.puppet:
        # A record of an older version does not say when a run began: it is taken to follow the one before.
        start = apply.started or last
        last = start + apply.seconds
        yield Span(
            kind="puppet",
            name="puppet apply",
            phase=phase.name,
            start=start,
            end=last,
            outcome=_outcome(apply),
            step=apply.step,
            round=apply.round,
        )


def _outcome(apply: PuppetRun) -> Outcome:
    metrics = apply.report.metrics if apply.report is not None else {}
    resources = metrics.get("resources", {})
    if apply.trouble or apply.report is None or resources.get("failed") or resources.get("failed_to_restart"):
        return "failed"
    return "changed" if metrics.get("changes", {}).get("total") else "unchanged"


def _ansible(phase: Phase) -> Iterator[Span]:
    for run in phase.ansible:
        for span in _watched(phase, run) if run.spans else _told(phase, run):
            yield replace(span, step=run.step)


def _watched(phase: Phase, run: AnsibleRun) -> Iterator[Span]:
    for span in run.spans:
        yield _task(phase, span.name, span.place, (span.start, span.end), spans.results(run, span))


def _told(phase: Phase, run: AnsibleRun) -> Iterator[Span]:
    """Where nobody watched the borders: from the first result of a task to its last."""
    for (name, place), found in groupby(run.tasks, key=lambda task: (task.name, task.place)):
        results = tuple(found)
        yield _task(phase, name, place, (results[0].start, results[-1].end), results)


def _task(phase: Phase, name: str, place: Place | None, times: tuple[float, float], results: tuple[Task, ...]) -> Span:
    statuses = {task.status for task in results}
    outcome: Outcome = "unchanged"
    if statuses & {"failed", "unreachable"}:
        outcome = "failed"
    elif any(task.changed for task in results):
        outcome = "changed"
    elif statuses == {"skipped"}:
        outcome = "skipped"
    return Span(kind="task", name=name, phase=phase.name, start=times[0], end=times[1], outcome=outcome, place=place)
