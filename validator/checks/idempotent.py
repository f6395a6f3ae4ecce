"""The upgrade tasks once more: the second run must change nothing, whatever the tasks say of themselves."""

from __future__ import annotations

from collections.abc import Iterator

from validator.checks import disk, spans
from validator.checks.known import Known, catalogs
from validator.findings import Finding
from validator.record import Phase, Run, Task

SHOWN = 20  # resources named in the evidence


def check(run: Run) -> Iterator[Finding]:
    """Changes of the tasks' second run; of a release applied twice, failures of the first."""
    if run.subject.kind == "idempotence":
        yield from _deployed(run)
    phase = run.phase("upgrade-again")
    if phase is not None:
        yield from _changed(phase)
        yield from _written(run, phase)


def _deployed(run: Run) -> Iterator[Finding]:
    fresh = run.phase("fresh")
    for apply in fresh.puppet if fresh else ():
        notable = apply.report.notable if apply.report else ()
        bad = [resource for resource in notable if resource.failed or resource.failed_to_restart]
        if bad:
            message = next((event.message for event in bad[0].events if event.status == "failure"), "")
            yield Finding(
                rule="fresh.failed",
                means="inconclusive",
                phase="fresh",
                subject=bad[0].ref,
                message=f"the release cannot be deployed: {bad[0].ref} fails: {message or 'no message'}",
                declared_at=bad[0].declared_at,
                hint="A second run only means something after a first one without a failure.",
                evidence={"resources": [resource.ref for resource in bad[:SHOWN]]},
            )
            return


def _changed(phase: Phase) -> Iterator[Finding]:
    for tasks in phase.ansible:
        for task in tasks.tasks:
            if task.changed:
                yield Finding(
                    rule="idempotent.task",
                    means="diverged",
                    phase=phase.name,
                    subject=task.name,
                    message=f"the task changes the host again when it runs again{_item(task)}",
                    declared_at=task.place,
                    hint="Let it look before it acts: a module that knows the state, `creates`, `removes`, or a "
                    "`changed_when` where nothing really changes.",
                    evidence={"module": task.module, "item": task.item, "message": task.message, "changes": task.diff},
                )


def _item(task: Task) -> str:
    return "" if task.item is None else f" (item {task.item})"


def _written(run: Run, phase: Phase) -> Iterator[Finding]:
    """Paths that differ though no task owns up to them; those of tasks that said ok are told with the task."""
    known, every = Known(catalogs(run)), tuple(spans.of(phase))
    told = {path for span, found in every if spans.says_changed(found) for path in span.paths}
    told |= {change.path for each in disk.silent(run, phase) for change in each.changes}
    for change in phase.disk.changes if phase.disk else ():
        if change.kind == "touched" or change.path in told or not known.looks_managed(change.path):
            continue
        yield Finding(
            rule="idempotent.disk",
            means="diverged",
            phase=phase.name,
            subject=change.path,
            message=f"{change.path} {disk.what(change)} in the second run of the tasks, and no task says why",
            hint="Look for what the tasks start besides: a handler, a script, a service that writes when it is "
            "restarted. A daemon's own state file is declared under `noise` in the scenario.",
            evidence=disk.shown(change),
        )
