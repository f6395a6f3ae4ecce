"""Which task of the upgrade last touched what a resource manages, as far as its arguments say."""

from __future__ import annotations

from validator.findings import Left
from validator.record import Catalog, Resource, Run, Task
from validator.redact import MARK

PATH_ARGUMENTS = ("path", "dest", "name")
SERVICE_MODULES = ("service", "systemd", "systemd_service", "sysvinit")


def left_by(run: Run, catalog: Catalog | None, resource: Resource) -> Left | None:
    """The last task whose arguments name the same file or service, or None."""
    names = {resource.title, *_paths(catalog, resource)}
    for name in ("fault", "upgrade"):
        phase = run.phase(name)
        tasks = [task for tasks in (phase.ansible if phase else ()) for task in tasks.tasks]
        for task in reversed(tasks):
            if task.args == MARK and task.changed:
                return None  # its arguments are hidden (no_log): it may well have been this one
            if _touches(task, resource.kind, names):
                return Left(task=task.name, place=task.place)
    return None


def _paths(catalog: Catalog | None, resource: Resource) -> set[str]:
    declared = next((each for each in (catalog.resources if catalog else ()) if each.ref == resource.ref), None)
    values = (declared.parameters.get(name) for name in ("path", "name", "target")) if declared else ()
    return {value for value in values if isinstance(value, str)}


def _touches(task: Task, kind: str, names: set[str]) -> bool:
    if not isinstance(task.args, dict) or task.status == "skipped":
        return False
    module = task.module.rpartition(".")[2]
    if (kind == "Service") != (module in SERVICE_MODULES):
        return False
    for argument in PATH_ARGUMENTS:
        value = task.args.get(argument)
        if isinstance(value, str) and (value in names or value.removesuffix(".service") in names):
            return True
    return False
