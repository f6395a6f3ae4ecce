"""What Puppet only watches (`audit`): a change of it is in its log, and nothing is done about it.

A property that is audited and has no value that it should have gives an event of status `audit` when it differs from
what Puppet recorded in its run before; the first time it is only recorded (Puppet: transaction/resource_harness.rb).
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks.disk import writer
from validator.checks.known import of_phase, paths_of
from validator.checks.words import count, listed, named
from validator.findings import Finding
from validator.record import Catalog, CatalogResource, PathChange, PhaseName, Resource, Run

# What `audit => all` watches of a file besides what it is: these differ whenever anybody writes it.
CLOCKS = frozenset(("ctime", "mtime"))
# Which parameters of a file give a property the value that it should have.
VALUES: dict[str, tuple[str, ...]] = {"content": ("content", "source"), "ensure": ("ensure",)}


def check(run: Run) -> Iterator[Finding]:
    """What changed though it is only audited; a note of what is audited besides."""
    told: set[str] = set()
    for name in ("converge", "again"):
        phase = run.phase(name)
        for apply in phase.puppet if phase else ():
            for resource in apply.report.notable if apply.report else ():
                if (finding := _audited(run, name, apply.catalog, resource)) and resource.ref not in told:
                    told.add(resource.ref)
                    yield finding
    watched = _watched(run)
    for declared in watched:
        if declared.ref not in told and (change := _changed_unseen(run, declared)):
            told.add(declared.ref)
            yield Finding(
                rule="vacuous.audit",
                means="unproven",
                phase="converge",
                subject=declared.ref,
                message=f"{change.path} changed in the upgrade, and Puppet only watches it (audit), for the first "
                "time: nothing says what it should be",
                declared_at=declared.declared_at,
                left_by=writer(run, change.path),
                hint="Give the resource the value it should have, or take it out of the new release.",
                evidence={"path": change.path, "audit": declared.parameters["audit"]},
            )
    if still := [declared for declared in watched if declared.ref not in told]:
        refs = [declared.ref for declared in still]
        yield Finding(
            rule="vacuous.audit",
            means="note",
            phase="converge",
            subject=refs[0],
            message=f"Puppet watches {count(refs, 'resource', 'resources')} besides what it manages of them "
            f"({named(refs)}), and saw nothing that matters",
            declared_at=still[0].declared_at,
            evidence=listed("resources", refs),
        )


def _audited(run: Run, phase: PhaseName, catalog: Catalog | None, resource: Resource) -> Finding | None:
    """What an audited resource lost, unless what it became is what it should be."""
    declared = next((each for each in (catalog.resources if catalog else ()) if each.ref == resource.ref), None)
    asked = _asked(declared.parameters.get("audit")) if declared else frozenset[str]()
    events = [
        event
        for event in resource.events
        if event.status == "audit"
        and event.desired is None
        and (event.property not in CLOCKS or event.property in asked)
    ]
    if not events:
        return None
    properties: list[JsonValue] = [event.property for event in events]
    return Finding(
        rule="vacuous.audit",
        means="diverged",
        phase=phase,
        subject=resource.ref,
        message=f"what Puppet was asked only to watch has changed, and nothing manages it: {events[0].message}",
        declared_at=resource.declared_at,
        left_by=writer(run, resource.title),
        hint="Give the resource the value it should have, or let the upgrade leave it alone.",
        evidence={"properties": properties, "messages": [event.message for event in events]},
    )


def _watched(run: Run) -> list[CatalogResource]:
    found = {
        resource.ref: resource
        for catalog in of_phase(run.phase("converge"))
        for resource in catalog.resources
        if resource.parameters.get("audit") and not resource.ref.startswith(("Class[", "Stage["))
    }
    return list(found.values())


def _changed_unseen(run: Run, resource: CatalogResource) -> PathChange | None:
    """A file that the old release did not audit, so that Puppet had nothing to compare with; the disk has."""
    before = (each for catalog in of_phase(run.phase("old")) for each in catalog.resources)
    if not resource.ref.startswith("File[") or any(
        each.ref == resource.ref and each.parameters.get("audit") for each in before
    ):
        return None
    asked, paths = _asked(resource.parameters["audit"]), paths_of(resource.ref, resource.parameters)
    free = {
        name
        for name in ("content", "ensure", "mode", "owner", "group")
        if (name in asked or "all" in asked)
        and not any(value in resource.parameters for value in VALUES.get(name, (name,)))
    }
    for name in ("upgrade", "fault"):
        phase = run.phase(name)
        for change in phase.disk.changes if phase and phase.disk else ():
            if change.path in paths and free & _properties(change):
                return change
    return None


def _properties(change: PathChange) -> set[str]:
    """The properties of a File that a change of its path is a change of."""
    if change.kind in {"added", "removed", "type"}:
        return {"content", "ensure"}
    return {"content", *change.aspects} if change.kind == "content" else set(change.aspects)


def _asked(audit: JsonValue) -> frozenset[str]:
    return frozenset(str(each) for each in (audit if isinstance(audit, list) else [audit]))
