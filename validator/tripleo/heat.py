"""The resolver of HOT templates: what the functions in a template stand for.

What cannot be found out is never guessed: the value becomes `Unresolved`, with the place of the cause. Values are
found when they are asked for, so what nobody needs may stay unknown. Semantics: heat/engine/hot/functions.py,
heat/engine/parameters.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import yaml

from validator.errors import ScenarioError
from validator.scenario.paths import written
from validator.tripleo import query
from validator.tripleo.environment import NOTHING, Environment, constructed
from validator.tripleo.functions import FUNCTIONS, as_text
from validator.tripleo.template import Template, entries, load, scalar
from validator.tripleo.values import (
    Cause,
    Reason,
    Spot,
    TouchedError,
    UnfitError,
    Unresolved,
    Value,
    because,
    sequence,
    string,
    together,
)

DEEPEST = 25  # templates inside templates
NULLABLE_IF = 2021_04_16  # since wallaby `if` may say nothing for the other case
YAQL_SINCE = 2016_10_14
PAIR, IF_MOST = 2, 3  # arguments of `equals`; of `if`: a condition and two values
# Maps that TripleO hands to every service and that the operator, not TripleO, fills: a key that is not there is an
# empty string, as get_param says. In the maps that TripleO computes a missing key is a value that was not given.
OPERATORS_MAPS = frozenset({"RoleParameters"})
Special: TypeAlias = "Callable[[Stack, yaml.Node], Value | _Nothing]"
Condition: TypeAlias = "Callable[[Stack, yaml.Node], bool | Unresolved]"


class _Nothing:
    """What a nullable `if` stands for: the item or key is not there."""


NOT_THERE = _Nothing()


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What is known about a whole reading: templates, places of list items, and which functions were resolved."""

    environment: Environment
    templates: dict[Path, Template] = field(default_factory=dict)
    spots: dict[str, Spot] = field(default_factory=dict)
    resolved: set[Spot] = field(default_factory=set)
    causes: set[Cause] = field(default_factory=set)
    dependent: set[Spot] = field(default_factory=set)

    def template(self, path: Path) -> Template:
        """A template, read once. Raises `ScenarioError`."""
        path = path.resolve()
        if path not in self.templates:
            self.templates[path] = load(path)
        return self.templates[path]

    def spot(self, value: Value) -> Spot | None:
        """Where an item of a list stands in a template; the first place, when it stands at several."""
        return self.spots.get(content(value))

    def key(self, name: str) -> Spot | None:
        """Where a key stands in one of the templates that were read."""
        for template in self.templates.values():
            for node in _keys(template.root):
                if node.value == name:
                    return template.spot(node)
        return None

    def note(self, value: Value, spot: Spot) -> None:
        """Remember where an item of a list stands."""
        if isinstance(value, dict):
            self.spots.setdefault(content(value), spot)


def _keys(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield from _keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _keys(each)


def content(value: Value) -> str:
    """A value as text: the functions that carry items from list to list leave their content as it is."""
    return json.dumps(value, sort_keys=True, default=repr)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """A template with values for its parameters. `given` computes a value when it is asked for."""

    template: Template
    ledger: Ledger
    given: Mapping[str, Callable[[], Value]] = field(default_factory=dict)
    depth: int = 0
    _cache: dict[int, Value | _Nothing] = field(default_factory=dict)
    _under_way: set[int] = field(default_factory=set)
    _conditions: set[str] = field(default_factory=set)
    _inner: dict[str, Stack] = field(default_factory=dict)

    def output(self, name: str, path: tuple[str | int, ...] = ()) -> Value:
        """An output's value, or what is in it at a path. Null when the path leads nowhere, as in Heat."""
        node = self.template.section("outputs").get(name)
        value = entries(node).get("value") if isinstance(node, yaml.MappingNode) else None
        if value is None:
            spot = self.template.spot(self.template.root)
            return because(spot, f"outputs.{name}", "the template has no such output", Reason.NO_TEMPLATE)
        return self._at(value, path)

    def resolve(self, node: yaml.Node) -> Value:
        """The value a node stands for."""
        value = self._resolve(node)
        return None if isinstance(value, _Nothing) else value

    def spot(self, node: yaml.Node) -> Spot:
        """Where a node stands."""
        return self.template.spot(node)

    def _at(self, node: yaml.Node, path: tuple[str | int, ...]) -> Value:
        """As much of a node as leads to the path; the rest is not looked at."""
        while path and isinstance(node, yaml.MappingNode) and self._function(node) is None:
            inner = entries(node).get(str(path[0]))
            if inner is None:
                return None
            node, path = inner, path[1:]
        return select(self.resolve(node), path)

    def _resolve(self, node: yaml.Node) -> Value | _Nothing:
        if isinstance(node, yaml.ScalarNode):
            return scalar(node)
        if id(node) in self._cache:
            return self._cache[id(node)]
        if id(node) in self._under_way:
            return because(self.spot(node), "", "this value is defined by itself", Reason.CYCLE)
        self._under_way.add(id(node))
        try:
            value = self._collection(node)
        finally:
            self._under_way.discard(id(node))
        self._cache[id(node)] = value
        return value

    def _collection(self, node: yaml.Node) -> Value | _Nothing:
        if isinstance(node, yaml.SequenceNode):
            return self._list(node)
        if not isinstance(node, yaml.MappingNode):
            return None
        name = self._function(node)
        if name is not None:
            return self._call(name, node, entries(node)[name])
        found = {key: self._resolve(each) for key, each in entries(node).items()}
        return {key: value for key, value in found.items() if not isinstance(value, _Nothing)}

    def _list(self, node: yaml.SequenceNode) -> Value:
        items: list[Value] = []
        for each in node.value:
            value = self._resolve(each)
            if not isinstance(value, _Nothing):
                items.append(value)
                self.ledger.note(value, self.spot(each))
        return items

    def _function(self, node: yaml.MappingNode) -> str | None:
        """The function that a mapping with one key is a call of."""
        if len(node.value) != 1:
            return None
        name = str(node.value[0][0].value)
        if name in SPECIAL:
            return name if self.template.version >= SPECIAL[name][0] else None
        return name if name in FUNCTIONS and self.template.version >= FUNCTIONS[name][0] else None

    def _call(self, name: str, node: yaml.Node, argument: yaml.Node) -> Value | _Nothing:
        spot = self.spot(node)
        value: Value | _Nothing
        try:
            if name in SPECIAL:
                value = SPECIAL[name][1](self, argument)
            else:
                value = _applied(FUNCTIONS[name][1], self.resolve(argument))
        except TouchedError as error:
            value = error.unresolved
        except (ValueError, TypeError, KeyError, IndexError) as error:
            value = because(spot, name, str(error), Reason.QUERY if name == "yaql" else Reason.ARGUMENTS)
        self._count(spot, value)
        return value

    def _count(self, spot: Spot, value: Value | _Nothing) -> None:
        if not isinstance(value, Unresolved):
            self.ledger.resolved.add(spot)
            return
        self.ledger.causes.update(value.causes)
        self.ledger.dependent.add(spot)

    def parameter(self, name: str, spot: Spot) -> Value:
        """The value of a parameter: what the caller passes, else the environment's, else the default."""
        node = self.template.section("parameters").get(name)
        declaration = entries(node) if isinstance(node, yaml.MappingNode) else {}
        value = self._given(name, declaration)
        if isinstance(value, Unresolved):
            return value
        if not declaration and not name.startswith("OS::"):
            return because(spot, name, "the template has no such parameter", Reason.NO_PARAMETER)
        if value is None:
            return because(spot, name, "the parameter has no default and was given no value", Reason.NO_VALUE)
        kind = declaration.get("type")
        try:
            return typed(value, str(kind.value) if kind is not None else "string")
        except TouchedError as error:
            return error.unresolved
        except ValueError as error:
            return because(spot, name, str(error), Reason.ARGUMENTS)

    def _given(self, name: str, declaration: Mapping[str, yaml.Node]) -> Value:
        """What stands for a parameter; null when nothing does: for Heat null is no value."""
        if name in self.given and (value := self.given[name]()) is not None:
            return value
        value = self.ledger.environment.values.get(name)
        if value is not None:
            return value
        default = declaration.get("default")
        return constructed(default) if default is not None else None

    def condition(self, node: yaml.Node) -> bool | Unresolved:
        """Whether a condition holds: a name, a truth value, or a function."""
        spot = self.spot(node)
        if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
            name, argument = str(node.value[0][0].value), node.value[0][1]
            try:
                holds = self._condition_function(name, node, argument)
            except TouchedError as error:
                holds = error.unresolved
            except ValueError as error:
                holds = because(spot, name, str(error), Reason.ARGUMENTS)
            self._count(spot, holds)
            return holds
        value = self.resolve(node)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value in self.template.section("conditions"):
            return self._named(value, node)
        return because(spot, "", f"there is no condition {value!r}", Reason.ARGUMENTS)

    def _named(self, name: str, node: yaml.Node) -> bool | Unresolved:
        inner = self.template.section("conditions")[name]
        if name in self._conditions:
            return because(self.spot(node), name, "the condition is defined by itself", Reason.CYCLE)
        self._conditions.add(name)
        try:
            return self.condition(inner)
        finally:
            self._conditions.discard(name)

    def _condition_function(self, name: str, node: yaml.Node, argument: yaml.Node) -> bool | Unresolved:
        if name in CONDITIONS:
            return CONDITIONS[name](self, argument)
        if name in ("get_param", "yaql", "contains"):
            value = self.resolve(node)
            if isinstance(value, bool | Unresolved):
                return value
            raise UnfitError(f"a condition is true or false, not {value!r}")
        raise UnfitError(f"{name} is no function of a condition")

    def attribute(self, name: str, path: tuple[str | int, ...], spot: Spot) -> Value:
        """An attribute of a resource, or what is in it at a path."""
        node = self.template.section("resources").get(name)
        if not isinstance(node, yaml.MappingNode):
            return because(spot, name, "the template has no such resource", Reason.ARGUMENTS)
        resource = entries(node)
        if "condition" in resource:
            holds = self.condition(resource["condition"])
            if isinstance(holds, Unresolved):
                return holds
            if not holds:
                return None
        if "type" not in resource:
            return because(self.spot(node), name, "the resource has no type", Reason.ARGUMENTS)
        return self._attribute(name, resource, path, spot)

    def _attribute(
        self, name: str, resource: Mapping[str, yaml.Node], path: tuple[str | int, ...], spot: Spot
    ) -> Value:
        kind = self.ledger.environment.implementation(str(resource["type"].value))
        if kind == NOTHING:
            return None
        if kind == "OS::Heat::Value":
            return self._value(resource, path, spot)
        if kind.endswith((".yaml", ".template")):
            inner = self._stack(name, kind, resource)
            return inner if isinstance(inner, Unresolved) else inner.output(str(path[0]), path[1:])
        here = self.spot(resource["type"])
        if kind.startswith("OS::TripleO::"):
            message = f"no resource_registry says what {kind} is: add an environment file"
            return because(here, f"resources.{name}", message, Reason.NO_TYPE)
        return because(here, f"resources.{name}", f"Heat makes a {kind} when it deploys", Reason.HEAT_ONLY)

    def _value(self, resource: Mapping[str, yaml.Node], path: tuple[str | int, ...], spot: Spot) -> Value:
        properties = resource.get("properties")
        node = entries(properties).get("value") if isinstance(properties, yaml.MappingNode) else None
        if path[0] != "value" or node is None or not isinstance(properties, yaml.MappingNode):
            return because(spot, str(path[0]), "an OS::Heat::Value has just a `value`", Reason.ARGUMENTS)
        kind = entries(properties).get("type")
        if kind is None or kind.value == "json":
            return self._at(node, path[1:])
        value = self.resolve(node)
        if value is None or isinstance(value, Unresolved):
            return value
        return select(typed(value, str(kind.value)), path[1:])

    def _stack(self, name: str, kind: str, resource: Mapping[str, yaml.Node]) -> Stack | Unresolved:
        """The stack that a resource is."""
        if name in self._inner:
            return self._inner[name]
        here = self.spot(resource["type"])
        if self.depth >= DEEPEST:
            return because(here, f"resources.{name}", f"templates are nested deeper than {DEEPEST}", Reason.CYCLE)
        path = self.template.path.parent / kind
        try:
            template = self.ledger.template(path)
        except ScenarioError as error:
            causes = (Cause(problem=problem, reason=Reason.NO_TEMPLATE) for problem in error.problems)
            needed = because(here, f"resources.{name}", f"{kind} cannot be used", Reason.NO_TEMPLATE)
            return Unresolved((*causes, *needed.causes))
        given = self._passed(resource.get("properties"))
        if isinstance(given, Unresolved):
            return given
        unknown = set(given) - set(template.section("parameters"))
        if unknown:
            message = f"{kind} has no parameter {', '.join(sorted(unknown))}"
            return because(here, f"resources.{name}", message, Reason.NO_PARAMETER)
        inner = Stack(template=template, ledger=self.ledger, given=given, depth=self.depth + 1)
        self._inner[name] = inner
        return inner

    def _passed(self, properties: yaml.Node | None) -> Mapping[str, Callable[[], Value]] | Unresolved:
        """The properties of a resource: values for the parameters of its template."""
        if properties is None:
            return {}
        if isinstance(properties, yaml.MappingNode) and self._function(properties) is None:
            return {name: _later(self, node) for name, node in entries(properties).items()}
        value = self.resolve(properties)
        if isinstance(value, Unresolved):
            return value
        if not isinstance(value, dict):
            return because(self.spot(properties), "properties", "a map is wanted", Reason.ARGUMENTS)
        return {name: _ready(each) for name, each in value.items()}


def _later(stack: Stack, node: yaml.Node) -> Callable[[], Value]:
    return lambda: stack.resolve(node)


def _ready(value: Value) -> Callable[[], Value]:
    return lambda: value


def _applied(function: Callable[[Value], Value], argument: Value) -> Value:
    """A function of a known argument; its parts may be unknown as long as the function does not look at them."""
    return argument if isinstance(argument, Unresolved) else function(argument)


def select(value: Value, path: tuple[str | int, ...]) -> Value:
    """What is in a value at a path; null when there is nothing (heat/engine/attributes.py: select_from_attribute)."""
    for step in path:
        if isinstance(value, Unresolved):
            return value
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and str(step).lstrip("-").isdigit():
            value = value[int(step)] if -len(value) <= int(step) < len(value) else None
        else:
            return None
    return value


def typed(value: Value, kind: str) -> Value:
    """A parameter's value in the type it is declared with. Raises `UnfitError`."""
    if kind in TYPES:
        return TYPES[kind](value)
    raise UnfitError(f"there is no type {kind!r} of parameters; known: {', '.join(TYPES)}")


def _number(value: Value) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnfitError(f"a number is wanted, not {value!r}")
    if not isinstance(value, str):
        return value
    return int(value) if value.lstrip("+-").isdigit() else float(value)


def _boolean(value: Value) -> Value:
    text = as_text(value).strip().lower()
    if text in ("true", "t", "yes", "y", "on", "1"):
        return True
    if text in ("false", "f", "no", "n", "off", "0"):
        return False
    raise UnfitError(f"true or false is wanted, not {value!r}")


def _json(value: Value) -> Value:
    if not isinstance(value, str) or not value:
        return value
    try:
        parsed: Value = json.loads(value)
    except ValueError as error:
        raise UnfitError(f"this is no JSON: {error}") from error
    return parsed


def _commas(value: Value) -> Value:
    if isinstance(value, str):
        return [each.strip() for each in value.split(",")] if value.strip() else []
    return [each if isinstance(each, Unresolved | dict | list) else str(each) for each in sequence(value)]


def _text(value: Value) -> Value:
    return value if isinstance(value, dict | list) else as_text(value)


# oslo_utils.strutils.bool_from_string(strict=True), heat/engine/parameters.py.
TYPES: Mapping[str, Callable[[Value], Value]] = {
    "string": _text,
    "number": _number,
    "boolean": _boolean,
    "json": _json,
    "comma_delimited_list": _commas,
}


def _get_param(stack: Stack, argument: yaml.Node) -> Value:
    name, path = _path(stack, argument)
    spot = stack.spot(argument)
    value = stack.parameter(str(name), spot)
    for step in path:
        if isinstance(value, Unresolved):
            return value
        inner = _step(value, step)
        if isinstance(inner, _Nothing):
            if name in OPERATORS_MAPS:
                return ""
            return because(spot, ".".join(map(str, (name, *path))), "no value was given for this key", Reason.NO_KEY)
        value = inner
    return value


def _step(value: Value, step: str | int) -> Value | _Nothing:
    if isinstance(value, dict):
        return value.get(str(step), NOT_THERE)
    if isinstance(value, list) and str(step).lstrip("-").isdigit():
        return value[int(step)] if -len(value) <= int(step) < len(value) else NOT_THERE
    return NOT_THERE


def _path(stack: Stack, argument: yaml.Node) -> tuple[str | int, tuple[str | int, ...]]:
    """A name, alone or at the head of a list, and what follows it."""
    value = stack.resolve(argument)
    if isinstance(value, str):
        return value, ()
    steps: list[str | int] = []
    for each in sequence(value):
        if isinstance(each, Unresolved):
            raise TouchedError(each)
        if isinstance(each, bool) or not isinstance(each, str | int):
            raise UnfitError(f"a path is made of names and numbers, not of {each!r}")
        steps.append(each)
    if not steps:
        raise UnfitError("a name is wanted")
    return steps[0], tuple(steps[1:])


def _get_attr(stack: Stack, argument: yaml.Node) -> Value:
    name, path = _path(stack, argument)
    if not path:
        raise UnfitError("a resource and one of its attributes are wanted")
    return stack.attribute(str(name), path, stack.spot(argument))


def _get_resource(stack: Stack, argument: yaml.Node) -> Value:
    message = "a resource's id is known when Heat has made the resource"
    return because(stack.spot(argument), str(stack.resolve(argument)), message, Reason.HEAT_ONLY)


def _get_file(stack: Stack, argument: yaml.Node) -> Value:
    path = stack.template.path.parent / string(stack.resolve(argument))
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return because(stack.spot(argument), written(path), f"the file cannot be read: {error}", Reason.NO_TEMPLATE)


def _resource_facade(stack: Stack, argument: yaml.Node) -> Value:
    message = "only Heat knows the resource that a template stands for"
    return because(stack.spot(argument), "resource_facade", message, Reason.HEAT_ONLY)


def _yaql(stack: Stack, argument: yaml.Node) -> Value:
    return _applied(query.evaluate, stack.resolve(argument))


def _if(stack: Stack, argument: yaml.Node) -> Value | _Nothing:
    """Only the branch that is taken is looked at."""
    least = 2 if stack.template.version >= NULLABLE_IF else 3
    if not isinstance(argument, yaml.SequenceNode) or not least <= len(argument.value) <= IF_MOST:
        raise UnfitError("a condition and two values are wanted")
    holds = stack.condition(argument.value[0])
    if isinstance(holds, Unresolved):
        return holds
    branches = argument.value[1:]
    if holds:
        return stack.resolve(branches[0])
    return stack.resolve(branches[1]) if len(branches) > 1 else NOT_THERE


SPECIAL: Mapping[str, tuple[int, Special]] = {
    "get_param": (2013_05_23, _get_param),
    "get_attr": (2013_05_23, _get_attr),
    "get_resource": (2013_05_23, _get_resource),
    "get_file": (2013_05_23, _get_file),
    "resource_facade": (2013_05_23, _resource_facade),
    "yaql": (YAQL_SINCE, _yaql),
    "if": (YAQL_SINCE, _if),
}


def _equals(stack: Stack, argument: yaml.Node) -> bool | Unresolved:
    if not isinstance(argument, yaml.SequenceNode) or len(argument.value) != PAIR:
        raise UnfitError("two values are wanted")
    left, right = (stack.resolve(each) for each in argument.value)
    return left == right


def _not(stack: Stack, argument: yaml.Node) -> bool | Unresolved:
    holds = stack.condition(argument)
    return holds if isinstance(holds, Unresolved) else not holds


def _and(stack: Stack, argument: yaml.Node) -> bool | Unresolved:
    return _all(stack, argument, decides=False)


def _or(stack: Stack, argument: yaml.Node) -> bool | Unresolved:
    return _all(stack, argument, decides=True)


def _all(stack: Stack, argument: yaml.Node, *, decides: bool) -> bool | Unresolved:
    """One that decides is enough, whatever the unknown ones are."""
    if not isinstance(argument, yaml.SequenceNode) or not argument.value:
        raise UnfitError("a list of conditions is wanted")
    each = [stack.condition(node) for node in argument.value]
    if any(not isinstance(holds, Unresolved) and holds == decides for holds in each):
        return decides
    unknown = [holds for holds in each if isinstance(holds, Unresolved)]
    return together(unknown) if unknown else not decides


CONDITIONS: Mapping[str, Condition] = {"equals": _equals, "not": _not, "and": _and, "or": _or}
