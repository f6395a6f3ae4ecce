"""Files whose whole content Puppet calls sensitive: what is in them is not shown, line by line or otherwise.

Redaction by value cannot find a part of such a content, a line in a diff for instance; redaction by path can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from validator.record import AnsibleRun, Catalog, Content, DiskSeen, PathChange, Phase, Run, Static, Task
from validator.redact import MARK

WHERE = ("path", "target", "name")
ARGUMENTS = ("dest", "path", "name")


def hidden(run: Run) -> Run:
    """The run without what stands in sensitive files."""
    paths = frozenset(_paths(run.phases))
    if not paths:
        return run
    agreement = run.agreement
    if agreement is not None:
        agreement = replace(agreement, disk=_disk(agreement.disk, paths))
    return replace(run, phases=tuple(_phase(phase, paths) for phase in run.phases), agreement=agreement)


def hidden_static(static: Static) -> Static:
    """Tasks without what they write to files that a catalog calls sensitive."""
    paths = frozenset(path for each in static.catalogs for path in _paths_of(each.catalog))
    return replace(
        static,
        tasks=tuple(
            replace(task, args={name: MARK if name == "content" else value for name, value in task.args.items()})
            if any(task.args.get(name) in paths for name in ARGUMENTS if isinstance(task.args.get(name), str))
            else task
            for task in static.tasks
        ),
    )


def hidden_in(phase: Phase, known: Iterable[Phase]) -> Phase:
    """One phase without what stands in files that it or an earlier one calls sensitive."""
    return _phase(phase, frozenset(_paths((*known, phase))))


def _paths(phases: Iterable[Phase]) -> Iterator[str]:
    for phase in phases:
        for apply in phase.puppet:
            yield from _paths_of(apply.catalog)


def _paths_of(catalog: Catalog | None) -> Iterator[str]:
    for resource in catalog.resources if catalog else ():
        if resource.parameters.get("content") == MARK:
            title = resource.ref.partition("[")[2].removesuffix("]")
            for place in (title, *(resource.parameters.get(name) for name in WHERE)):
                if isinstance(place, str) and place.startswith("/"):
                    yield place.rstrip("/")


def _phase(phase: Phase, paths: frozenset[str]) -> Phase:
    return replace(
        phase,
        disk=None if phase.disk is None else _disk(phase.disk, paths),
        ansible=tuple(_tasks(run, paths) for run in phase.ansible),
        puppet=tuple(run if run.disk is None else replace(run, disk=_disk(run.disk, paths)) for run in phase.puppet),
    )


def _disk(disk: DiskSeen, paths: frozenset[str]) -> DiskSeen:
    return replace(disk, changes=tuple(_change(change) if change.path in paths else change for change in disk.changes))


def _change(change: PathChange) -> PathChange:
    return change if change.content is None else replace(change, content=Content(form="text", diff=MARK))


def _tasks(run: AnsibleRun, paths: frozenset[str]) -> AnsibleRun:
    return replace(run, tasks=tuple(_task(task) if _is_about(task, paths) else task for task in run.tasks))


def _is_about(task: Task, paths: frozenset[str]) -> bool:
    arguments = task.args if isinstance(task.args, dict) else {}
    return any(str(arguments.get(name, "")).rstrip("/") in paths for name in ARGUMENTS)


def _task(task: Task) -> Task:
    arguments = task.args
    if isinstance(arguments, dict) and "content" in arguments:
        arguments = {**arguments, "content": MARK}
    return replace(task, args=arguments, diff=MARK)
