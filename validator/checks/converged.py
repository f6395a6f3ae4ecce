"""Puppet for the new release must have nothing left to do: no change, no failure, and a quiet run after that.

An event with a property is a cause. A `refresh` is a consequence and is listed under the cause that can have sent
it. A resource that fails is a cause too, though it changes nothing: exit status 4 comes with 0 changes.

Every change of `converge` is a clash with a task, missed by the tasks, or declared by the scenario beforehand. What is
declared counts for nothing; what it refreshes has to be declared as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import JsonValue

from validator.checks import expected, relations, steps
from validator.checks.whose import Claims
from validator.findings import Consequence, Finding
from validator.record import Catalog, Event, Expected, Phase, PhaseName, PuppetRun, Resource, Run

CHECKSUM = re.compile(r"(?P<kind>\{\w+\})(?P<digits>[0-9a-f]{32,})")
DIFF_HEADER = re.compile(r"\A--- (?P<file>[^\t\n]+)[^\n]*\n\+\+\+ [^\n]*")
ACTING = {"Service", "Exec"}  # what a refresh makes do something
HINTS = {
    "returns": "No task can mend this: the resource never gets what it asks for, or something undoes it. Look for two "
    "declarations that exclude each other, and for a provider or a guard that does nothing.",
    "change": "Add to the upgrade tasks what Puppet did here, same value and all, or take out what undoes it.",
    "failure": "Puppet cannot mend this itself: the upgrade tasks must leave the host so that the resource succeeds.",
    "restart-failed": "Puppet could not restart it after a change; see the service's own log in the host.",
    "noop": "The resource is marked noop and out of sync: Puppet would change it.",
    "out-of-sync": "Puppet found it different and did nothing about it.",
}


def check(run: Run) -> Iterator[Finding]:
    """Causes in `converge`, then causes that only `again` shows."""
    claims, flaps = Claims(run), steps.flaps(run)
    seen: set[tuple[str, str]] = set()
    returning = _changed_again(run)
    for name in ("converge", "again"):
        phase = run.phase(name)
        if phase is not None:
            for finding in _of_phase(claims, phase, returning if name == "converge" else set()):
                if _is_told(flaps, finding):
                    continue
                if (finding.rule.partition(".")[2], finding.subject) not in seen:
                    yield finding
                seen.add((finding.rule.partition(".")[2], finding.subject))
    yield from expected.check(run)


def _changed_again(run: Run) -> set[str]:
    """The resources that the second run changes: a change of the first that is among them comes back every time."""
    again = run.phase("again")
    reports = [apply.report for apply in (again.puppet if again else ()) if apply.report is not None]
    return {resource.ref for report in reports for resource in report.notable if _kind(resource) == "change"}


def _of_phase(claims: Claims, phase: Phase, returning: set[str]) -> Iterator[Finding]:
    for apply in phase.puppet:
        if apply.report is not None:
            declared, notable = _sorted_out(claims.run if phase.name == "converge" else None, apply.report.notable)
            yield from (_declared(phase.name, ref, events) for ref, events in declared.items())
            for finding in _of_run(
                claims, phase.name, _Applied(run=apply, notable=notable, has_declared=bool(declared))
            ):
                yield _returning(finding) if finding.subject in returning else finding


def _returning(finding: Finding) -> Finding:
    """A change that no task can take from Puppet, because Puppet makes it in every run."""
    if not finding.rule.endswith(".change"):
        return finding
    return replace(
        finding,
        left_by=None,  # Puppet makes it whatever the tasks do
        undone=None,
        whose="",
        message=f"{finding.message}\nand again in the second run: it comes back every time",
        hint=HINTS["returns"],
        evidence={**finding.evidence, "again": True},
    )


def _sorted_out(
    run: Run | None, notable: tuple[Resource, ...]
) -> tuple[dict[str, list[tuple[Event, Expected]]], tuple[Resource, ...]]:
    """The changes that the scenario declares, by resource, and the resources without them.

    Where something declared has happened, what acts when it is refreshed (a service, an exec) is a change of its own.
    """
    declared: dict[str, list[tuple[Event, Expected]]] = {}
    rest: list[Resource] = []
    if run is None or not run.subject.expect:
        return declared, notable
    for resource in notable:
        found = [(event, expected.find(run, resource, event)) for event in resource.events]
        known = [(event, wanted) for event, wanted in found if wanted is not None]
        if known:
            declared[resource.ref] = known
        events = tuple(event for event, wanted in found if wanted is None)
        if events or not known:
            rest.append(replace(resource, events=events))
    return declared, tuple(rest)


def _declared(phase: PhaseName, ref: str, known: Sequence[tuple[Event, Expected]]) -> Finding:
    return Finding(
        rule="converge.declared",
        means="note",
        phase=phase,
        subject=ref,
        message="; ".join(f"{_sentence(event)}: left to Puppet: {wanted.reason}" for event, wanted in known),
        declared_at=known[0][1].place,
        evidence={"changes": [_change(event) for event, _ in known]},
        whose="declared",
    )


def _is_told(flaps: Sequence[steps.Flap], finding: Finding) -> bool:
    """Whether a change is part of what `step.flapping` tells already."""
    step = finding.evidence.get("step")
    return finding.rule.endswith(".change") and any(
        finding.subject in flap.refs and step in {flap.remover.step, flap.setter.step} for flap in flaps
    )


@dataclass(frozen=True)
class _Applied:
    run: PuppetRun
    notable: tuple[Resource, ...]
    has_declared: bool

    @property
    def catalog(self) -> Catalog | None:
        return self.run.catalog

    @cached_property
    def graph(self) -> Mapping[str, frozenset[str]]:
        return relations.refreshes(self.run.catalog) if self.run.catalog else {}


def _of_run(claims: Claims, phase: PhaseName, applied: _Applied) -> Iterator[Finding]:
    findings = [
        _finding(claims, phase, applied, resource, kind)
        for resource in applied.notable
        for kind in (_kind(resource),)
        if kind
    ]
    findings.sort(key=lambda finding: finding.rule.endswith((".failure", ".restart-failed")), reverse=True)
    if not findings and _consequences(applied):
        # Refreshed by nothing that is on record: the refreshed resource itself is all there is to show. After a
        # declared change each that acts is a change that nobody declared.
        refreshed = [resource for resource in applied.notable if _is_refreshed(resource)]
        acting = [resource for resource in refreshed if resource.kind in ACTING]
        wanted = acting if applied.has_declared else refreshed[:1]
        findings = [_finding(claims, phase, applied, resource, "change") for resource in wanted]
    yield from _folded(applied, findings)


def _kind(resource: Resource) -> str:
    """What is wrong with a resource in its own right; empty for mere consequences."""
    properties = [event for event in resource.events if event.property is not None]
    if any(event.status == "failure" for event in properties) or (resource.failed and not resource.failed_to_restart):
        return "failure"
    if any(event.status == "success" for event in properties):
        return "change"
    if resource.failed_to_restart or any(event.status == "failure" for event in resource.events):
        return "restart-failed"
    if any(event.status == "noop" for event in resource.events):
        return "noop"
    quiet = not resource.events and not resource.skipped
    if quiet and resource.changed:
        return "change"
    return "out-of-sync" if quiet and resource.out_of_sync else ""


def _finding(claims: Claims, phase: PhaseName, applied: _Applied, resource: Resource, kind: str) -> Finding:
    left, undone = claims.blame(applied.catalog, resource)
    events = [event for event in resource.events if event.property is not None] or list(resource.events)
    evidence: dict[str, JsonValue] = {
        "changes": [_change(event) for event in events],
        "exit_code": applied.run.exit_code,
    }
    if applied.run.step is not None:
        evidence["step"] = applied.run.step
    if diff := _diff(applied.run, resource):
        evidence["diff"] = diff
    return Finding(
        rule=f"{phase}.{kind}",
        means="diverged",
        phase=phase,
        subject=resource.ref,
        message="; ".join(_sentence(event) for event in events) + _asked(applied.catalog, resource)
        or f"Puppet reports it {kind}",
        declared_at=resource.declared_at,
        left_by=left,
        undone=undone,
        whose=claims.whose(applied.catalog, resource, left) if phase == "converge" and kind == "change" else "",
        hint=HINTS[kind],
        evidence=evidence,
    )


def _change(event: Event) -> JsonValue:
    return {
        "property": event.property,
        "is": event.previous,
        "should": event.desired,
        "status": event.status,
        "message": event.message,
    }


def _sentence(event: Event) -> str:
    if event.status == "failure" or event.property is None:
        return event.message
    return f"{event.property} is {_show(event.previous)}, should be {_show(event.desired)}"


def _asked(catalog: Catalog | None, resource: Resource) -> str:
    """The value of a setting that is created or removed as a whole: the event says only that it is not there."""
    if not any(event.property == "ensure" for event in resource.events):
        return ""
    declared = catalog.find(resource.ref) if catalog else None
    if declared is None or "value" not in declared.parameters:
        return ""
    return f", with the value {json.dumps(declared.parameters['value'], ensure_ascii=False)}"


def _show(value: JsonValue) -> str:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and (checksum := CHECKSUM.fullmatch(value)):
        return f"{checksum['kind']}{checksum['digits'][:8]}..."
    return repr(value) if value == "" or not isinstance(value, str) else value


def _diff(apply: PuppetRun, resource: Resource) -> str:
    """The diff Puppet logged for a file, with a header that does not name a temporary file."""
    logs = apply.report.logs if apply.report else ()
    said = (log.message.strip("\n") for log in logs if resource.ref in log.source)
    diff = next((text for text in said if text.startswith("---")), "")
    return DIFF_HEADER.sub(r"--- \g<file>\n+++ as Puppet writes it", diff)


def _is_refreshed(resource: Resource) -> bool:
    return any(event.property is None for event in resource.events)


def _consequences(applied: _Applied) -> list[tuple[str, Consequence]]:
    found = []
    for resource in applied.notable:
        if not _kind(resource):
            events = [event for event in resource.events if event.status != "audit"]
            message = (
                events[0].message if events else "skipped: something it needs has failed" if resource.skipped else ""
            )
            if message:
                found.append((resource.ref, Consequence(subject=resource.ref, message=message)))
    return found


def _folded(applied: _Applied, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Each consequence goes under the first cause that can have sent it; one that no edge explains under the first."""
    under: dict[int, list[Consequence]] = {number: [] for number in range(len(findings))}
    reach = [relations.reached(applied.graph, finding.subject) for finding in findings]
    for ref, consequence in _consequences(applied) if findings else ():
        owner = next((number for number, refs in enumerate(reach) if ref in refs), 0)
        under[owner].append(consequence)
    for number, finding in enumerate(findings):
        yield replace(finding, consequences=tuple(under[number]))
