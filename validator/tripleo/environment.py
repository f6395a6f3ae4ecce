"""Environment files: values for parameters, and which template a type of resource stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from validator.errors import ScenarioError
from validator.tripleo.template import compose, entries, scalar
from validator.tripleo.values import Value, whole

NOTHING = "OS::Heat::None"
# The registry of TripleO's own tree (rendered from overcloud-resource-registry-puppet.j2.yaml).
REGISTRY = "overcloud-resource-registry-puppet.yaml"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What surrounds the templates."""

    values: Mapping[str, Value] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def over(self, other: Environment) -> Environment:
        """This one, and the other where this one says nothing."""
        return Environment(values={**other.values, **self.values}, types={**other.types, **self.types})

    def implementation(self, name: str) -> str:
        """What a type stands for in the end: a path, or a type of Heat's own, or itself."""
        seen: set[str] = set()
        while name in self.types and name not in seen:
            seen.add(name)
            name = self.types[name]
        return name


def read(files: Iterable[Path]) -> Environment:
    """Environment files, the later over the earlier. Raises `ScenarioError`."""
    result = Environment()
    for file in files:
        result = _one(file).over(result)
    return result


def _one(file: Path) -> Environment:
    top = entries(compose(file))
    unknown = set(top) - {
        "parameters",
        "parameter_defaults",
        "resource_registry",
        "parameter_merge_strategies",
        "encrypted_param_names",
        "event_sinks",
    }
    if unknown:
        message = f"an environment file has no {', '.join(sorted(unknown))}"
        raise ScenarioError((whole(file).problem("", message),))
    values: dict[str, Value] = {}
    for section in ("parameter_defaults", "parameters"):
        node = top.get(section)
        if isinstance(node, yaml.MappingNode):
            values.update({name: constructed(each) for name, each in entries(node).items()})
    node = top.get("resource_registry")
    types = _types(node, file.parent) if isinstance(node, yaml.MappingNode) else {}
    return Environment(values=values, types=types)


def _types(node: yaml.MappingNode, directory: Path) -> dict[str, str]:
    """Paths are relative to the file; entries of single resources (`resources:`) are hooks, not types."""
    found: dict[str, str] = {}
    for name, each in entries(node).items():
        if isinstance(each, yaml.ScalarNode) and each.value:
            target = str(each.value)
            found[name] = str(directory / target) if target.endswith((".yaml", ".template")) else target
    return found


def constructed(node: yaml.Node) -> Value:
    """The value a node stands for when nothing in it is a function."""
    if isinstance(node, yaml.MappingNode):
        return {key: constructed(value) for key, value in entries(node).items()}
    if isinstance(node, yaml.SequenceNode):
        return [constructed(each) for each in node.value]
    return scalar(node) if isinstance(node, yaml.ScalarNode) else None


def around(file: Path) -> tuple[Path, ...]:
    """The registry of the tree that a template is in, if it is there and rendered."""
    for directory in file.resolve().parents:
        if (directory / REGISTRY).is_file():
            return (directory / REGISTRY,)
        if (directory / ".git").exists():
            break
    return ()
