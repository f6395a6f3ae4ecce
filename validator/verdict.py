"""The answer, and everything it rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from validator import checks, drift, waivers
from validator.checks import numbers, restarts, timeline
from validator.checks.restarts import RestartAccount
from validator.checks.timeline import Span
from validator.drift import Drift
from validator.errors import Exit
from validator.findings import Finding, Left, Severity
from validator.record import Kind, Phase, Run, SelfTest

SCHEMA = "convergence-validator/result/2"

Verdict = Literal["converged", "diverged", "inconclusive"]
LOUDNESS: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}
EXITS: dict[Verdict, Exit] = {
    "converged": Exit.CONVERGED,
    "diverged": Exit.DIVERGED,
    "inconclusive": Exit.CANNOT_JUDGE,
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one validation came to. `records` are files that `validate judge` reads, `file` is the scenario's.

    `restarts` are those on the upgraded host, by whom; `compared` is how much the checks that hold witnesses against
    each other had to look at. `drift` is what Puppet changed, or a fresh host has otherwise, whatever the findings say;
    `timeline` is what ran when. `observed` is what the record has of each phase. `searched`: fixes were looked for.
    `made` is the Unix time at which the run began, `image` the name of the old release's image; `digest` identifies
    what was validated, `terms` by what it is judged besides (see `Plan.terms`).
    """

    scenario: str
    title: str
    kind: Kind
    verdict: Verdict
    findings: tuple[Finding, ...]
    phases: tuple[PhaseSummary, ...]
    watched: tuple[str, ...]
    compared: dict[str, dict[str, int]]
    restarts: tuple[RestartAccount, ...]
    records: tuple[str, ...]
    seconds: float
    validator: str
    digest: str
    file: str = ""
    made: float = 0.0
    image: str = ""
    terms: str = ""
    selftest: SelfTest | None = None
    drift: tuple[Drift, ...] = ()
    searched: bool = False
    timeline: tuple[Span, ...] = ()
    observed: tuple[Phase, ...] = ()
    schema: str = field(default=SCHEMA)

    @property
    def exit_code(self) -> Exit:
        """The exit status that says the same."""
        return EXITS[self.verdict]


@dataclass(frozen=True, kw_only=True)
class PhaseSummary:
    """A phase in numbers, and the watched units at its end, e.g. `active, enabled`.

    `counts` is what the tool said, `witnesses` what was looked at besides it; `changed` are the paths that differ
    on disk with their kind of change, `left_out` the first paths that each rule of noise left out.
    """

    name: str
    tool: str
    seconds: float
    cpu_seconds: float
    overhead_seconds: float
    witness_cpu_seconds: float
    cached: bool
    counts: dict[str, JsonValue]
    witnesses: dict[str, dict[str, int]]
    services: dict[str, str]
    changed: dict[str, str]
    left_out: dict[str, tuple[str, ...]]


def judge(run: Run, *, records: tuple[Path, ...] = ()) -> Result:
    """Read a record with every check. Pure: the same record gives the same result."""
    found = tuple(finding for check in checks.of(run.subject.kind) for finding in check(run))
    # Waivers are about the upgrade; in a double run many have nothing to cover.
    complete = run.subject.kind == "upgrade" and all(run.phase(name) is not None for name in run.subject.phases)
    today = datetime.fromtimestamp(run.started, tz=UTC).date()
    found = waivers.apply(found, run.subject.waivers, today, complete=complete)
    found = tuple(_with_trials(each, run) for each in found)
    return Result(
        scenario=run.subject.name,
        title=run.subject.title,
        kind=run.subject.kind,
        verdict=_verdict(found, run.subject.kind),
        findings=tuple(sorted(_without_the_implied(found), key=lambda finding: LOUDNESS[finding.severity])),
        phases=tuple(_summary(phase) for phase in run.phases),
        watched=run.subject.watched,
        restarts=tuple(each for each in restarts.accounts(run) if each.phase != "old"),
        compared={
            name: counted
            for name, counted in (
                ("as_written", numbers.static(run)),
                ("refreshes", numbers.refreshes(run)),
                ("agreement", numbers.agreement(run)),
            )
            if counted
        },
        records=tuple(str(path) for path in records),
        seconds=run.seconds,
        validator=run.validator,
        digest=run.subject.digest,
        file=run.subject.file,
        made=run.started,
        image=run.subject.image,
        terms=run.subject.terms,
        selftest=run.subject.selftest,
        searched=run.searched,
        drift=drift.of(run),
        timeline=timeline.of(run),
        observed=run.phases,
    )


def _with_trials(finding: Finding, run: Run) -> Finding:
    """The finding with what trials of the scenario showed: a fix, and which task is at fault."""
    fix = next((fix for fix in run.fixes if (fix.rule, fix.subject) == (finding.rule, finding.subject)), None)
    measured = next((a for a in run.ablations if (a.rule, a.subject) == (finding.rule, finding.subject)), None)
    if measured is None:
        return replace(finding, fix=fix)
    ablation: dict[str, JsonValue] = {
        "without": [str(task.place or task.name) for task in measured.tasks],
        "trials": measured.trials,
    }
    left = finding.left_by
    if measured.tasks:
        task = measured.tasks[-1]
        same = left is not None and left.place == task.place
        left = Left(task=task.name, place=task.place, did=left.did if left and same else "", known="measured")
    return replace(finding, fix=fix, left_by=left, evidence={**finding.evidence, "ablation": ablation})


def _verdict(findings: tuple[Finding, ...], kind: Kind) -> Verdict:
    meanings = Counter(finding.means for finding in findings)
    if meanings["inconclusive"]:
        return "inconclusive"
    if kind == "lint":
        return "diverged" if any(finding.severity == "warning" for finding in findings) else "converged"
    if meanings["diverged"]:
        return "diverged"
    return "inconclusive" if meanings["unproven"] else "converged"


def _without_the_implied(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Where something else went wrong, phases that could not follow it say nothing new."""
    telling = tuple(finding for finding in findings if finding.rule != "evidence.missing")
    return telling if any(finding.severity == "error" for finding in telling) else findings


def _summary(phase: Phase) -> PhaseSummary:
    seen = phase.disk
    return PhaseSummary(
        name=phase.name,
        tool=phase.tool,
        seconds=round(phase.seconds, 2),
        cpu_seconds=round(phase.cpu_seconds, 2),
        overhead_seconds=round(phase.overhead_seconds, 2),
        witness_cpu_seconds=round(phase.witness_cpu_seconds, 2),
        cached=phase.cached,
        counts=_counts(phase),
        witnesses=dict(_witnesses(phase)),
        services={
            state.unit: ", ".join(word for word in (state.active, state.enabled) if word)
            for state in (phase.services.states if phase.services else ())
        },
        changed={change.path: change.kind for change in seen.changes} if seen else {},
        left_out=seen.left_out if seen else {},
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
    return counts


def _witnesses(phase: Phase) -> Iterator[tuple[str, dict[str, int]]]:
    if phase.disk is not None:
        kinds = Counter(change.kind for change in phase.disk.changes)
        rewritten = kinds.pop("touched", 0)
        yield (
            "disk",
            {
                "paths_compared": phase.disk.looked_at,
                "differ": kinds.total(),
                "rewritten_alike": rewritten,
                "left_out_as_noise": sum(phase.disk.noise.values()),
            },
        )
    if phase.services is not None:
        restarted = restarts.restarts(phase.services.events)
        yield (
            "services",
            {
                "units": len(phase.services.states),
                "starts": sum(event.kind == "started" for event in phase.services.events),
                "restarts": sum(restarted.values()),
            },
        )
    borders = sum(len(tasks.spans) for tasks in phase.ansible)
    if borders:
        yield "borders", {"tasks_watched": borders}
    if phase.probes:
        yield "probes", {"asked": len(phase.probes), "failed": sum(bool(probe.trouble) for probe in phase.probes)}
