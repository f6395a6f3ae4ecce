"""The tasks of a playbook or list of tasks as their author wrote them, read without Ansible and without a host.

What is literal is known: imports, roles beside the tasks, variables, loops. What only a host can say (facts, registered
results, lookups) stays as written, and each task names the arguments of which that is so.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath

import yaml
from pydantic import JsonValue

from validator.record import COMMAND_MODULES, Place, WrittenTask
from validator.redact import MARK
from validator.scenario.render import Renderer
from validator.scenario.words import free_form, key_values

# Keywords of tasks, blocks and handlers (ansible.playbook: task.py, block.py, handler.py and their base classes).
_KEYWORDS = (
    "action always any_errors_fatal args async async_val become become_exe become_flags become_method become_user "
    "block changed_when check_mode collections connection debugger delay delegate_facts delegate_to diff environment "
    "failed_when ignore_errors ignore_unreachable listen local_action loop loop_control module_defaults name no_log "
    "notify poll port register remote_user rescue retries run_once tags throttle timeout until vars when"
)
KEYWORDS = frozenset(_KEYWORDS.split())
# What a play or a block hands down to its tasks, besides `vars`.
_HANDED_DOWN = (
    "any_errors_fatal become become_exe become_flags become_method become_user check_mode connection delegate_facts "
    "delegate_to diff environment ignore_errors ignore_unreachable module_defaults no_log notify port remote_user "
    "run_once tags throttle timeout when"
)
HANDED_DOWN = frozenset(_HANDED_DOWN.split())
ADDED_UP = frozenset({"when", "tags", "notify"})
MERGED = frozenset({"environment", "module_defaults"})
FREE_FORM = frozenset({"command", "shell", "raw", "script", "meta", "import_tasks", "include_tasks", "include_vars"})
TASK_FILES = frozenset({"import_tasks", "include_tasks"})
ROLES = frozenset({"import_role", "include_role"})
LISTS = ("pre_tasks", "roles", "tasks", "post_tasks", "handlers")
LOOPS = ("loop", "with_items", "with_dict", "with_list")
ON_FAILURE = "ansible_failed_task is defined"  # what a task in `rescue` waits for
MOST_ITEMS = 200
MOST_TASKS = 20_000  # a file that includes itself in a loop ends nowhere
DEEPEST = 20  # files inside files

Tree = dict[str, JsonValue]
Position = Callable[[str], str]


class _Loader(yaml.SafeLoader):
    """YAML as Ansible writes it; a vaulted value is a secret."""


def _unknown_tag(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_constructor("!vault", lambda *_: MARK)
_Loader.add_constructor(None, _unknown_tag)


def read(
    directory: Path, file: str, variables: Mapping[str, JsonValue], *, shown: Callable[[str], str]
) -> tuple[WrittenTask, ...]:
    """The tasks of `file` (relative to `directory`) in the order of writing, handlers of a play after its tasks.

    `variables` win over those of plays and roles. `shown` says how a file is called in a task's place. What cannot be
    read yields nothing: whoever runs the tasks reports it.
    """
    reader = _Reader(directory.resolve(), variables, shown)
    return tuple(islice(reader.file(file, _Around()), MOST_TASKS))


@dataclass(frozen=True, kw_only=True)
class _Around:
    """What stands around a task: keywords handed down, variables, and the files that lead to it."""

    keywords: Tree = field(default_factory=dict)
    variables: Tree = field(default_factory=dict)
    handler: bool = False
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Node:
    """A mapping of a file with its position and its value."""

    line: int
    value: Tree
    inner: Mapping[str, yaml.Node]


class _Reader:
    def __init__(self, directory: Path, variables: Mapping[str, JsonValue], shown: Position) -> None:
        self._directory = directory
        self._given = dict(variables)
        self._shown = shown
        self._set_by_tasks: set[str] = set()  # registered or set as facts: their values are the host's

    def file(self, name: str, around: _Around) -> Iterator[WrittenTask]:
        """The tasks of a file, and of what it imports."""
        path = self._found(name)
        if path is None or name in around.files or len(around.files) >= DEEPEST:
            return
        yield from self._list(_root(path), replace(around, files=(*around.files, name)))

    def _list(self, node: yaml.Node | None, around: _Around) -> Iterator[WrittenTask]:
        if not isinstance(node, yaml.SequenceNode):
            return
        for each in node.value:
            item = _mapping(each)
            if item is None:
                continue
            if "hosts" in item.value:
                yield from self._play(item, around)
            elif (target := _named(item.value, "import_playbook")) is not None:
                if isinstance(target[1], str):
                    yield from self.file(_beside(around.files[-1], target[1]), around)
            elif "block" in item.value:
                yield from self._block(item, around)
            else:
                yield from self._task(item, around)

    def _play(self, play: _Node, around: _Around) -> Iterator[WrittenTask]:
        inner = _inside(play.value, around)
        names = play.value.get("vars_files")
        for name in names if isinstance(names, list) else [names]:
            if isinstance(name, str):
                inner = _with_variables(inner, self._variables_in(_beside(around.files[-1], name)))
        inner = _with_variables(inner, _tree(play.value.get("vars")))
        for key in LISTS:
            node = play.inner.get(key)
            if key == "roles":
                roles = play.value.get("roles")
                for role in roles if isinstance(roles, list) else ():
                    yield from self._role(role, inner)
            elif node is not None:
                yield from self._list(node, replace(inner, handler=key == "handlers"))

    def _block(self, block: _Node, around: _Around) -> Iterator[WrittenTask]:
        inner = _with_variables(_inside(block.value, around), _tree(block.value.get("vars")))
        yield from self._list(block.inner.get("block"), inner)
        failed = replace(inner, keywords=_merged(inner.keywords, {"when": ON_FAILURE}))
        yield from self._list(block.inner.get("rescue"), failed)
        yield from self._list(block.inner.get("always"), inner)

    def _role(self, role: JsonValue, around: _Around, entry: str = "main") -> Iterator[WrittenTask]:
        """A role as a play or a task names it."""
        given = _tree(role)
        name = role if isinstance(role, str) else given.get("role") or given.get("name")
        if not isinstance(name, str) or "{{" in name:
            return
        below = f"roles/{name}"
        inner = _inside(given, around)
        known = {**self._variables_in(f"{below}/defaults/main.yml"), **around.variables}
        known |= {**self._variables_in(f"{below}/vars/main.yml"), **_tree(given.get("vars"))}
        inner = replace(inner, variables=known)
        yield from self.file(self._either(f"{below}/tasks/{entry}"), inner)
        yield from self.file(self._either(f"{below}/handlers/main"), replace(inner, handler=True))

    def _either(self, stem: str) -> str:
        return next((f"{stem}{end}" for end in ("", ".yml", ".yaml") if self._found(f"{stem}{end}")), stem)

    def _task(self, node: _Node, around: _Around) -> Iterator[WrittenTask]:
        module, args = _module_of(node.value)
        if not module:
            return
        own = {name: value for name, value in node.value.items() if name in KEYWORDS or name.startswith("with_")}
        if "local_action" in own:
            own["delegate_to"] = "localhost"
        keywords = _merged(around.keywords, {k: v for k, v in own.items() if k not in {"action", "args", "name"}})
        keywords.pop("local_action", None)
        short = module.rpartition(".")[2]
        written = WrittenTask(
            name=str(node.value.get("name") or module),
            place=Place(file=self._shown(around.files[-1]), line=node.line),
            module=module,
            args={**_defaults(keywords, module), **args},
            keywords=keywords,
            handler=around.handler,
        )
        known = {**around.variables, **_tree(own.get("vars"))}
        for item in self._items(own, known):
            task, more = self._rendered(written, {**known, **item.variables}, item.unknown)
            inner = _with_variables(_inside(own, around), {**_tree(own.get("vars")), **item.variables})
            if short in TASK_FILES | ROLES and not more.intersection({"file", "name", "_raw_params", "tasks_from"}):
                found = tuple(self._included(task, short, inner))
                yield from found or (replace(task, unknown=(*task.unknown, "file")),)
            else:
                yield task
        if isinstance(register := own.get("register"), str):
            self._set_by_tasks.add(register)
        if short == "set_fact":
            self._set_by_tasks.update(name for name in args if name != "cacheable")

    def _included(self, task: WrittenTask, short: str, around: _Around) -> Iterator[WrittenTask]:
        if short in ROLES:
            entry = task.args.get("tasks_from")
            stem = str(entry).removesuffix(".yml").removesuffix(".yaml") if entry else "main"
            yield from self._role({"name": task.args.get("name")}, around, stem)
            return
        target = task.args.get("file") or task.args.get("_raw_params")
        if isinstance(target, str):
            beside = _beside(around.files[-1], target)
            yield from self.file(beside if self._found(beside) else target, around)

    def _items(self, own: Tree, known: Tree) -> Iterator[_Item]:
        """The items of a loop with the variables that each makes known; one without for what is no loop."""
        key = next((name for name in own if name in LOOPS), None)
        if key is None:
            unknown = any(name.startswith("with_") for name in own)
            yield _Item(unknown=("loop",) if unknown else ())
            return
        control = _tree(own.get("loop_control"))
        variable = str(control.get("loop_var") or "item")
        value, missing = self._renderer({n: v for n, v in known.items() if n != variable}).value(own[key])
        items = _listed(key, value)
        if items is None or (missing and not isinstance(value, list | dict)):
            yield _Item(unknown=("loop",))
            return
        for number, item in enumerate(items[:MOST_ITEMS]):
            index = control.get("index_var")
            yield _Item(variables={variable: item, **({index: number} if isinstance(index, str) else {})})

    def _renderer(self, known: Tree) -> Renderer:
        kept = {name: value for name, value in known.items() if name not in self._set_by_tasks}
        return Renderer({**kept, **self._given})

    def _rendered(self, task: WrittenTask, known: Tree, unknown: tuple[str, ...]) -> tuple[WrittenTask, set[str]]:
        renderer = self._renderer(known)
        args: Tree = {}
        missing: list[str] = []
        for name, value in task.args.items():
            args[name], is_missing = renderer.value(value)
            if is_missing:
                missing.append(name)
        if task.module.rpartition(".")[2] in COMMAND_MODULES:
            missing = ["_raw_params" if name in {"cmd", "argv"} else name for name in missing]
            args = _command(args)
        return replace(task, args=args, unknown=(*unknown, *missing)), set(missing)

    def _found(self, name: str) -> Path | None:
        """A file below the directory; what lies elsewhere is nobody's who checks this directory."""
        try:
            path = (self._directory / name).resolve()
            return path if path.is_relative_to(self._directory) and path.is_file() else None
        except (OSError, ValueError, RuntimeError):  # too long a name, a link that leads to itself
            return None

    def _variables_in(self, name: str) -> Tree:
        path = self._found(name)
        node = _mapping(_root(path)) if path is not None else None
        return node.value if node is not None else {}


@dataclass(frozen=True, kw_only=True)
class _Item:
    variables: Tree = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def _root(path: Path) -> yaml.Node | None:
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None


def _mapping(node: yaml.Node | None) -> _Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    inner = {str(key.value): value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
    try:
        value = _json(_Loader("").construct_document(node))
    except (ValueError, yaml.YAMLError, RecursionError):
        return None
    return _Node(line=node.start_mark.line + 1, value=_tree(value), inner=inner)


def _json(value: object) -> JsonValue:
    """Dates and the like as they are written."""
    if isinstance(value, Mapping):
        return {str(key): _json(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [_json(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _tree(value: JsonValue) -> Tree:
    return value if isinstance(value, dict) else {}


def _beside(file: str, name: str) -> str:
    return str(PurePosixPath(file).parent / name)


def _named(value: Tree, name: str) -> tuple[str, JsonValue] | None:
    return next(((key, each) for key, each in value.items() if key.rpartition(".")[2] == name), None)


def _inside(value: Tree, around: _Around) -> _Around:
    handed = {key: each for key, each in value.items() if key in HANDED_DOWN}
    return replace(around, keywords=_merged(around.keywords, handed))


def _with_variables(around: _Around, variables: Tree) -> _Around:
    return replace(around, variables={**around.variables, **variables})


def _merged(outer: Tree, inner: Tree) -> Tree:
    """The keywords of a task with those around it: conditions add up, mappings are merged, else the inner one wins."""
    merged = {**outer, **inner}
    for name in (ADDED_UP | MERGED).intersection(merged):
        above, own = outer.get(name), inner.get(name)
        merged[name] = {**_tree(above), **_tree(own)} if name in MERGED else [*_all(above), *_all(own)]
    return merged


def _all(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _defaults(keywords: Tree, module: str) -> Tree:
    """What `module_defaults` give to a module."""
    defaults = _tree(keywords.get("module_defaults"))
    names = (module, module.removeprefix("ansible.builtin."), f"ansible.builtin.{module}")
    return next((_tree(defaults[name]) for name in names if name in defaults), {})


def _module_of(task: Tree) -> tuple[str, Tree]:
    """The module's name and arguments; an empty name for what is no task."""
    more = _tree(task.get("args"))
    for key in ("action", "local_action"):
        if key in task:
            given = task[key]
            if isinstance(given, str):
                module, _, rest = given.strip().partition(" ")
                return module, {**more, **_arguments(module, rest)}
            named = _tree(given)
            module = str(named.get("module") or "")
            return module, {**more, **{name: value for name, value in named.items() if name != "module"}}
    for key, value in task.items():
        if key not in KEYWORDS and not key.startswith("with_"):
            return key, {**more, **_arguments(key, value)}
    return "", {}


def _arguments(module: str, value: JsonValue) -> Tree:
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        return {}
    text, pairs = free_form(value) if module.rpartition(".")[2] in FREE_FORM else ("", key_values(value))
    return {**({"_raw_params": text} if text else {}), **pairs}


def _command(args: Tree) -> Tree:
    """One spelling for the three ways to give a command line."""
    kept = {name: value for name, value in args.items() if name not in {"cmd", "argv"}}
    argv = args.get("argv")
    if isinstance(argv, list) and argv:
        return {**kept, "_raw_params": shlex.join(map(str, argv))}
    line = args.get("cmd") or args.get("_raw_params")
    return {**kept, "_raw_params": line} if line is not None else kept


def _listed(key: str, value: JsonValue) -> list[JsonValue] | None:
    if key == "with_dict":
        return [{"key": name, "value": each} for name, each in value.items()] if isinstance(value, dict) else None
    if not isinstance(value, list):
        return [value] if key == "with_items" and isinstance(value, str) and "{{" not in value else None
    if key == "with_items":  # one level of lists is taken apart
        return [inner for each in value for inner in (each if isinstance(each, list) else [each])]
    return value
