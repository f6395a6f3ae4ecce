"""A task that sets a property to another value: the value is changed where it stands, instead of a task more.

Only literal values, in the arguments of the task or in an item of its loop. A template's text and a variable's value
stand elsewhere, and may serve others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import yaml

from validator.edited import Edit
from validator.fixes import layout, options
from validator.fixes.wanted import Wanted
from validator.redact import MARK, Redactor, is_secret_name
from validator.scenario import source
from validator.scenario.source import Task

MODULES: Mapping[str, Mapping[str, str]] = {
    "ini_file": {"value": "value"},
    "file": {"mode": "mode", "owner": "owner", "group": "group", "ensure": "src", "target": "src"},
    "copy": {"mode": "mode", "owner": "owner", "group": "group", "content": "content"},
    "template": {"mode": "mode", "owner": "owner", "group": "group"},
}


def edits(task: Task, wanted: Wanted, redactor: Redactor) -> tuple[Edit, ...]:
    """The edits that give a task the values that Puppet wants; none where one of them cannot be changed like that."""
    found = []
    for name in wanted.changed:
        value = _value(wanted, name)
        node = _node(task, wanted, name)
        if value is None or node is None or redactor.text(value) != value or MARK in value:
            return ()
        if str(node.value) != value:
            found.append(_edit(task, node, value))
    return tuple(dict.fromkeys(found))


def setting(tasks: Iterable[Task], wanted: Wanted) -> Iterator[Task]:
    """The tasks that set the same option of the same file, whatever they set it to."""
    if not options.is_option(wanted):
        return
    path, section, option = options.file_and_option(wanted)
    for task in tasks:
        given = task.module("ini_file") or {}
        said = {name: source.scalar(node) for name, (_, node) in given.items()}
        if path in {said.get("path"), said.get("dest")} and (
            (said.get("section"), said.get("option")) == (section, option) or any(_items(task, wanted))
        ):
            yield task


def _value(wanted: Wanted, name: str) -> str | None:
    """What a property should be, as a task's argument says it."""
    if options.is_option(wanted):
        _, _, option = options.file_and_option(wanted)
        values = options.values(wanted)
        return values[0] if name == "value" and len(values) == 1 and not is_secret_name(option) else None
    state = wanted.state
    if state is None:
        return None
    known = {"mode": state.mode, "owner": state.owner, "group": state.group, "content": state.content}
    return {**known, "target": state.link or None, "ensure": state.link or None}.get(name)


def _node(task: Task, wanted: Wanted, name: str) -> yaml.ScalarNode | None:
    """Where the value stands in the author's file."""
    for module, arguments in MODULES.items():
        given = task.module(module)
        if given is None or name not in arguments or (module == "ini_file") != options.is_option(wanted):
            continue
        node = given.get(arguments[name], (None, None))[1]
        if isinstance(node, yaml.ScalarNode) and node.value.strip() in {"{{ item.value }}", "{{item.value}}"}:
            node = next(_items(task, wanted), None)
        literal = isinstance(node, yaml.ScalarNode) and task.holds(node) and not layout.EXPRESSION.search(node.value)
        return node if literal and isinstance(node, yaml.ScalarNode) else None
    return None


def _items(task: Task, wanted: Wanted) -> Iterator[yaml.ScalarNode]:
    """The value in the item of a loop that is about the option."""
    _, section, option = options.file_and_option(wanted)
    loop = task.keys.get("loop", (None, None))[1]
    for item in loop.value if isinstance(loop, yaml.SequenceNode) else ():
        keys = source.mapping(item)
        said = {key: source.scalar(node) for key, (_, node) in keys.items()}
        node = keys.get("value", (None, None))[1]
        fits = said.get("option") == option and said.get("section", section) == section
        if fits and isinstance(node, yaml.ScalarNode):
            yield node


def _edit(task: Task, node: yaml.ScalarNode, value: str) -> Edit:
    if "\n" in value and node.style == "|":
        line = task.text[task.text.rfind("\n", 0, node.start_mark.index) + 1 : node.start_mark.index]
        column = len(line) - len(line.lstrip(" -"))
        text = "|\n" + layout.indented(value, column + 2).removesuffix("\n")
    else:
        text = source.written(value, node)
    start, end = source.extent(task, node)
    return Edit(file=task.file, at=start, until=end, text=text)
