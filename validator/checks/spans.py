"""Which task ran when: the results that belong to a span, and the span that a moment falls into."""

from __future__ import annotations

from collections.abc import Iterator

from validator.record import AnsibleRun, Phase, Task, TaskSpan

SLACK = 0.05  # seconds by which the clocks of a result and of a border between tasks may disagree
# Modules that only look, or that run on the controller: what is written meanwhile is somebody else's.
LOOKING = frozenset(
    (
        "add_host",
        "assert",
        "debug",
        "fail",
        "find",
        "gather_facts",
        "getent",
        "group_by",
        "import_role",
        "import_tasks",
        "include_role",
        "include_tasks",
        "include_vars",
        "meta",
        "mount_facts",
        "package_facts",
        "pause",
        "ping",
        "service_facts",
        "set_fact",
        "set_stats",
        "setup",
        "slurp",
        "stat",
        "validate_argument_spec",
        "wait_for",
        "wait_for_connection",
    )
)


def results(run: AnsibleRun, span: TaskSpan) -> tuple[Task, ...]:
    """The results of the task whose span this is: one, or one for each item of its loop."""
    return tuple(
        task
        for task in run.tasks
        if (task.name, task.place) == (span.name, span.place)
        and task.start >= span.start - SLACK
        and task.end <= span.end + SLACK
    )


def of(phase: Phase | None) -> Iterator[tuple[TaskSpan, tuple[Task, ...]]]:
    """Every span of a phase with its results, in order."""
    for run in phase.ansible if phase is not None else ():
        for span in run.spans:
            yield span, results(run, span)


def at(phase: Phase | None, moment: float) -> tuple[TaskSpan, tuple[Task, ...]] | None:
    """The span that a moment (Unix time) falls into, with its results."""
    return next(((span, found) for span, found in of(phase) if span.start <= moment <= span.end), None)


def says_changed(found: tuple[Task, ...]) -> bool:
    """Whether a task owns up to having done something: it changed, or it failed and nobody knows what it did."""
    return any(task.changed or task.status in {"failed", "unreachable"} for task in found)


def may_write(found: tuple[Task, ...]) -> bool:
    """Whether a task did anything on the host besides looking: not when it was skipped."""
    return any(task.status != "skipped" and task.module.rpartition(".")[2] not in LOOKING for task in found)


def acts(span: TaskSpan, found: tuple[Task, ...]) -> bool:
    """Whether a task left something on the host that is not as it was, as far as anybody saw or said."""
    return may_write(found) and bool(span.paths or span.units or says_changed(found))
