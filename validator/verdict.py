"""The answer, and everything it rests on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from validator.checks import CHECKS
from validator.errors import Exit
from validator.findings import Finding
from validator.record import Phase, Run

SCHEMA = "convergence-validator/result/1"

Verdict = Literal["converged", "diverged", "inconclusive"]
EXITS: dict[Verdict, Exit] = {
    "converged": Exit.CONVERGED,
    "diverged": Exit.DIVERGED,
    "inconclusive": Exit.CANNOT_JUDGE,
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one validation came to. `records` are files that `validate judge` reads."""

    scenario: str
    title: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    phases: tuple[PhaseSummary, ...]
    records: tuple[str, ...]
    seconds: float
    validator: str
    digest: str
    schema: str = field(default=SCHEMA)

    @property
    def exit_code(self) -> Exit:
        """The exit status that says the same."""
        return EXITS[self.verdict]


@dataclass(frozen=True, kw_only=True)
class PhaseSummary:
    """A phase in numbers, and the watched units at its end, e.g. `active, enabled`."""

    name: str
    tool: str
    seconds: float
    cpu_seconds: float
    overhead_seconds: float
    cached: bool
    counts: dict[str, JsonValue]
    services: dict[str, str]


def judge(run: Run, *, records: tuple[Path, ...] = ()) -> Result:
    """Read a record with every check. Pure: the same record gives the same result."""
    found = tuple(finding for check in CHECKS for finding in check(run))
    return Result(
        scenario=run.subject.name,
        title=run.subject.title,
        verdict=_verdict(found),
        findings=_without_the_implied(found),
        phases=tuple(_summary(phase) for phase in run.phases),
        records=tuple(str(path) for path in records),
        seconds=run.seconds,
        validator=run.validator,
        digest=run.subject.digest,
    )


def _verdict(findings: tuple[Finding, ...]) -> Verdict:
    meanings = Counter(finding.means for finding in findings)
    if meanings["inconclusive"]:
        return "inconclusive"
    if meanings["diverged"]:
        return "diverged"
    return "inconclusive" if meanings["unproven"] else "converged"


def _without_the_implied(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Where something else went wrong, phases that could not follow it say nothing new."""
    telling = tuple(finding for finding in findings if finding.rule != "evidence.missing")
    return telling if any(finding.severity == "error" for finding in telling) else findings


def _summary(phase: Phase) -> PhaseSummary:
    return PhaseSummary(
        name=phase.name,
        tool=phase.tool,
        seconds=round(phase.seconds, 2),
        cpu_seconds=round(phase.cpu_seconds, 2),
        overhead_seconds=round(phase.overhead_seconds, 2),
        cached=phase.cached,
        counts=_counts(phase),
        services={
            state.unit: ", ".join(word for word in (state.active, state.enabled) if word)
            for state in (phase.services.states if phase.services else ())
        },
    )


def _counts(phase: Phase) -> dict[str, JsonValue]:
    counts: dict[str, JsonValue] = {}
    if phase.puppet:
        reports = [apply.report for apply in phase.puppet if apply.report is not None]
        counts["runs"] = len(phase.puppet)
        counts["resources"] = max((report.resources for report in reports), default=0)
        counts["evaluated"] = max((report.evaluated for report in reports), default=0)
        for name in ("changed", "failed", "skipped"):
            counts[name] = sum(int(report.metrics.get("resources", {}).get(name, 0)) for report in reports)
    if phase.ansible:
        tasks = [task for tasks in phase.ansible for task in tasks.tasks]
        counts["tasks"] = len({(task.name, str(task.place)) for task in tasks})
        counts["results"] = len(tasks)
        counts["changed"] = sum(task.changed for task in tasks)
        counts["failed"] = sum(task.status in {"failed", "unreachable"} for task in tasks)
    if phase.services is not None:
        counts["unit_starts"] = sum(event.kind == "started" for event in phase.services.events)
    if phase.disk is not None:
        counts["paths_changed"] = len(phase.disk.changes)
        counts["paths_left_out"] = sum(phase.disk.noise.values())
    if phase.probes:
        counts["probes"] = len(phase.probes)
        counts["probes_failed"] = sum(bool(probe.trouble) for probe in phase.probes)
    return counts
