"""A YAML file that is edited as text: the rest of it, comments and all, stays as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

BLOCKS = ("block", "rescue", "always")
LISTS = ("pre_tasks", "tasks", "post_tasks", "handlers")
IMPORTS = ("import_tasks", "include_tasks")
NUMBER = re.compile(r"-?\d+")
ANCHOR = re.compile(r"&\S+[ \t]+")
NOTHING = "ansible.builtin.meta: noop"
FLIPPED = {
    "true": "false",
    "false": "true",
    "True": "False",
    "False": "True",
    "yes": "no",
    "no": "yes",
    "on": "off",
    "off": "on",
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task where it stands: the file (relative to the directory of the tasks), its text, and its node."""

    file: str
    text: str
    node: yaml.MappingNode
    handler: bool

    @property
    def keys(self) -> Mapping[str, tuple[yaml.Node, yaml.Node]]:
        """Its keys, each with the nodes of key and value."""
        return mapping(self.node)

    @property
    def line(self) -> int:
        """Where it begins, from 1."""
        return int(self.node.start_mark.line) + 1

    @property
    def end(self) -> int:
        """Behind its last character."""
        return _end(self.node, self.text)

    @property
    def name(self) -> str:
        """What it is called, or its first key."""
        keys = self.keys
        named = keys.get("name")
        return scalar(named[1]) or "" if named else next(iter(keys), "")

    def module(self, *names: str) -> Mapping[str, tuple[yaml.Node, yaml.Node]] | None:
        """The arguments of its module when that is one of `names` (without collection), given as a mapping."""
        for key, (_, value) in self.keys.items():
            if key.rpartition(".")[2] in names:
                return mapping(value)
        return None

    def uses(self, *names: str) -> bool:
        """Whether its module is one of `names` (without collection)."""
        return any(key.rpartition(".")[2] in names for key in self.keys)

    def holds(self, node: yaml.Node) -> bool:
        """Whether a node stands in this task; one that an alias leads to stands where its anchor is."""
        return bool(self.node.start_mark.index <= node.start_mark.index < self.node.end_mark.index)

    def replaced(self, node: yaml.Node, text: str) -> str:
        """The file with another text for a node; its anchor stays, for those who refer to it."""
        start, end = extent(self, node)
        return self.text[:start] + text + self.text[end:]

    def without(self) -> str:
        """The file with a task that does nothing in place of this one.

        A task with an anchor that others refer to stays, and does not run.
        """
        text = self.replaced(self.node, f"{{{NOTHING}}}" if self.node.flow_style else NOTHING)
        try:
            meaning(text)
        except yaml.YAMLError:
            return self.with_key("when", "false")
        return text

    def without_key(self, name: str) -> str:
        """The file without one key of the task."""
        key, value = self.keys[name]
        if key.start_mark.index == self.node.start_mark.index and len(self.node.value) > 1:
            following = self.node.value[1][0]  # the dash before the first key belongs to the task
            return self.text[: key.start_mark.index] + self.text[following.start_mark.index :]
        if self.node.flow_style:
            start, end = key.start_mark.index, value.end_mark.index
            after = re.match(r"\s*,\s*", self.text[end:])
            if after:
                return self.text[:start] + self.text[end + after.end() :]
            return self.text[:start].rstrip().removesuffix(",") + self.text[end:]
        lines = self.text.splitlines(keepends=True)
        return "".join([*lines[: key.start_mark.line], *lines[_end_line(value, len(lines)) :]])

    def with_key(self, name: str, value: str) -> str:
        """The file with one more key in the task, or another value for it."""
        if name in self.keys:
            return self.replaced(self.keys[name][1], value)
        at = self.node.start_mark.index
        if self.node.flow_style:
            return f"{self.text[: at + 1]} {name}: {value}, {self.text[at + 1 :].lstrip(' ')}"
        return f"{self.text[:at]}{name}: {value}\n{' ' * self.node.start_mark.column}{self.text[at:]}"


def tasks(directory: Path, file: str) -> Iterator[Task]:
    """The tasks of a playbook or list of tasks, of what it imports by a literal name, and of roles beside it.

    What lies elsewhere, by its path or behind a link, is left out: a copy of `directory` does not hold it.
    """
    waiting, seen = [file], set[str]()
    root_directory = directory.resolve()
    roles = sorted((*directory.glob("roles/*/tasks/*.yml"), *directory.glob("roles/*/handlers/*.yml")))
    waiting += [str(path.relative_to(directory)) for path in roles]
    while waiting:
        found = (directory / waiting.pop(0)).resolve()
        if not found.is_relative_to(root_directory) or not found.is_file():
            continue
        name = str(found.relative_to(root_directory))
        if name in seen:
            continue
        seen.add(name)
        text = (directory / name).read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        for task in _below(root, name, text, handler="/handlers/" in name):
            yield task
            for key in IMPORTS:
                for known, (_, value) in task.keys.items():
                    target = scalar(mapping(value).get("file", (value, value))[1])
                    if known.rpartition(".")[2] == key and target and "{{" not in target:
                        waiting.append(str((Path(name).parent / target).as_posix()))


def _below(node: yaml.Node | None, file: str, text: str, *, handler: bool) -> Iterator[Task]:
    if not isinstance(node, yaml.SequenceNode):
        return
    for item in node.value:
        if not isinstance(item, yaml.MappingNode):
            continue
        keys = mapping(item)
        inner = [(name, keys[name][1]) for name in (*LISTS, *BLOCKS) if name in keys]
        if inner or "hosts" in keys:
            for name, value in inner:
                yield from _below(value, file, text, handler=handler or name == "handlers")
        else:
            yield Task(file=file, text=text, node=item, handler=handler)


def siblings(task: Task) -> Iterator[Task]:
    """All tasks of the file that a task stands in."""
    yield from _below(yaml.compose(task.text, Loader=yaml.SafeLoader), task.file, task.text, handler=False)


def meaning(text: str) -> object:
    """What a YAML text holds, to be compared with another one. Raises `yaml.YAMLError` when it is none."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return _meaning(root) if root is not None else None


def _meaning(node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return (node.tag, [(_meaning(key), _meaning(value)) for key, value in node.value])
    if isinstance(node, yaml.SequenceNode):
        return (node.tag, [_meaning(item) for item in node.value])
    return (node.tag, node.value)


def mapping(node: yaml.Node) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The keys of a mapping node; empty for others."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): (key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def scalar(node: yaml.Node) -> str | None:
    """The text of a scalar; None for others."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def extent(task: Task, node: yaml.Node) -> tuple[int, int]:
    """From where to where a node's text goes; an anchor before it is left out."""
    start = node.start_mark.index
    anchor = ANCHOR.match(task.text, start)
    return anchor.end() if anchor else start, _end(node, task.text)


def written(value: str, node: yaml.ScalarNode) -> str:
    """How a value is written in one line, in the style of another one's node."""
    if node.style == "'" and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    plain = yaml.safe_dump(value, width=100_000, allow_unicode=True).removesuffix("\n").removesuffix("\n...")
    return f'"{_escaped(value)}"' if node.style == '"' or "\n" in plain or plain.startswith("'") else plain


def changed(node: yaml.ScalarNode) -> str:
    """How a scalar is written with another value of the same kind."""
    value, style = str(node.value), node.style
    if style in {"|", ">"}:
        return f'"{_escaped(value)}changed\\n"'
    other = another(value)
    if style == "'":
        return "'" + other.replace("'", "''") + "'"
    return f'"{_escaped(other)}"' if style == '"' or not other.strip() or value == "" else other


def another(value: str) -> str:
    """Another value of the same kind: the next number, the opposite, a longer word."""
    if value in FLIPPED:
        return FLIPPED[value]
    if NUMBER.fullmatch(value):
        return str(int(value) + 1)
    return f"{value}-changed" if value else "changed"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")


def _end(node: yaml.Node, text: str) -> int:
    """Behind a node's last character. The parser ends a block where the next token begins."""
    end = int(node.end_mark.index)
    flow = getattr(node, "flow_style", None)
    is_block = isinstance(node, yaml.CollectionNode) and not flow
    if not is_block and not (isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}):
        return end
    lines = text[:end].rstrip().split("\n")
    # Comments between this and what follows stay; one that ends a literal text stays as a comment.
    while lines[-1].lstrip().startswith("#") or not lines[-1].strip():
        lines.pop()
    return len("\n".join(lines))


def _end_line(node: yaml.Node, last: int) -> int:
    """The line behind a node. A block ends where the next token begins, and takes comments between along."""
    flow = getattr(node, "flow_style", None)
    is_block = isinstance(node, yaml.CollectionNode) and not flow
    if is_block or (isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}):
        return min(int(node.end_mark.line), last)
    return int(node.end_mark.line) + 1
