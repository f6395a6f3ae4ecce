"""Puppet for the new release must have nothing left to do: no change, no failure, and a quiet run after that.

An event with a property is a cause. A `refresh` is a consequence and is listed under the cause that can have sent
it. A resource that fails is a cause too, though it changes nothing: exit status 4 comes with 0 changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import JsonValue

from validator.checks import blame, relations
from validator.findings import Consequence, Finding
from validator.record import Catalog, Event, Phase, PhaseName, PuppetRun, Resource, Run

CHECKSUM = re.compile(r"(?P<kind>\{\w+\})(?P<digits>[0-9a-f]{32,})")
DIFF_HEADER = re.compile(r"\A--- (?P<file>[^\t\n]+)[^\n]*\n\+\+\+ [^\n]*")
HINTS = {
    "change": "Add to the upgrade tasks what Puppet did here, same value and all, or take out what undoes it.",
    "failure": "Puppet cannot mend this itself: the upgrade tasks must leave the host so that the resource succeeds.",
    "restart-failed": "Puppet could not restart it after a change; see the service's own log in the host.",
    "noop": "The resource is marked noop and out of sync: Puppet would change it.",
    "out-of-sync": "Puppet found it different and did nothing about it.",
}


def check(run: Run) -> Iterator[Finding]:
    """Causes in `converge`, then causes that only `again` shows."""
    seen: set[tuple[str, str]] = set()
    for name in ("converge", "again"):
        phase = run.phase(name)
        if phase is not None:
            for finding in _of_phase(run, phase):
                if (finding.rule.partition(".")[2], finding.subject) not in seen:
                    yield finding
                seen.add((finding.rule.partition(".")[2], finding.subject))


def _of_phase(run: Run, phase: Phase) -> Iterator[Finding]:
    for apply in phase.puppet:
        if apply.report is not None:
            yield from _of_run(run, phase.name, _Applied(run=apply, notable=apply.report.notable))


@dataclass(frozen=True)
class _Applied:
    run: PuppetRun
    notable: tuple[Resource, ...]

    @property
    def catalog(self) -> Catalog | None:
        return self.run.catalog

    @cached_property
    def graph(self) -> Mapping[str, frozenset[str]]:
        return relations.refreshes(self.run.catalog) if self.run.catalog else {}


def _of_run(run: Run, phase: PhaseName, applied: _Applied) -> Iterator[Finding]:
    findings = [
        _finding(run, phase, applied, resource, kind)
        for resource in applied.notable
        for kind in (_kind(resource),)
        if kind
    ]
    findings.sort(key=lambda finding: finding.rule.endswith((".failure", ".restart-failed")), reverse=True)
    if not findings and _consequences(applied):
        # Refreshed by nothing that is on record: the refreshed resource itself is all there is to show.
        findings = [
            _finding(run, phase, applied, resource, "change") for resource in applied.notable if _is_refreshed(resource)
        ][:1]
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


def _finding(run: Run, phase: PhaseName, applied: _Applied, resource: Resource, kind: str) -> Finding:
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
        message="; ".join(_sentence(event) for event in events) or f"Puppet reports it {kind}",
        declared_at=resource.declared_at,
        left_by=blame.left_by(run, applied.catalog, resource),
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
