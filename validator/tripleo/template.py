"""A HOT template as it stands in its file: nodes that know their line and column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from validator.errors import ScenarioError
from validator.scenario.paths import written
from validator.tripleo.values import Spot, whole

# Heat leaves dates alone (heat/common/template_format.py: timestamps are constructed as strings).
_AS_TEXT = frozenset({"tag:yaml.org,2002:timestamp"})
_STATEMENT = re.compile(r"\{[%{#]")
_ALIASES = {
    "2013-05-23": 2013_05_23,
    "2014-10-16": 2014_10_16,
    "2015-04-30": 2015_04_30,
    "2015-10-15": 2015_10_15,
    "2016-04-08": 2016_04_08,
    "newton": 2016_10_14,
    "2016-10-14": 2016_10_14,
    "ocata": 2017_02_24,
    "2017-02-24": 2017_02_24,
    "pike": 2017_09_01,
    "2017-09-01": 2017_09_01,
    "queens": 2018_03_02,
    "2018-03-02": 2018_03_02,
    "rocky": 2018_08_31,
    "2018-08-31": 2018_08_31,
    "wallaby": 2021_04_16,
    "2021-04-16": 2021_04_16,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Template:
    """A HOT template: its file, the version of the language it is written in, and its top node."""

    path: Path
    version: int
    root: yaml.MappingNode

    def spot(self, node: yaml.Node) -> Spot:
        """Where a node stands."""
        return Spot(file=written(self.path), line=node.start_mark.line + 1, column=node.start_mark.column + 1)

    def section(self, name: str) -> dict[str, yaml.Node]:
        """The entries of a top-level section: parameters, conditions, resources, outputs."""
        node = entries(self.root).get(name)
        return entries(node) if isinstance(node, yaml.MappingNode) else {}


def entries(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    """The keys of a mapping node, in their order; of a key that stands twice the last one counts, as in Heat."""
    return {str(key.value): value for key, value in node.value}


def scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    """The value of a scalar node."""
    if node.tag in _AS_TEXT:
        return str(node.value)
    value = _constructor().construct_object(node)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(node.value)


@cache
def _constructor() -> yaml.SafeLoader:
    return yaml.SafeLoader("")


def compose(path: Path) -> yaml.MappingNode:
    """The top node of a YAML file. Raises `ScenarioError`."""
    spot = whole(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError((spot.problem("", f"the file cannot be read: {error}"),)) from error
    statement = _STATEMENT.search(text) if path.name.endswith(".j2.yaml") else None
    if statement is not None:
        line = text[: statement.start()].count("\n") + 1
        raise ScenarioError(
            (
                Spot(file=written(path), line=line, column=1).problem(
                    "", "this is a Jinja template: render it first (tools/process-templates.py of its tree does)"
                ),
            )
        )
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        here = Spot(file=spot.file, line=mark.line + 1, column=mark.column + 1) if mark else spot
        raise ScenarioError((here.problem("", error.problem or "invalid YAML"),)) from error
    except yaml.YAMLError as error:
        raise ScenarioError((spot.problem("", f"invalid YAML: {error}"),)) from error
    if not isinstance(root, yaml.MappingNode):
        raise ScenarioError((spot.problem("", "a mapping is wanted at the top"),))
    _check(root, path, set())
    return root


def _check(node: yaml.Node, path: Path, above: set[int]) -> None:
    """Merge keys are resolved once; a node inside itself and keys that are not scalars are refused."""
    if id(node) in above:
        spot = Spot(file=written(path), line=node.start_mark.line + 1, column=node.start_mark.column + 1)
        raise ScenarioError((spot.problem("", "this node contains itself"),))
    inner: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _constructor().flatten_mapping(node)
        inner = [value for _, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        inner = node.value
    above.add(id(node))
    for each in inner:
        _check(each, path, above)
    above.discard(id(node))


def load(path: Path) -> Template:
    """Read a template. Raises `ScenarioError`."""
    root = compose(path)
    node = entries(root).get("heat_template_version")
    if node is None:
        problem = whole(path).problem("heat_template_version", "this is no HOT template: the key is missing")
        raise ScenarioError((problem,))
    version = _ALIASES.get(str(node.value))
    if version is None:
        spot = Spot(file=written(path), line=node.start_mark.line + 1, column=node.start_mark.column + 1)
        known = ", ".join(_ALIASES)
        raise ScenarioError((spot.problem("heat_template_version", f"unknown version {node.value!r}; known: {known}"),))
    return Template(path=path, version=version, root=root)
