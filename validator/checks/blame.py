"""Which task of the upgrade last touched what a resource manages, as far as its arguments say."""

from __future__ import annotations

import re

from pydantic import JsonValue

from validator.checks.ondisk import PACKAGE_MODULES
from validator.findings import Left
from validator.record import COMMAND_MODULES, Catalog, Resource, Run, Task
from validator.redact import MARK

PATH_ARGUMENTS = ("path", "dest", "name")
SERVICE_MODULES = ("service", "systemd", "systemd_service", "sysvinit")
# Modules that manage by name what Puppet's types do (community.mysql, community.rabbitmq and ansible.builtin).
NAMED_MODULES = {
    "Cron": ("cron",),
    "Group": ("group",),
    "Mysql_database": ("mysql_db",),
    "Mysql_grant": ("mysql_user",),
    "Mysql_user": ("mysql_user",),
    "Package": PACKAGE_MODULES,
    "Postgresql_database": ("postgresql_db",),
    "Rabbitmq_user": ("rabbitmq_user",),
    "Rabbitmq_vhost": ("rabbitmq_vhost",),
    "User": ("user",),
}
WORD = re.compile(r"[\w.@-]+")
SHORTEST = 4  # letters of a word in a type's name that says what it is about


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
    declared = catalog.find(resource.ref) if catalog else None
    values = (declared.parameters.get(name) for name in ("path", "name", "target")) if declared else ()
    return {value for value in values if isinstance(value, str)}


def _touches(task: Task, kind: str, names: set[str]) -> bool:
    if not isinstance(task.args, dict) or task.status == "skipped":
        return False
    module = task.module.rpartition(".")[2]
    if kind in NAMED_MODULES and module in NAMED_MODULES[kind]:
        return _names_it(task.args, names)
    if module in COMMAND_MODULES and kind not in {"File", "Service", "Exec"}:
        return _is_about(task.args, kind, names)
    if (kind == "Service") != (module in SERVICE_MODULES):
        return False
    for argument in PATH_ARGUMENTS:
        value = task.args.get(argument)
        if isinstance(value, str) and (value in names or value.removesuffix(".service") in names):
            return True
    return False


def _names_it(args: dict[str, JsonValue], names: set[str]) -> bool:
    """Whether a module is told to manage what the resource is called. Accounts are titled `name@host/table`."""
    given = args.get("name") or args.get("pkg") or args.get("user")
    values = given if isinstance(given, list) else [given]
    short = {name.partition("@")[0] for name in names} | names
    return any(isinstance(value, str) and value.partition("=")[0] in short for value in values)


def _is_about(args: dict[str, JsonValue], kind: str, names: set[str]) -> bool:
    """Whether a command speaks of the resource: its title, and a word of its type (`nova-manage cell_v2 ... cell0`)."""
    text = str(args.get("_raw_params") or args.get("cmd") or " ".join(map(str, _words(args.get("argv")))))
    parts = [part for part in kind.lower().split("_") if len(part) >= SHORTEST]
    words = {piece for word in WORD.findall(text) for piece in (word, *word.split("_"))}
    return any(name in words for name in names) and all(part in text for part in parts)


def _words(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
