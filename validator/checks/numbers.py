"""How much the checks that compare witnesses had to look at: a check of nothing proves nothing."""

from __future__ import annotations

from validator.checks import delivered, managed, refresh, relations
from validator.checks.ondisk import Disk
from validator.record import Run


def refreshes(run: Run) -> dict[str, int]:
    """Of the catalogs of `converge`: who can notify whom, and what the upgrade did with it. Empty without catalogs."""
    converge = run.phase("converge")
    found = [apply.catalog for apply in (converge.puppet if converge else ()) if apply.catalog is not None]
    if not found or run.subject.kind != "upgrade":
        return {}
    targets, sources, written = set[str](), set[str](), set[str]()
    disk = Disk(run)
    for catalog in found:
        graph, declared = relations.refreshes(catalog), managed.declared_paths(catalog)
        waiting = {resource.ref for resource in catalog.resources if delivered.is_target(resource)}
        targets |= waiting
        for resource in catalog.resources:
            if relations.reached(graph, resource.ref) & waiting:
                sources.add(resource.ref)
                if any(True for _ in managed.writes(resource, disk, declared)):
                    written.add(resource.ref)
    return {
        "targets": len(targets),
        "sources": len(sources),
        "changed_by_tasks": len(written),
        "lost": len(refresh.candidates(run)),
    }


def agreement(run: Run) -> dict[str, int]:
    """Of the comparison with a fresh host. Empty where there was none."""
    if run.agreement is None:
        return {}
    differ = sum(change.kind != "touched" for change in run.agreement.disk.changes)
    return {
        "paths_compared": run.agreement.disk.looked_at,
        "differ": differ,
        "left_out_as_noise": sum(run.agreement.disk.noise.values()),
        "units": len(run.agreement.upgraded_units),
    }


def static(run: Run) -> dict[str, int]:
    """Of what was looked at before anything was applied. Empty where nothing was."""
    if run.static is None:
        return {}
    return {
        "resources": max((len(each.catalog.resources) for each in run.static.catalogs), default=0),
        "tasks": len(run.static.tasks),
    }
