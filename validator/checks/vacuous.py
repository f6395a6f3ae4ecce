"""Silence that proves nothing: resources that Puppet was kept from acting on, and tasks that did not run.

A resource under a closed schedule is skipped, and has no event (Puppet: transaction/resource_harness.rb). One that is
marked noop and in order has none either, and no refresh reaches it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from validator.checks.known import of_phase
from validator.checks.words import count, listed, named
from validator.findings import Finding
from validator.record import (
    AnsibleRun,
    Catalog,
    CatalogResource,
    Phase,
    PhaseName,
    Place,
    PuppetRun,
    Resource,
    Run,
    TaskName,
)

CONTAINERS = ("Class[", "Stage[")
REFRESHED = ("Service[", "Exec[")  # what acts when it is refreshed


def check(run: Run) -> Iterator[Finding]:
    """What keeps silence from being proof; mere notes where it only deserves a look."""
    yield from _noop(run)
    yield from _schedules(run)
    yield from _tasks(run)
    for replaced in run.subject.stand_ins:
        yield Finding(
            rule="vacuous.stand-in",
            means="note",
            warns=True,
            phase="upgrade",
            subject="upgrade",
            message=f"{replaced}: what the module of the templates would have done is not proven",
        )


def unlooked(apply: PuppetRun) -> tuple[tuple[Resource, ...], tuple[Resource, ...]]:
    """The resources that Puppet skipped though nothing failed: those whose schedule tells why, and the others."""
    notable = apply.report.notable if apply.report else ()
    if any(resource.failed or resource.failed_to_restart for resource in notable):
        return (), ()
    skipped = [resource for resource in notable if resource.skipped]
    scheduled = _with(apply.catalog, "schedule")
    return (
        tuple(resource for resource in skipped if resource.ref in scheduled),
        tuple(resource for resource in skipped if resource.ref not in scheduled),
    )


def _noop(run: Run) -> Iterator[Finding]:
    """What noop holds back. Out of sync it is reported (`converge.noop`); what acts on a refresh would be silent."""
    for name in _judged(run):
        marked = {
            ref: resource
            for catalog in of_phase(run.phase(name))
            for ref, (resource, value) in _with(catalog, "noop").items()
            if value in {True, "true"} and isinstance(value, bool | str)
        }
        silent = [ref for ref in marked if ref.startswith(REFRESHED)]
        if silent:
            first = marked[silent[0]]
            yield Finding(
                rule="vacuous.noop",
                means="unproven",
                phase=name,
                subject=first.ref,
                message=f"{count(silent, 'resource is', 'resources are')} marked noop ({named(silent)}): "
                "Puppet refreshes nothing about them, so that its silence proves nothing",
                declared_at=first.declared_at,
                hint="Take `noop` out of the new release for this scenario.",
                evidence=listed("resources", list(marked)),
            )
            return
        if marked:
            first = next(iter(marked.values()))
            yield Finding(
                rule="vacuous.noop",
                means="note",
                phase=name,
                subject=first.ref,
                message=f"{count(marked, 'resource is', 'resources are')} marked noop ({named(list(marked))}): "
                "Puppet compares them, but would leave them as they are",
                declared_at=first.declared_at,
                evidence=listed("resources", list(marked)),
            )
            return


def _schedules(run: Run) -> Iterator[Finding]:
    yield from _closed(run)
    names = _judged(run)
    held: dict[str, CatalogResource] = {}
    skipped: set[str] = set()
    for name in names:
        phase = run.phase(name)
        for apply in phase.puppet if phase else ():
            held.update({ref: resource for ref, (resource, _) in _with(apply.catalog, "schedule").items()})
            skipped.update(resource.ref for resource in unlooked(apply)[0])
    if open_now := [ref for ref in held if ref not in skipped]:
        first = held[open_now[0]]
        yield Finding(
            rule="vacuous.schedule",
            means="note",
            phase=next(name for name in names if run.phase(name) is not None),
            subject=first.ref,
            message=f"{count(open_now, 'resource stands', 'resources stand')} under a schedule that was open "
            f"({named(open_now)}): at another hour Puppet would not have looked",
            declared_at=first.declared_at,
            evidence=listed("resources", open_now),
        )


def _closed(run: Run) -> Iterator[Finding]:
    """Resources that their schedule kept from being looked at. Of a release's own double run only the first counts."""
    for phase in run.phases:
        closed = {
            resource.ref: resource
            for apply in phase.puppet
            if phase.name in {"converge", "again"} or apply.round == 1
            for resource in unlooked(apply)[0]
        }
        if not closed or (phase.name == "again" and _had(run, closed)):
            continue
        first = next(iter(closed.values()))
        yield Finding(
            rule="vacuous.schedule",
            means="unproven",
            phase=phase.name,
            subject=first.ref,
            message=f"{count(closed, 'resource was', 'resources were')} not looked at, because a schedule was closed "
            f"({named(list(closed))}): their state is unknown",
            declared_at=first.declared_at,
            hint="Open the schedule for this scenario: another period, or no `schedule` for what must be proven.",
            evidence=listed("skipped", list(closed)),
        )


def _had(run: Run, closed: dict[str, Resource]) -> bool:
    """Whether `converge` had told of the same resources."""
    converge = run.phase("converge")
    told = {each.ref for apply in (converge.puppet if converge else ()) for each in unlooked(apply)[0]}
    return closed.keys() <= told


def _tasks(run: Run) -> Iterator[Finding]:
    phase = run.phase("upgrade")
    if phase is None or not phase.ansible:
        return
    ran = {(task.name, task.place) for tasks in phase.ansible for task in tasks.tasks}
    left_out = _never(phase.ansible, ran)
    told = any(tasks.trouble for tasks in phase.ansible)  # then `upgrade.failed` says it already
    if left_out and not ran and not told:
        yield Finding(
            rule="vacuous.tags",
            means="unproven",
            phase="upgrade",
            subject="upgrade",
            message=f"no task ran: tags left out all {len(left_out)} of them "
            f"({named([each.name for each in left_out])})",
            hint="Check `upgrade.tags` and `upgrade.skip_tags` against the tags of the tasks.",
            evidence=listed("tasks", [_written(each) for each in left_out]),
        )
    elif left_out:
        yield _note_of_tasks("vacuous.tags", left_out, "left out by tags")
    if skipped := _skipped(phase):
        yield _note_of_tasks("vacuous.tasks", skipped, "skipped each time: `when` never held")


def _never(runs: Sequence[AnsibleRun], ran: set[tuple[str, Place | None]]) -> list[TaskName]:
    """Tasks that tags kept from running in every step."""
    found = {(each.name, each.place): each for tasks in runs for each in tasks.left_out}
    return [each for key, each in found.items() if key not in ran]


def _skipped(phase: Phase) -> list[TaskName]:
    statuses: dict[tuple[str, Place | None], set[str]] = defaultdict(set)
    names: dict[tuple[str, Place | None], TaskName] = {}
    for tasks in phase.ansible:
        for task in tasks.tasks:
            statuses[task.name, task.place].add(task.status)
            names[task.name, task.place] = TaskName(name=task.name, place=task.place)
    return [names[key] for key, seen in statuses.items() if seen == {"skipped"}]


def _note_of_tasks(rule: str, tasks: Sequence[TaskName], why: str) -> Finding:
    return Finding(
        rule=rule,
        means="note",
        phase="upgrade",
        subject="upgrade",
        message=f"{count(tasks, 'task was', 'tasks were')} {why}: {named([each.name for each in tasks])}",
        declared_at=tasks[0].place,
        evidence=listed("tasks", [_written(each) for each in tasks]),
    )


def _written(task: TaskName) -> str:
    return task.name if task.place is None else f"{task.name} ({task.place})"


def _judged(run: Run) -> tuple[PhaseName, PhaseName]:
    """The two runs of the release that must be silent, or must follow each other without a difference."""
    return ("fresh", "again") if run.subject.kind == "idempotence" else ("converge", "again")


def _with(catalog: Catalog | None, parameter: str) -> dict[str, tuple[CatalogResource, JsonValue]]:
    """Resources that carry a metaparameter, their own or a container's, and its value. Containers are left out."""
    if catalog is None:
        return {}
    inside = {contained: container for container, contained in catalog.edges}
    containers = {container for container, _ in catalog.edges}
    own = {
        resource.ref: resource.parameters[parameter]
        for resource in catalog.resources
        if resource.parameters.get(parameter) is not None
    }
    found: dict[str, tuple[CatalogResource, JsonValue]] = {}
    for resource in catalog.resources if own else ():
        if resource.ref in containers or resource.ref.startswith(CONTAINERS):
            continue
        holder: str | None = resource.ref
        seen: set[str] = set()
        while holder is not None and holder not in own and holder not in seen:
            seen.add(holder)
            holder = inside.get(holder)
        if holder in own:
            found[resource.ref] = (resource, own[holder])
    return found
