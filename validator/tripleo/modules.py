"""Which Ansible modules tasks call, and others in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from validator.errors import Problem
from validator.scenario.tasks import KEYWORDS
from validator.tripleo.steps import SECTIONS
from validator.tripleo.values import Spot

# Of releases before 2.9, besides those of today's.
NOT_MODULES = KEYWORDS | {"sudo", "sudo_user", "su", "su_user", "always_run", "static"}
_LIKELY = {
    "yum": "ansible.builtin.package",
    "dnf": "ansible.builtin.package",
    "ini_file": "community.general.ini_file",
    "mysql_db": "community.mysql.mysql_db",
    "mysql_user": "community.mysql.mysql_user",
}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A module that a task calls, and where the task stands in a template."""

    module: str
    spot: Spot


def called(task: Mapping[str, JsonValue]) -> str | None:
    """The module a task calls; a block calls none itself."""
    for key in ("action", "local_action"):
        action = task.get(key)
        if isinstance(action, str) and action.split():
            return action.split()[0]
        if isinstance(action, dict):
            return str(action.get("module", ""))
    return next((key for key in task if key not in NOT_MODULES and not key.startswith("with_")), None)


def calls(task: Mapping[str, JsonValue], spot_of: Callable[[JsonValue], Spot]) -> Iterator[Call]:
    """The modules that a task and the tasks in it call."""
    module = called(task)
    if module:
        yield Call(module=module, spot=spot_of(dict(task)))
    for section in SECTIONS:
        tasks = task.get(section)
        for each in tasks if isinstance(tasks, list) else []:
            if isinstance(each, dict):
                yield from calls(each, spot_of)


def missing_modules(calls: Sequence[Call], known: Callable[[str], bool]) -> tuple[Problem, ...]:
    """The modules that cannot be called, each at the first task that does."""
    first: dict[str, list[Call]] = {}
    for call in calls:
        first.setdefault(call.module, []).append(call)
    return tuple(_problem(module, same) for module, same in first.items() if not known(module))


def _problem(module: str, same: Sequence[Call]) -> Problem:
    more = f" (and at {len(same) - 1} more places)" if len(same) > 1 else ""
    example = _LIKELY.get(module, "ansible.builtin.meta noop")
    message = (
        f"there is no such module here{more}: name one that stands in (`modules: {{{module}: {example}}}`), "
        "or bring its collection"
    )
    return same[0].spot.problem(module, message)


def replaced(task: Mapping[str, JsonValue], modules: Mapping[str, str]) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """A task with other modules in place of some, and the modules that were replaced, once for each call.

    `new.module` gets the arguments of the old one; `new.module some words` gets these words instead.
    """
    done: list[str] = []
    result: dict[str, JsonValue] = {}
    module = called(task)
    for key, value in task.items():
        if key == module and key in modules:
            new, _, words = modules[key].partition(" ")
            result[new] = words or value
            done.append(key)
        elif key in ("action", "local_action") and module is not None and module in modules:
            result[key] = _action(value, modules[module])
            done.append(module)
        elif key in SECTIONS and isinstance(value, list):
            inner = [replaced(each, modules) if isinstance(each, dict) else (each, ()) for each in value]
            result[key] = [each for each, _ in inner]
            done += [name for _, names in inner for name in names]
        else:
            result[key] = value
    return result, tuple(done)


def _action(value: JsonValue, new: str) -> JsonValue:
    module, _, words = new.partition(" ")
    if isinstance(value, dict):
        return {**value, "module": module} if not words else f"{module} {words}"
    return f"{module} {words or ' '.join(str(value).split()[1:])}".strip()
