"""Every notification that Puppet would have sent was delivered by somebody, or shown to be unnecessary.

Where the upgrade tasks write a file first, Puppet finds it in order and sends no event: the service keeps its old
configuration, the database is not migrated, and the run ends with status 0 and no change. So for each service and each
exec with `refreshonly`, whatever reaches it in the compiled catalog and was changed on disk must be followed by a
restart or a run (`managed` and `delivered` say which changes and which deliveries can be seen).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import JsonValue

from validator.checks import delivered, managed, relations
from validator.checks.delivered import Deliveries
from validator.checks.managed import Write
from validator.checks.ondisk import Disk
from validator.checks.replayed import Answer, Replays
from validator.findings import Finding, Left
from validator.record import Catalog, CatalogResource, Run

SHOWN = 20
REPLAY = " `checks.confirm: replay` shows whether Puppet would have done it."
RELOADED = " A reload does not count: the resource does not say (`restart => ...`) that one is enough."


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A target whose refresh seems lost, and the paths that Puppet would have sent it for."""

    target: str
    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Source:
    resource: CatalogResource
    write: Write

    @property
    def at(self) -> float:
        return self.write.at


@dataclass(frozen=True, kw_only=True)
class _Target:
    """A target and the sources, the earliest first, after which it was not refreshed."""

    resource: CatalogResource
    sources: tuple[_Source, ...]
    deliveries: Deliveries

    @property
    def ref(self) -> str:
        return self.resource.ref


def check(run: Run) -> Iterator[Finding]:
    """One finding for each target whose refresh was lost and that no replay shows to be unnecessary."""
    replays = Replays(run)
    disk = Disk(run)
    for target in _lost(run, disk):
        answers = [replays.answer(source.resource, source.write.path, target.ref) for source in target.sources]
        left = tuple(
            source for source, answer in zip(target.sources, answers, strict=True) if answer.says != "needless"
        )
        if left:
            confirmed = next((answer for answer in answers if answer.says == "needed"), None)
            yield _finding(run, disk, replace(target, sources=left), confirmed)


def candidates(run: Run) -> tuple[Lost, ...]:
    """What seems lost, whatever replays say of it. A package has no path that could be put back."""
    return tuple(
        Lost(
            target=target.ref,
            paths=tuple(sorted({source.write.path for source in target.sources if source.write.path})),
        )
        for target in _lost(run, Disk(run))
    )


def _lost(run: Run, disk: Disk) -> Iterator[_Target]:
    targets: dict[str, CatalogResource] = {}
    sources: dict[str, dict[tuple[str, str], _Source]] = {}
    sent = _changed_by_puppet(run)
    for catalog in _catalogs(run):
        graph = relations.refreshes(catalog)
        waiting = {resource.ref: resource for resource in catalog.resources if delivered.is_target(resource)}
        # A later step's catalog says how the service is to be in the end.
        targets.update(waiting)
        for source in _sources(catalog, disk, sent):
            for ref in relations.reached(graph, source.resource.ref) & waiting.keys():
                key = (source.resource.ref, source.write.path or source.write.package)
                known = sources.setdefault(ref, {})
                if key not in known or known[key].at < source.at:
                    known[key] = source
    for ref in sorted(sources):
        deliveries = delivered.of(run, targets[ref])
        lost = [source for source in sources[ref].values() if not deliveries.after(source.at)]
        if lost:
            lost.sort(key=lambda source: (source.at, source.write.path, source.resource.ref))
            yield _Target(resource=targets[ref], sources=tuple(lost), deliveries=deliveries)


def _catalogs(run: Run) -> tuple[Catalog, ...]:
    converge = run.phase("converge")
    return tuple(apply.catalog for apply in (converge.puppet if converge else ()) if apply.catalog is not None)


def _changed_by_puppet(run: Run) -> frozenset[str]:
    """The resources that Puppet changed itself while it converged: their events were sent."""
    converge = run.phase("converge")
    reports = [apply.report for apply in (converge.puppet if converge else ()) if apply.report is not None]
    return frozenset(
        resource.ref
        for report in reports
        for resource in report.notable
        if any(event.property is not None and event.status == "success" for event in resource.events)
    )


def _sources(catalog: Catalog, disk: Disk, sent: frozenset[str]) -> Iterator[_Source]:
    declared = managed.declared_paths(catalog)
    for resource in catalog.resources:
        if resource.ref not in sent:
            for write in managed.writes(resource, disk, declared):
                made = relations.kind_of(resource.ref) == "Concat_file" and f"File[{write.path}]" in sent
                if not made:
                    yield _Source(resource=resource, write=write)


def _finding(run: Run, disk: Disk, target: _Target, confirmed: Answer | None) -> Finding:
    first = target.sources[0]
    left_by = _left_by(disk, first)
    last = target.deliveries.before(first.at)
    evidence: dict[str, JsonValue] = {
        "sources": [_shown(disk, source) for source in target.sources[:SHOWN]],
        "written_at": first.at,
        "target_at": last,
        "path": first.write.path,
    }
    if confirmed is not None:
        evidence["replay"] = confirmed.message
    return Finding(
        rule="refresh.lost",
        means="unproven" if target.deliveries.blind else "diverged",
        phase="converge",
        subject=target.ref,
        message=_message(target, left_by, last)
        + (f"; put back and replayed, Puppet says: {confirmed.message}" if confirmed is not None else ""),
        declared_at=target.resource.declared_at,
        left_by=left_by,
        hint=_hint(run, target, confirmed=confirmed is not None),
        evidence=evidence,
    )


def _message(target: _Target, left_by: Left | None, last: float | None) -> str:
    first, others = target.sources[0], len(target.sources) - 1
    what = first.write.path or f"package {first.write.package}"
    by = f" by task '{left_by.task}'" if left_by is not None else ""
    more = f" (and {others} more source{'s' if others > 1 else ''})" if others else ""
    return (
        f"the refresh of {target.ref} was lost: {what} was changed at {_clock(first.at)}{by}, so that Puppet found "
        f"{first.resource.ref}{more} in order and notified nobody; {_since(target, last)}"
    )


def _since(target: _Target, last: float | None) -> str:
    if relations.kind_of(target.ref) == "Exec":
        return f"its command last ran at {_clock(last)}, never since" if last else "no task ran its command"
    unit = delivered.unit_of(target.resource)
    if last:
        return f"{unit} last started at {_clock(last)}, never since"
    return f"nobody saw unit {unit} start" + (", for it was not watched" if target.deliveries.blind else "")


def _hint(run: Run, target: _Target, *, confirmed: bool) -> str:
    written = max(source.at for source in target.sources)
    if relations.kind_of(target.ref) == "Service":
        return (
            f"Restart {delivered.unit_of(target.resource)} after the last write: a handler that the writing task "
            "notifies, or a task after it." + ("" if confirmed else REPLAY)
        ) + (RELOADED if any(time > written for time in target.deliveries.reloads) else "")
    command = delivered.command_of(target.resource)
    said = command.text or " ".join(command.words)
    hint = f"Run `{said}` as a task after the last write"
    if confirmed:
        return f"{hint}."
    hint += f", or prove that it is not needed: a probe with `proves: ['{target.ref}']`, or `checks.confirm: replay`."
    if guard := next((name for name in ("unless", "onlyif", "creates") if target.resource.parameters.get(name)), ""):
        hint += f" Its own `{guard}` may say the same, but only Puppet asks it."
    if delivered.hidden_after(run, written):
        hint += " A command that the tasks hide (no_log) cannot count."
    return hint


def _shown(disk: Disk, source: _Source) -> JsonValue:
    left_by = _left_by(disk, source)
    place = left_by.place if left_by is not None else None
    declared_at = source.resource.declared_at
    return {
        "resource": source.resource.ref,
        "declared_at": str(declared_at) if declared_at is not None else None,
        "path": source.write.path,
        "task": left_by.task if left_by is not None else None,
        "task_place": str(place) if place is not None else None,
        "written_at": source.at,
    }


def _left_by(disk: Disk, source: _Source) -> Left | None:
    write = source.write
    return (disk.writer(write.trace, write.at) if write.trace else None) or (
        disk.package_writer(write.package) if write.package else None
    )


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3] + " UTC"
