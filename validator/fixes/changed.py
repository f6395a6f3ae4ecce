"""What Puppet changed, or failed to: a value corrected where it stands, or a task more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial, reduce

from validator.checks import delivered, spans
from validator.checks.managed import text
from validator.findings import Finding
from validator.fixes import inplace, options, refreshes, resources
from validator.fixes.change import Change, Known
from validator.fixes.wanted import ABSENT, Wanted
from validator.record import CatalogResource, Resource, Run
from validator.scenario.source import Task


def mended(known: Known, finding: Finding) -> Iterator[Change]:
    """The ways to bring a resource about by the tasks."""
    resource = _notable(known.run, finding)
    if resource is None:
        return
    wanted = _wanted(known, resource)
    behind = known.behind(finding, wanted.path)
    targets = [each.subject for each in finding.consequences if _would_be_lost(known, each.subject, behind)]
    for change in (*_in_place(known, finding, wanted), *_inserted(known, wanted, behind)):
        yield reduce(partial(refreshes.followed, known), targets, change)


def _in_place(known: Known, finding: Finding, wanted: Wanted) -> Iterator[Change]:
    """The value where it stands: in the task that touched it last, or one that sets the same option."""
    last = known.blamed(finding)
    tasks = [*([last] if last is not None else []), *inplace.setting(known.site.tasks, wanted)]
    for task in dict.fromkeys(tasks):
        if found := inplace.edits(task, wanted, known.redactor):
            yield Change(behind=task, edits=found, anchor=task)


def _inserted(known: Known, wanted: Wanted, behind: Task | None) -> Iterator[Change]:
    return (known.change(drafts, behind) for drafts in resources.candidates(wanted))


def _notable(run: Run, finding: Finding) -> Resource | None:
    phase = run.phase(finding.phase) if finding.phase else None
    reports = [apply.report for apply in (phase.puppet if phase else ()) if apply.report is not None]
    found = [each for report in reports for each in report.notable if each.ref == finding.subject]
    return found[-1] if found else None


def _wanted(known: Known, resource: Resource) -> Wanted:
    declared = known.clear.parameters.get(resource.ref)
    wanted = Wanted(
        kind=resource.kind,
        title=resource.title,
        parameters=declared or {},
        changed={event.property: event.desired for event in resource.events if event.property is not None},
        executed=known.clear.executed.get(resource.ref, ()),
        purged=declared is None and _is_gone(resource),
        failed=resource.failed,
        services=known.run.subject.services,
    )
    path = _path(wanted)
    return replace(wanted, path=path, state=known.clear.files.get(path))


def _is_gone(resource: Resource) -> bool:
    """Whether Puppet took it away. What is not declared may also be made: a file that others are put together to."""
    return any(event.property == "ensure" and text(event.desired) in ABSENT for event in resource.events)


def _would_be_lost(known: Known, target: str, behind: Task | None) -> bool:
    """Whether nobody delivers a refresh once the fix is in its place: then Puppet's own does not come any more."""
    parameters = known.clear.parameters.get(target)
    if parameters is None:
        return False
    resource = CatalogResource(ref=target, declared_at=None, parameters=dict(parameters))
    if not delivered.is_target(resource):
        return False
    before_puppet = replace(known.run, phases=tuple(p for p in known.run.phases if p.name not in {"converge", "again"}))
    return not delivered.of(before_puppet, resource).after(_ended(known, behind))


def _ended(known: Known, behind: Task | None) -> float:
    """When a task that fixes go behind had ended; for ever after where they go to the end."""
    if behind is None:
        return math.inf
    found = [
        span.end
        for name in ("upgrade", "fault")
        for span, _ in spans.of(known.run.phase(name))
        if known.site.find(span.place) is behind
    ]
    return max(found, default=math.inf)


def _path(wanted: Wanted) -> str:
    if wanted.kind in {"File", "Concat_file"}:
        return wanted.given("path") or wanted.title
    if wanted.kind in resources.FILES:
        who = wanted.given("user") or "root"
        return wanted.given("target") or resources.FILES[wanted.kind].replace("{user}", who)
    return options.file_and_option(wanted)[0] if options.is_option(wanted) else ""
