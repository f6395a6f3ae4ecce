"""Which task of the upgrade touched last what a resource manages, and whose work it undid.

Best is what witnesses saw at the borders of tasks: a path that was written, a unit that is in another state. Where one
file holds many things, or nothing on disk shows it, the tasks' own arguments say which of them it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import JsonValue

from validator.checks import spans
from validator.checks.managed import option_of, text
from validator.checks.ondisk import PACKAGE_MODULES, plain
from validator.checks.restarts import names_of
from validator.findings import Left
from validator.record import COMMAND_MODULES, Catalog, CatalogResource, Phase, Resource, Run, Task, TaskSpan, UnitState
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
# One file, or a few, for all resources of a type.
SHARED_FILES = {
    "Cron": ("/var/spool/cron/crontabs/", "/etc/crontab"),
    "Group": ("/etc/group",),
    "Host": ("/etc/hosts",),
    "Mailalias": ("/etc/aliases",),
    "Mount": ("/etc/fstab",),
    "User": ("/etc/passwd", "/etc/shadow", "/etc/group"),
}
CLIENTS = {"Mysql": ("mysql", "mariadb"), "Postgresql": ("psql",), "Rabbitmq": ("rabbitmqctl",)}
WITNESSED = {"Concat_file", "Exec", "File", "Service"}  # what witnesses see better than arguments tell
QUERIES = {"mysql_query", "postgresql_query"}
WORD = re.compile(r"[\w.@-]+")
SHORTEST = 4  # letters of a word in a type's name that says what it is about
COMMANDS = ("command", "refresh", "unless", "onlyif", "creates")  # of an exec
CONTENTS = {"copy", "template", "assemble", "get_url", "unarchive"}
# The argument of a task that sets a property, where both are written alike.
SETTINGS = {"mode": "mode", "owner": "owner", "group": "group", "value": "value", "target": "src"}


@dataclass(frozen=True)
class Blame:
    """The tasks of a run, in order, to be asked who touched something."""

    run: Run

    @cached_property
    def _phases(self) -> tuple[Phase, ...]:
        return tuple(phase for name in ("upgrade", "fault") if (phase := self.run.phase(name)) is not None)

    @cached_property
    def _spans(self) -> tuple[tuple[TaskSpan, tuple[Task, ...]], ...]:
        return tuple(found for phase in self._phases for found in spans.of(phase))

    @cached_property
    def _tasks(self) -> tuple[Task, ...]:
        return tuple(task for phase in self._phases for run in phase.ansible for task in run.tasks)

    def named(self, catalog: Catalog | None, resource: Resource) -> Left | None:
        """The last task whose arguments name the same file, account, package or service, or None."""
        names = {resource.title, *_paths(catalog, resource)}
        hidden: Task | None = None
        for task in reversed(self._tasks):
            if task.args == MARK and task.changed:
                # Its arguments are hidden (no_log): only its module tells, and only when no later one is known.
                if _module(task) in NAMED_MODULES.get(resource.kind, ()):
                    return _left(task, "named")
                if resource.kind not in NAMED_MODULES or _module(task) in COMMAND_MODULES:
                    hidden = hidden or task
            elif hidden is None and (_touches(task, resource.kind, names) or _commands(task, resource)):
                return _left(task, "named")
        return None if hidden is not None else self._mentioned(resource)

    def _mentioned(self, resource: Resource) -> Left | None:
        """The last task that changed something and speaks of the resource, whatever its module."""
        for task in reversed(self._tasks):
            if task.changed and task.status == "ok" and _module(task) not in spans.LOOKING and _speaks(task, resource):
                return _left(task, "named")
        return None

    def shared(self, resource: Resource) -> Left | None:
        """The last task that wrote the file in which all resources of the type stand."""
        files = SHARED_FILES.get(resource.kind, ())
        for span, _ in reversed(self._spans):
            if any(
                path.startswith(file) if file.endswith("/") else path == file for path in span.paths for file in files
            ):
                return Left(task=span.name, place=span.place, did=f"wrote {files[0]}", known="seen")
        return None

    def of_command(self, declared: CatalogResource) -> Left | None:
        """The last task that wrote a path which an exec's command or its guard names."""
        said = " ".join(text for name in COMMANDS for text in _texts(declared.parameters.get(name)))
        for span, _ in reversed(self._spans):
            for path in span.paths:
                if re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w./-])", said):
                    return Left(task=span.name, place=span.place, did=f"wrote {path}", known="seen")
        return None

    def option(self, path: str, option: tuple[str, str]) -> Left | None:
        """The last task whose arguments set, or take out, an option of a file: it may have found it like that."""
        for task in reversed(self._tasks):
            args = task.args
            if not isinstance(args, dict) or task.status != "ok" or _file_of(args) != plain(path):
                continue
            if (text(args.get("section")), text(args.get("option"))) == option:
                is_gone = text(args.get("state")) == "absent"
                value = text(args.get("value"))
                did = "took it out" if is_gone else f"set it to {value}" if MARK not in value else "set it"
                return replace(_left(task, "named"), did=did)
        return None

    def unit(self, unit: str) -> Left | None:
        """The last task after which a unit was in another state than before, and what it did to it."""
        found = self._unit_changes(unit)
        return found[-1][0] if found else None

    def unit_undone(self, unit: str, *, runs: bool | None, enabled: bool | None) -> Left | None:
        """The task before the last one after which the unit was as it should be."""
        for left, state in reversed(self._unit_changes(unit)[:-1]):
            if runs in {None, state.runs} and enabled in {None, state.enabled.startswith("enabled")}:
                return left
        return None

    def _unit_changes(self, unit: str) -> list[tuple[Left, UnitState]]:
        found: list[tuple[Left, UnitState]] = []
        for phase in self._phases:
            seen = phase.services
            names = names_of(unit, (*seen.before, *seen.states) if seen else ())
            last = next((state for state in (seen.before if seen else ()) if state.unit in names), None)
            for span, results in spans.of(phase):
                state = next((state for state in span.units if state.unit in names), None)
                if state is None:
                    continue
                left = Left(
                    task=span.name,
                    place=span.place,
                    item=_item(results, names),
                    did=f"{_did(last, state)} {unit}",
                    known="seen",
                )
                found.append((left, state))
                last = state
        return found

    def of_path(self, path: str, left: Left) -> Left:
        """What a task did to a path, and for which item of its loop."""
        name = plain(path)
        results = next((found for span, found in reversed(self._spans) if _is(span, left)), ())
        gone = any(
            change.path == path and change.kind == "removed"
            for phase in self._phases[-1:]
            for change in (phase.disk.changes if phase.disk else ())
        )
        return replace(left, item=_item(results, frozenset({name})), did=f"{'removed' if gone else 'wrote'} {name}")

    def path_undone(
        self, path: str, left: Left, wanted: dict[str, JsonValue], option: tuple[str, str] | None
    ) -> Left | None:
        """An earlier task that wrote a path the way it should be: its own arguments say so."""
        for span, results in reversed(self._spans):
            if path not in span.paths or _is(span, left):
                continue
            for task in results:
                if _sets(task, plain(path), wanted, option):
                    item = task.item if task.item != MARK else None
                    return Left(task=span.name, place=span.place, item=item, did=f"wrote {plain(path)}", known="seen")
        return None

    def named_undone(self, catalog: Catalog | None, resource: Resource, left: Left) -> Left | None:
        """An earlier task whose arguments name the same account, database or package."""
        names = {resource.title, *_paths(catalog, resource)}
        for task in reversed(self._tasks):
            if (task.name, task.place) == (left.task, left.place):
                continue
            hidden = task.args == MARK and _module(task) in NAMED_MODULES.get(resource.kind, ())
            if task.changed and (hidden or _touches(task, resource.kind, names)) and not _removes(task):
                return _left(task, "named")
        return None

    def only_change(self, name: str) -> Left | None:
        """The task of a phase that changed something, if there is but one."""
        phase = next((phase for phase in self._phases if phase.name == name), None)
        wrote = [span for span, results in spans.of(phase) if spans.acts(span, results)]
        return Left(task=wrote[0].name, place=wrote[0].place, known="seen") if len(wrote) == 1 else None


def _left(task: Task, known: str) -> Left:
    return Left(
        task=task.name,
        place=task.place,
        item=None if task.item == MARK else task.item,
        known="seen" if known == "seen" else "named",
    )


def _is_in(path: str, file: str) -> bool:
    """Whether a path is a file, or lies below a directory (one that ends with a slash)."""
    return path.startswith(file) if file.endswith("/") else path == file


def _is(span: TaskSpan, left: Left) -> bool:
    return (span.name, span.place) == (left.task, left.place)


def _item(results: tuple[Task, ...], names: frozenset[str] | set[str]) -> JsonValue:
    """The item of a loop whose result names it; None without a loop."""
    for task in reversed(results):
        if task.item is not None and task.item != MARK and isinstance(task.args, dict):
            values = {text(value) for value in task.args.values() if isinstance(value, str)}
            if values & set(names) and task.changed:
                return task.item
    return None


def _did(before: UnitState | None, after: UnitState) -> str:
    """What became of a unit, in a word."""
    words = []
    if before is None or before.runs != after.runs:
        words.append("started" if after.runs else "stopped")
    elif after.runs and before.invocation != after.invocation:
        words.append("restarted")
    if before is not None and before.enabled != after.enabled:
        words.append({"disabled": "disabled", "masked": "masked"}.get(after.enabled, "enabled"))
    return " and ".join(words) or "touched"


def _sets(task: Task, path: str, wanted: dict[str, JsonValue], option: tuple[str, str] | None) -> bool:
    """Whether a task's arguments bring a path, or an option in it, to what is wanted."""
    args = task.args
    if not isinstance(args, dict) or task.status != "ok":
        return False
    if not any(isinstance(args.get(name), str) and plain(str(args[name])) == path for name in (*PATH_ARGUMENTS, "src")):
        return False
    if option is not None and (text(args.get("section")), text(args.get("option"))) != option:
        return False
    if option is None and text(args.get("option")):
        return False
    given = {name: args.get(argument) for name, argument in SETTINGS.items() if name in wanted}
    told = {name: text(value) for name, value in given.items() if value is not None}
    if "ensure" in wanted:
        gone, link = text(wanted["ensure"]) == "absent", text(wanted["ensure"]) == "link"
        state = text(args.get("state"))
        if gone != (state == "absent") or link != (state == "link"):
            return False
        told["ensure"] = text(wanted["ensure"])
    if "content" in wanted and _module(task) in CONTENTS:
        told["content"] = text(wanted["content"])
    return set(wanted) == set(told) and all(_agrees(given, wanted[name]) for name, given in told.items())


def _agrees(given: str, wanted: JsonValue) -> bool:
    """Whether an argument may be what a property should be. Reports give owners as numbers, and hide secrets."""
    should = text(wanted[0] if isinstance(wanted, list) and len(wanted) == 1 else wanted)
    if MARK in given or (should.isdigit() and not given.isdigit()):
        return True
    return given.lstrip("0") == should.lstrip("0")


def _file_of(args: dict[str, JsonValue]) -> str:
    given = text(args.get("path")) or text(args.get("dest"))
    return plain(given) if given else ""


def _removes(task: Task) -> bool:
    return isinstance(task.args, dict) and text(task.args.get("state")) == "absent"


def _commands(task: Task, resource: Resource) -> bool:
    """Whether a task did with a program, or a query, what no module that is known here does for the type."""
    if resource.kind in WITNESSED or option_of(resource.kind, resource.title, {}) is not None:
        return False
    did = task.changed and task.status == "ok"
    return did and _module(task) in {*COMMAND_MODULES, *QUERIES} and _speaks(task, resource)


def _speaks(task: Task, resource: Resource) -> bool:
    """Whether a task's arguments speak of a resource: its name, and the program or a word of its type."""
    said = " ".join(_texts(task.args)).lower()
    words = {piece for word in WORD.findall(said) for piece in (word, *re.split(r"[._@-]", word))}
    title = resource.title.lower()
    names = {title, *re.split(r"[@/]", title)} - {"", "localhost", "*", "127.0.0.1"}
    if not any(name.rstrip(".*") in words for name in names):
        return False
    family, *others = resource.kind.split("_")
    module = _module(task)
    programs = CLIENTS.get(family, ())
    if any(program in said or program in module for program in programs):
        return True
    parts = [part.lower() for part in (family, *others) if len(part) >= SHORTEST]
    return any(part in said for part in parts)


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


def _paths(catalog: Catalog | None, resource: Resource) -> set[str]:
    declared = catalog.find(resource.ref) if catalog else None
    values = (declared.parameters.get(name) for name in ("path", "name", "target")) if declared else ()
    return {value for value in values if isinstance(value, str)}


def _module(task: Task) -> str:
    return task.module.rpartition(".")[2]


def _touches(task: Task, kind: str, names: set[str]) -> bool:
    if not isinstance(task.args, dict) or task.status == "skipped":
        return False
    module = _module(task)
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
    said = str(args.get("_raw_params") or args.get("cmd") or " ".join(map(str, _words(args.get("argv")))))
    parts = [part for part in kind.lower().split("_") if len(part) >= SHORTEST]
    words = {piece for word in WORD.findall(said) for piece in (word, *word.split("_"))}
    return any(name in words for name in names) and all(part in said for part in parts)


def _words(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
