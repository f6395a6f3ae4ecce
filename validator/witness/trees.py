"""Texts as trees, so that two of them can be compared for what they mean.

A reader is trusted only with what it understands whole: what is not plainly ini, YAML or JSON stays text. Two texts
with the same tree mean the same, so a doubtful detail is kept in the tree rather than dropped.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath
from typing import Literal

import yaml
from pydantic import JsonValue

from validator.witness import lines

Form = Literal["ini", "yaml", "json"]

# What readers raise at texts that they do not understand; PyYAML lets errors of Python's constructors through.
_UNREADABLE = (yaml.YAMLError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError)

# PyYAML's composer recurses in C: at some ten thousand levels the whole process dies. A record, which holds such
# trees, cannot be read back by pydantic from 200 levels on.
_DEEPEST = 100
# A few nested aliases can stand for billions of values.
_MOST_VALUES = 1_000_000
# What YAML allows for a key on one line.
_LONGEST_KEY = 1024
# Python writes no integer of more than 4,300 digits.
_LONGEST_INTEGER = 4096

# The same letters mean something else in these, whatever they look like: programs and documents; TOML has arrays and
# texts of several lines; sections of networkd's files are not merged.
_PROGRAMS = {".css", ".erb", ".htm", ".html", ".j2", ".js", ".md", ".php", ".pl", ".pp", ".py", ".rb", ".rst", ".sh"}
_NOT_INI = _PROGRAMS | {".netdev", ".network", ".sql", ".toml", ".xml"}
_UNITS = {".automount", ".mount", ".path", ".scope", ".service", ".slice", ".socket", ".swap", ".target", ".timer"}

_BLANK = " \t\r"
# Not the tests of a shell: `[ -f x ]`.
_SECTION = re.compile(r"\[(?P<name>[^\s\[\]\-!$\"'\\][^\[\]]*|[ \t]*\w+[ \t]*)\][ \t]*(?:[#;].*)?")
_OPTION = re.compile(r"(?P<name>[^\s=:\[\]<>{}()$\"'`|&,#;!?*\\-][^=:<>{}()]{,300})[=:](?P<value>.*)")
_BARE = re.compile(r"[A-Za-z0-9_][\w.@/-]{,300}")
_INCLUDE = re.compile(r"(?P<name>!include(?:dir)?)[ \t]+(?P<value>\S.*)")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def parse(text: str, path: str) -> tuple[Form, JsonValue] | None:
    """The form of a file's text and its tree, or nothing where it is plain text.

    An ini tree is `{section: {option: value}}`: a value that is given several times is a list in that order, a bare
    key has none, what stands before the first section is under "". Lines of a continued value are joined by line
    ends. Values that only YAML knows are texts with YAML's tag (`!!timestamp 2026-01-31`, `!!int 80` as a key), so
    that they differ from a text that looks the same. Several YAML documents are a list.
    """
    form = _form(path)
    try:
        tree = _READERS[form](text, path)
    except _UNREADABLE:
        return None
    return (form, tree) if isinstance(tree, dict | list) else None


def tree_of(text: str | None, path: str, form: str) -> JsonValue:
    """The tree that patches of a file at `path` are about; `text` is None where there is no file.

    `form` is the one that the patch goes with: a file that is ini on one side only is compared as text.
    """
    if form == "text":
        return [*lines.tree(text)]
    parsed = None if text is None else parse(text, path)
    return parsed[1] if parsed is not None else {}


def patch(before: JsonValue, after: JsonValue) -> tuple[dict[str, JsonValue], ...]:
    """The operations of RFC 6902 that lead from one tree to the other, in order of their paths.

    Lists are replaced whole: an option that is given several times is one value to its reader.
    """
    return tuple(_operations(before, after, ""))


def names(pointer: str) -> tuple[str, ...]:
    """The keys that the path of an operation goes through (RFC 6901)."""
    return tuple(name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:])


def spans(text: str, path: str, wanted: Callable[[str], bool]) -> tuple[tuple[int, int], ...]:
    """Where values stand whose name is wanted, as offsets in a text that `parse` understands.

    In YAML and JSON everything below such a name counts; in an ini file a section's name does not. Raises
    `ValueError` when the places cannot be told.
    """
    if _form(path) == "ini":
        ini = _Ini(path)
        ini.read(text)
        return tuple(span for option in ini.options if wanted(option.name) for span in option.spans)
    try:
        return tuple(_scalars(text, wanted))
    except _UNREADABLE as error:
        raise ValueError(f"{path}: values cannot be located in it") from error


def is_blank(text: str) -> bool:
    """Whether an ini text says nothing: empty lines and comments only."""
    return all(not line or line[0] in "#;" for line in (each.strip(_BLANK) for each in text.split("\n")))


def _form(path: str) -> Form:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".json":
        return "json"
    return "yaml" if suffix in {".yaml", ".yml"} else "ini"


def _same(before: JsonValue, after: JsonValue) -> bool:
    """Equal, and of one type: to Python 1, 1.0 and true are equal, to a reader of the file they are not."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(_same(value, after[name]) for name, value in before.items())
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return type(before) is type(after) and before == after


def _operations(before: JsonValue, after: JsonValue, path: str) -> Iterator[dict[str, JsonValue]]:
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if not _same(before, after):
            yield {"op": "replace", "path": path, "value": after}
        return
    for name in sorted(before.keys() | after.keys()):
        below = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in after:
            yield {"op": "remove", "path": below}
        elif name not in before:
            yield {"op": "add", "path": below, "value": after[name]}
        else:
            yield from _operations(before[name], after[name], below)


@dataclass(kw_only=True)
class _Option:
    """An option as it stands in an ini file. A bare key has no `lines`; `spans` are their offsets in the text."""

    section: str
    name: str
    lines: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)


class _Ini:
    """Reads an ini file and loses nothing that an OpenStack service, systemd or MySQL finds in it.

    What a deeper line means depends on the reader: it continues a value for oslo.config (iniparser.py) and Python's
    configparser; systemd continues after a backslash (systemd.syntax(7)), MySQL never.
    """

    def __init__(self, path: str) -> None:
        self.sections: dict[str, None] = {}
        self.options: list[_Option] = []
        self._unit = PurePosixPath(path).suffix in _UNITS or "systemd" in PurePosixPath(path).parts
        self._deeper_continues = not self._unit and PurePosixPath(path).suffix != ".cnf"
        self._section = ""
        self._open: _Option | None = None
        self._indent = 0
        self._empty_lines = 0
        self._included = False

    def read(self, text: str) -> None:
        """Read all of it. Raises `ValueError` at the first line that no ini file has."""
        start = 0
        for line in text.split("\n"):
            content = line.strip(_BLANK)
            indent = len(line) - len(line.lstrip(_BLANK))
            if self._unit and self._open is not None and self._open.lines and self._open.lines[-1].endswith("\\"):
                self._continue_unit(content, start + indent)
            elif not content:
                self._empty_lines += 1
            elif self._deeper_continues and self._is_deeper(content, indent):
                self._continue(content, start + indent)
            elif content[0] not in "#;":
                self._begin(content, start + indent)
                self._indent, self._empty_lines = indent, 0
            start += len(line) + 1

    def _is_deeper(self, content: str, indent: int) -> bool:
        # To oslo.config an indented comment right below a value is part of the value.
        return self._open is not None and indent > self._indent and not (content[0] in "#;" and self._empty_lines)

    def _continue(self, content: str, start: int) -> None:
        if self._open is None or not self._open.lines:
            raise ValueError("a key without a value cannot be continued")
        self._open.lines += [""] * self._empty_lines + [content]
        self._open.spans.append((start, start + len(content)))
        self._empty_lines = 0

    def _continue_unit(self, content: str, start: int) -> None:
        if self._open is None or (content and content[0] in "#;"):
            return
        self._open.lines[-1] = self._open.lines[-1][:-1].rstrip(_BLANK)
        self._open.lines.append(content)
        self._open.spans.append((start, start + len(content)))

    def _begin(self, content: str, start: int) -> None:
        if section := _SECTION.fullmatch(content):
            self._section, self._open = section["name"], None
            self.sections[self._section] = None
            return
        include = _INCLUDE.fullmatch(content)
        match = include or _OPTION.fullmatch(content)
        if self._included and not include:
            raise ValueError("an option after an include: their order has a meaning, and a tree has none")
        self._included = include is not None
        if match is not None:
            value = match["value"].strip(_BLANK)
            end = start + len(content)
            name = match["name"].rstrip(_BLANK)
            self._open = _Option(section=self._section, name=name, lines=[value], spans=[(end - len(value), end)])
        elif self.sections and _BARE.fullmatch(content):
            self._open = _Option(section=self._section, name=content)
        else:
            raise ValueError("not a line of an ini file")
        self.options.append(self._open)


def _read_ini(text: str, path: str) -> JsonValue:
    if PurePosixPath(path).suffix.lower() in _NOT_INI or text.startswith("#!") or "[" not in text:
        return None
    ini = _Ini(path)
    ini.read(text)
    if not ini.sections:
        return None
    found: dict[str, dict[str, list[JsonValue]]] = {section: {} for section in ini.sections}
    for option in ini.options:
        value = "\n".join(option.lines) if option.lines else None
        found.setdefault(option.section, {}).setdefault(option.name, []).append(value)
    return {
        section: {name: values if len(values) > 1 else values[0] for name, values in options.items()}
        for section, options in found.items()
    }


def _read_json(text: str, _path: str) -> JsonValue:
    return _Plain().value(json.loads(text))


def _read_yaml(text: str, _path: str) -> JsonValue:
    _refuse_depth(text)
    documents = [_Plain().value(document) for document in yaml.load_all(text, yaml.CSafeLoader)]
    return documents[0] if len(documents) == 1 else documents or None


_READERS: Mapping[Form, Callable[[str, str], JsonValue]] = {"ini": _read_ini, "yaml": _read_yaml, "json": _read_json}


def _refuse_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise ValueError("nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Plain:
    """Makes what YAML holds JSON."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def value(self, value: object, depth: int = 0) -> JsonValue:
        """Raises `ValueError` when there are too many, or one that neither JSON nor UTF-8 can hold."""
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise ValueError("too many values, or nested too deeply")
        if isinstance(value, str):
            return _encodable(value)
        if isinstance(value, dict):
            return self._mapping(value, depth + 1)
        if isinstance(value, list | tuple):
            return [self.value(item, depth + 1) for item in value]
        if isinstance(value, set):
            return {"!!set": sorted((self.value(item, depth + 1) for item in value), key=json.dumps)}
        return _scalar(value)

    def _mapping(self, mapping: dict[object, object], depth: int) -> JsonValue:
        made: dict[str, JsonValue] = {}
        for key, value in mapping.items():
            name = self._name(key, depth)
            if name in made or len(name) > _LONGEST_KEY:
                raise ValueError("two keys would be one, or a key is no key")
            made[name] = self.value(value, depth)
        return made

    def _name(self, key: object, depth: int) -> str:
        plain = self.value(key, depth)
        if isinstance(plain, str):
            return plain
        tag = {bool: "bool", int: "int", float: "float", type(None): "null"}.get(type(plain), "seq")
        return f"!!{tag} {json.dumps(plain)}"


def _encodable(text: str) -> str:
    # JSON may hold half a surrogate pair, which no file can be written with.
    if not text.isascii():
        text.encode()
    return text


def _scalar(value: object) -> JsonValue:
    if value is None or (isinstance(value, int) and value.bit_length() < _LONGEST_INTEGER):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else f"!!float {value}"
    if isinstance(value, bytes):
        return f"!!binary {base64.b64encode(value).decode()}"
    if isinstance(value, date):
        return f"!!timestamp {value.isoformat()}"
    raise ValueError(f"JSON cannot hold this {type(value).__name__}")


def _scalars(text: str, wanted: Callable[[str], bool]) -> Iterator[tuple[int, int]]:
    # JSON is YAML but for the two halves that it writes a rare character in; lengths must stay.
    body = _SURROGATE.sub(r"\\u0020", text.removeprefix("\ufeff"))
    moved = len(text) - len(body)
    _refuse_depth(body)
    waiting: list[tuple[yaml.Node, bool]] = [(node, False) for node in yaml.compose_all(body, yaml.CSafeLoader)]
    seen: set[tuple[int, bool]] = set()
    while waiting:
        node, inside = waiting.pop()
        if (id(node), inside) in seen:
            continue
        seen.add((id(node), inside))
        if isinstance(node, yaml.MappingNode):
            waiting += [
                (value, inside or (isinstance(key, yaml.ScalarNode) and wanted(key.value))) for key, value in node.value
            ]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, inside) for item in node.value]
        elif inside and node.start_mark.index < node.end_mark.index:
            yield node.start_mark.index + moved, node.end_mark.index + moved
