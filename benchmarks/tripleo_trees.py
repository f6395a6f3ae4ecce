"""Read every service template of a checkout of tripleo-heat-templates, and count what came of it.

    benchmarks/tripleo_trees.py TREE... [--placeholders]

With --placeholders every parameter without a default, and every key that templates ask of a map of TripleO's, gets a
stand-in value: what is unresolved then is what the reader cannot do, not what an operator has not said.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from validator.errors import ScenarioError
from validator.tripleo import environment, services
from validator.tripleo.heat import Ledger
from validator.tripleo.template import Template, entries, load
from validator.tripleo.values import Value, unknown_in

COMPUTED = ("EndpointMap", "ServiceNetMap", "ServiceData", "DefaultPasswords")
TASKS = ("upgrade_tasks", "upgrade_batch_tasks", "post_upgrade_tasks", "fast_forward_upgrade_tasks")
EXAMPLES: dict[str, Value] = {"number": 1, "boolean": False, "json": {}, "comma_delimited_list": []}


@dataclass
class Count:
    files: int = 0
    refused: list[str] = field(default_factory=list)
    services: int = 0
    whole: int = 0
    tasks: int = 0
    tasks_known: int = 0
    step_configs: int = 0


def main(arguments: list[str]) -> int:
    placeholders = "--placeholders" in arguments
    for tree in (Path(each) for each in arguments if not each.startswith("--")):
        started = time.monotonic()
        files = service_templates(tree)
        around = environment.Environment(types=registry(tree))
        if placeholders:
            around = environment.Environment(values=stand_ins(tree), types=around.types)
        count, ledger = read(files, around)
        report(tree, count, ledger, time.monotonic() - started)
    return 0


def service_templates(tree: Path) -> list[Path]:
    """Files with an output role_data, but for those that put roles together: as text, so what is unreadable counts."""
    return [file for file in sorted(tree.rglob("*.yaml")) if _is_service(file.read_text("utf-8", errors="replace"))]


def _is_service(text: str) -> bool:
    outputs = text.partition("\noutputs:")[2]
    return "\n  role_data:" in outputs and "OS::Heat::ResourceChain" not in text


def registry(tree: Path) -> dict[str, str]:
    """The lines of the tree's registry that need no rendering."""
    types: dict[str, str] = {}
    for file in sorted(tree.glob("overcloud-resource-registry-puppet*.yaml")):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, target = line.strip().partition(": ")
            if name.startswith("OS::TripleO::") and "{" not in line:
                target = target.split("#")[0].strip()
                types[name] = str((tree / target).resolve()) if target.endswith(".yaml") else target
    return types


def stand_ins(tree: Path) -> dict[str, Value]:
    """A value for each parameter that has no default, and for each key asked of the maps that TripleO computes."""
    values: dict[str, Value] = {}
    maps: dict[str, Value] = {name: {} for name in COMPUTED}
    for file in tree.rglob("*.yaml"):
        try:
            template = load(file)
        except ScenarioError:
            continue
        for name, kind in undefaulted(template):
            values.setdefault(name, EXAMPLES.get(kind, f"<{name}>"))
        for path in asked(template.root):
            if path[0] in maps:
                enter(maps, path)
    return {**values, **maps}


def undefaulted(template: Template) -> Iterator[tuple[str, str]]:
    for name, node in template.section("parameters").items():
        declaration = entries(node) if isinstance(node, yaml.MappingNode) else {}
        default = declaration.get("default")
        if declaration and (default is None or default.tag.endswith(":null")):
            yield name, str(declaration["type"].value) if "type" in declaration else "string"


def asked(node: yaml.Node) -> Iterator[list[str]]:
    """The paths of each get_param whose steps are all scalars, or are parameters themselves (`*`)."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "get_param" and isinstance(value, yaml.SequenceNode):
                yield [str(step.value) if isinstance(step, yaml.ScalarNode) else "*" for step in value.value]
            yield from asked(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from asked(each)


def enter(maps: dict[str, Value], path: list[str]) -> None:
    here = maps
    if "*" in path:  # a network's name is the key: all networks have the stand-in's name
        path = ["internal_api" if step == "*" else step for step in path]
    for step in path[:-1]:
        inner = here.get(step)
        if not isinstance(inner, dict):
            inner = here[step] = {}
        here = inner
    value: Value = "internal_api" if path[0] == "ServiceNetMap" else "4" if "version" in path[-2] else f"<{path[-1]}>"
    here.setdefault(path[-1], value)


def read(files: list[Path], around: environment.Environment) -> tuple[Count, Ledger]:
    count, ledger = Count(files=len(files)), Ledger(environment=around)
    for file in files:
        try:
            service = services.read(file, ledger, "Controller")
        except ScenarioError as error:
            count.refused.append(str(error.problems[0]))
            continue
        count.services += 1
        count.whole += not any(True for each in (service.name, *service.role_data.values()) for _ in unknown_in(each))
        count.step_configs += isinstance(service.role_data.get("step_config"), str)
        for name in TASKS:
            tasks = service.role_data.get(name)
            for task in tasks if isinstance(tasks, list) else []:
                count.tasks += 1
                count.tasks_known += not any(True for _ in unknown_in(task))
    return count, ledger


def report(tree: Path, count: Count, ledger: Ledger, seconds: float) -> None:
    print(f"{tree}: {count.files} service templates, {len(ledger.templates)} files read, {seconds:.1f} s")
    print(f"  services: {count.services} read, {count.whole} wholly resolved, {len(count.refused)} refused")
    for each in count.refused:
        print(f"    {each}")
    print(f"  tasks: {count.tasks}, of which {count.tasks_known} wholly resolved; step_config: {count.step_configs}")
    print(f"  functions: {len(ledger.resolved)} resolved, {len(ledger.dependent)} not, for these causes:")
    reasons = Counter(cause.reason for cause in ledger.causes)
    for reason, number in reasons.most_common():
        print(f"    {number:5} {reason}")
        messages = Counter(cause.problem.message for cause in ledger.causes if cause.reason == reason)
        for message, many in messages.most_common(6 if "--verbose" in sys.argv else 0):
            print(f"            {many:5} {message}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
