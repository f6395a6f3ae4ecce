"""Faulty versions of a scenario, each with one fault that an author could make."""

from __future__ import annotations

import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml
from pydantic import JsonValue

from validator import edited
from validator.errors import UsageError
from validator.record import Place
from validator.scenario import source
from validator.scenario.load import Loaded
from validator.scenario.paths import written
from validator.scenario.source import Task

COMMANDS = ("command", "shell", "raw", "script")
VALUES: Mapping[str, tuple[str, ...]] = {
    "ini_file": ("value",),
    "lineinfile": ("line",),
    "blockinfile": ("block",),
    "copy": ("content",),
    "sysctl": ("value",),
    "mysql_db": ("encoding", "collation"),
    "mysql_user": ("priv", "password"),
    "user": ("shell", "home"),
}
PATHS: Mapping[str, str] = {
    "ini_file": "path",
    "lineinfile": "path",
    "blockinfile": "path",
    "copy": "dest",
    "template": "dest",
}
VAULT = "!vault"  # what is encrypted cannot be changed into something that can be decrypted
SEEDED = "a seeded fault"  # the name of the task that makes a fault, where it is a task more
SOMEBODY = "daemon"  # a user and a group that every Debian host has
NOOP = "File { noop => true }\nService { noop => true }\nPackage { noop => true }\nExec { noop => true }\n"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault: other texts for files beside the tasks, another manifest, or other variables.

    `id` is stable as long as the author's file is; `task` is the name of the task it is about, `unit` the unit.
    """

    id: str
    operator: str
    title: str
    place: Place
    task: str = ""
    unit: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    manifest: tuple[str, str] | None = None
    variables: Mapping[str, JsonValue] | None = None


def derive(loaded: Loaded) -> tuple[Mutant, ...]:
    """Every fault that can be seeded into a scenario. Raises `UsageError` for a variant."""
    if loaded.fault is not None:
        raise UsageError(f"{loaded.name} is a variant; faults are seeded into whole scenarios")
    if loaded.scenario.upgrade.tripleo or loaded.scenario.new.tripleo:
        raise UsageError(
            f"{loaded.name} is made of templates; faults are seeded into files of the scenario's own",
            hint="`validate import tripleo` writes them.",
        )
    tasks_file = edited.tasks_file(loaded)
    found = [
        *(mutant for task in source.tasks(tasks_file.parent, tasks_file.name) for mutant in _of_task(task, tasks_file)),
        *_variables(loaded),
        *_appended(loaded, tasks_file),
        *_noop(loaded),
    ]
    counted: Counter[str] = Counter()
    named = []
    for mutant in filter(_Different(tasks_file.parent), found):
        counted[mutant.id] += 1
        number = counted[mutant.id]
        named.append(mutant if number == 1 else replace(mutant, id=f"{mutant.id}:{number}"))
    return tuple(named)


def write(mutant: Mutant, loaded: Loaded, into: Path) -> Loaded:
    """The scenario with the fault; what had to be changed is copied below `into`, an empty directory."""
    if mutant.files:
        loaded = edited.with_files(loaded, mutant.files, into)
    if mutant.variables is not None:
        loaded = edited.with_variables(loaded, mutant.variables)
    scenario = loaded.scenario
    if mutant.manifest is not None:
        name, text = mutant.manifest
        place = into / "manifest" / scenario.new.site.name
        place.parent.mkdir()
        if scenario.new.site.is_dir():
            shutil.copytree(scenario.new.site, place, symlinks=True)
            (place / name).write_text(text, encoding="utf-8")
        else:
            place.write_text(text, encoding="utf-8")
        new = scenario.new.model_copy(update={"manifest": place})
        # A fresh host would be deployed with the same fault: there is nothing to compare with.
        checks = scenario.checks.model_copy(update={"agreement": False})
        scenario = scenario.model_copy(update={"new": new, "checks": checks})
    return replace(loaded, name=f"{loaded.name} with {mutant.id}", title=mutant.title, scenario=scenario)


class _Different:
    """Whether a fault's texts are YAML, and say something else than the author's: else it would be no fault, or be
    caught because nobody can read it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, object] = {}

    def __call__(self, mutant: Mutant) -> bool:
        try:
            return all(source.meaning(text) != self._original(name) for name, text in mutant.files.items())
        except yaml.YAMLError:
            return False

    def _original(self, name: str) -> object:
        if name not in self._known:
            self._known[name] = source.meaning((self._directory / name).read_text(encoding="utf-8"))
        return self._known[name]


def _of_task(task: Task, tasks_file: Path) -> Iterator[Mutant]:
    place = Place(file=written(tasks_file.parent / task.file), line=task.line)

    def mutant(operator: str, what: str, text: str) -> Mutant:
        return Mutant(
            id=f"{operator}:{task.file}:{task.line}",
            operator=operator,
            title=f"{what} '{task.name}'",
            place=place,
            task=task.name,
            files={task.file: text},
        )

    if not task.handler:
        yield mutant("drop-task", "without task", task.without())
    if "notify" in task.keys:
        yield mutant("remove-notify", "without the notify of", task.without_key("notify"))
    yield from _values(task, mutant)
    yield from _owners(task, mutant)
    told = task.keys.get("changed_when")
    if task.uses(*COMMANDS) and (told is None or source.scalar(told[1]) not in {"false", "no", "False"}):
        yield mutant("hide-change", "`changed_when: false` on", task.with_key("changed_when", "false"))


_Make = Callable[[str, str, str], Mutant]


def _values(task: Task, mutant: _Make) -> Iterator[Mutant]:
    """Literal values that end up on the host, in the arguments or in the first and last item of a loop."""
    for module, names in VALUES.items():
        arguments = task.module(module) or {}
        for name in names:
            node = arguments.get(name, (None, None))[1]
            if not isinstance(node, yaml.ScalarNode) or not task.holds(node) or node.tag == VAULT:
                continue
            if not _is_expression(node):
                yield mutant("change-value", f"another {name} in", task.replaced(node, source.changed(node)))
            elif f"item.{name}" in node.value:
                for item in _first_and_last(task, name):
                    yield mutant(
                        "change-value", f"another {name} in an item of", task.replaced(item, source.changed(item))
                    )


def _first_and_last(task: Task, name: str) -> Iterator[yaml.ScalarNode]:
    loop = task.keys.get("loop", (None, None))[1]
    items = loop.value if isinstance(loop, yaml.SequenceNode) else []
    found = [source.mapping(item).get(name, (None, None))[1] for item in items]
    scalars = [node for node in found if isinstance(node, yaml.ScalarNode)]
    literal = [node for node in scalars if task.holds(node) and node.tag != VAULT and not _is_expression(node)]
    yield from dict.fromkeys((*literal[:1], *literal[-1:]))


def _is_expression(node: yaml.ScalarNode) -> bool:
    """Whether nothing of the value is literal."""
    text = node.value.strip()
    return bool(text.startswith("{{") and text.endswith("}}") and text.count("{{") == 1)


def _owners(task: Task, mutant: _Make) -> Iterator[Mutant]:
    arguments = task.module("copy", "template", "file", "ini_file", "lineinfile") or {}
    for name, operator in (("mode", "change-mode"), ("owner", "change-owner"), ("group", "change-owner")):
        node = arguments.get(name, (None, None))[1]
        if isinstance(node, yaml.ScalarNode) and task.holds(node) and "{{" not in node.value:
            other = SOMEBODY if name != "mode" else '"0600"' if node.value.lstrip("0") != "600" else '"0644"'
            yield mutant(operator, f"another {name} in", task.replaced(node, other))


def _variables(loaded: Loaded) -> Iterator[Mutant]:
    variables = loaded.scenario.upgrade.vars
    for name, value in variables.items():
        if isinstance(value, str | int) and not isinstance(value, bool):
            other: JsonValue = value + 1 if isinstance(value, int) else source.another(value)
            yield Mutant(
                id=f"change-value:vars:{name}",
                operator="change-value",
                title=f"another value of the variable {name}",
                place=Place(file=written(loaded.file.resolve())),
                variables={**variables, name: other},
            )


def _appended(loaded: Loaded, tasks_file: Path) -> Iterator[Mutant]:
    """Faults that a task more makes: a stopped or disabled service, a line too many."""
    text = tasks_file.read_text(encoding="utf-8")
    is_playbook = loaded.scenario.upgrade.playbook is not None
    end = Place(file=written(tasks_file), line=len(text.splitlines()))

    def mutant(operator: str, about: str, title: str, task: dict[str, object]) -> Mutant:
        return Mutant(
            id=f"{operator}:{about}",
            operator=operator,
            title=title,
            place=end,
            files={tasks_file.name: _with_task(text, task, is_playbook=is_playbook)},
        )

    for unit in loaded.scenario.services:
        for operator, arguments in (("stop-service", {"state": "stopped"}), ("disable-service", {"enabled": False})):
            task: dict[str, object] = {"ansible.builtin.systemd_service": {"name": unit, **arguments}}
            yield replace(mutant(operator, unit, f"at the end: {operator.replace('-', ' ')} {unit}", task), unit=unit)
    for path, module in _written_paths(tasks_file):
        line = "stray = 1" if module == "ini_file" else "stray"
        yield mutant(
            "stray-line",
            path,
            f"at the end: a stray line in {path}",
            {
                # A directory, or a file of a task that did not run: then there is no fault, and it says `ok`.
                "ansible.builtin.shell": f"test -f {shlex.quote(path)} && echo '{line}' >> {shlex.quote(path)}",
                "register": "validate_seeded",
                "changed_when": "validate_seeded.rc == 0",
                "failed_when": False,
            },
        )


def _written_paths(tasks_file: Path) -> Iterator[tuple[str, str]]:
    found: dict[str, str] = {}
    for task in source.tasks(tasks_file.parent, tasks_file.name):
        for module, name in PATHS.items():
            node = (task.module(module) or {}).get(name, (None, None))[1]
            path = source.scalar(node) if node is not None else None
            if path and path.startswith("/") and "{{" not in path and not path.endswith("/"):
                found.setdefault(path, module)
    yield from found.items()


def _with_task(text: str, task: dict[str, object], *, is_playbook: bool) -> str:
    """A task behind all others; in a playbook a play of its own, so that handlers have run before."""
    named = {"name": SEEDED, "tags": ["always"], **task}  # the scenario's own choice of tags must not leave it out
    if is_playbook:
        return _appending(text, {"hosts": "all", "gather_facts": False, "tasks": [named]})
    return _appending(text, named)


def _appending(text: str, item: dict[str, object]) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    added = yaml.safe_dump([item], sort_keys=False, default_flow_style=True, width=100_000).strip()
    inner = added.removeprefix("[").removesuffix("]")
    if isinstance(root, yaml.SequenceNode) and root.flow_style:
        at = root.end_mark.index - 1
        return f"{text[:at].rstrip().removesuffix(',')}, {inner}{text[at:]}"
    indent = " " * (root.start_mark.column if root is not None else 0)
    body = text.rstrip().removesuffix("\n...").rstrip()
    return f"{body}\n{indent}- {inner}\n"


def _noop(loaded: Loaded) -> Iterator[Mutant]:
    manifest = loaded.scenario.new.site
    if manifest.is_dir():
        replacement = ("00-noop.pp", NOOP)
    else:
        replacement = (manifest.name, NOOP + manifest.read_text(encoding="utf-8"))
    yield Mutant(
        id="noop:new",
        operator="noop",
        title="the new release with `noop => true`",
        place=Place(file=written(manifest), line=1),
        manifest=replacement,
    )
