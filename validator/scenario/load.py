"""From a directory to a `Loaded` scenario, or to every mistake in it at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from validator.errors import Problem, ScenarioError, UsageError
from validator.record import Place
from validator.scenario import text
from validator.scenario.model import (
    SCENARIO_FILE,
    Checks,
    Expectation,
    HostPart,
    Http,
    Image,
    NewRelease,
    Noise,
    Part,
    PathProbe,
    Probe,
    Release,
    Restarts,
    Scenario,
    Sql,
    Upgrade,
    Variant,
    Waiver,
    directory_of,
)
from validator.scenario.paths import written

Model = TypeVar("Model", bound=Part)
NEW = "`validate new NAME` writes a working starting point."
PARTS: Mapping[str, type[Part]] = {
    "image": Image,
    "host": HostPart,
    "old": Release,
    "new": NewRelease,
    "upgrade": Upgrade,
    "probes": Probe,
    "sql": Sql,
    "http": Http,
    "file": PathProbe,
    "noise": Noise,
    "waivers": Waiver,
    "expect": Expectation,
    "restarts": Restarts,
    "checks": Checks,
}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A scenario with its name, its file and, for a variant, the fault that is applied after the upgrade.

    The `_places` say where each waiver, expected change and probe of the scenario stands.
    """

    name: str
    title: str
    file: Path
    scenario: Scenario
    waiver_places: tuple[Place, ...] = ()
    expect_places: tuple[Place, ...] = ()
    probe_places: tuple[Place, ...] = ()
    fault: Path | None = None


def load(path: Path) -> Loaded:
    """Load a scenario by its directory or file. Raises `ScenarioError` with all problems, `UsageError` when missing."""
    directory = directory_of(path)
    file = directory / SCENARIO_FILE
    if not file.is_file():
        raise UsageError(
            f"there is no scenario at {directory} (no {SCENARIO_FILE})",
            hint="`validate list` shows the scenarios there are; `validate new NAME` makes one.",
        )
    document = text.read(file)
    if isinstance(document.data, dict) and "extends" in document.data:
        return _variant(document, directory)
    scenario = validated(document, Scenario, directory, PARTS)
    problems = (*_contradictions(document, scenario), *_tasks_problems(scenario))
    if problems:
        raise ScenarioError(problems)
    return Loaded(
        name=directory.resolve().name,
        title=scenario.title,
        file=file,
        scenario=scenario,
        waiver_places=_places(document, "waivers", len(scenario.waivers)),
        expect_places=_places(document, "expect", len(scenario.expect)),
        probe_places=_places(document, "probes", len(scenario.probes)),
    )


def _places(document: text.Document, key: str, many: int) -> tuple[Place, ...]:
    """Where each item of a list stands."""
    return tuple(
        Place(file=document.file, line=document.places.get((key, number), (1, 1))[0]) for number in range(many)
    )


def find(name: str, root: Path) -> Loaded:
    """Load a scenario by name (below `root`) or by path."""
    named = root / name
    return load(named if (named / SCENARIO_FILE).is_file() or "/" not in name else Path(name))


def mapping(file: Path) -> dict[str, JsonValue]:
    """A YAML file that holds a mapping. Raises `ScenarioError` when it holds something else."""
    document = text.read(file)
    if not isinstance(document.data, dict):
        raise ScenarioError((document.problem((), "a mapping is wanted"),))
    return document.data


def names(root: Path) -> tuple[str, ...]:
    """The scenarios below a directory."""
    return tuple(sorted(file.parent.name for file in root.glob(f"*/{SCENARIO_FILE}")))


def title(directory: Path) -> str:
    """A scenario's title, or what keeps it from being loaded, in one line."""
    try:
        return load(directory).title
    except ScenarioError as error:
        return f"(not usable: {error.problems[0]})"


def _variant(document: text.Document, directory: Path) -> Loaded:
    variant = validated(document, Variant, directory, PARTS)
    base = directory / variant.extends
    if not (directory_of(base) / SCENARIO_FILE).is_file():
        raise ScenarioError((document.problem(("extends",), f"there is no scenario at {base}"),))
    loaded = load(base)
    if loaded.fault is not None:
        raise ScenarioError(
            (document.problem(("extends",), f"{base} is a variant itself; extend the scenario it extends"),)
        )
    problems = tuple(_task_list_problems(variant.fault))
    if problems:
        raise ScenarioError(problems)
    return replace(
        loaded,
        name=f"{loaded.name}/{directory.resolve().name}",
        title=variant.title,
        file=directory / SCENARIO_FILE,
        fault=variant.fault,
    )


def validated(
    document: text.Document, model: type[Model], directory: Path, parts: Mapping[str, type[Part]], *, hint: str = NEW
) -> Model:
    """A file as what it says it is; `parts` are the models of its keys, for suggestions.

    Raises `ScenarioError` with all problems.
    """
    if document.data is None:
        raise ScenarioError(
            (document.problem((), "the file is empty"),),
            hint=hint,
        )
    try:
        return model.model_validate(document.data, context={"directory": directory})
    except ValidationError as error:
        raise ScenarioError(tuple(_problem(document, each, model, parts) for each in error.errors())) from error


def _problem(
    document: text.Document, error: ErrorDetails, model: type[Part], parts: Mapping[str, type[Part]]
) -> Problem:
    location = tuple(part for part in error["loc"] if part != "[key]")
    kind = error["type"]
    if kind == "extra_forbidden":
        return document.problem(location, f"unknown key{_suggestion(location, model, parts)}")
    if kind == "missing":
        return document.problem(location, "this key is missing")
    message = error["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list")
    given = (
        f" (it is {error['input']!r})"
        if isinstance(error["input"], str | int | float | bool) and kind != "value_error"
        else ""
    )
    return document.problem(location, f"{message[:1].lower()}{message[1:]}{given}")


def _suggestion(location: tuple[str | int, ...], model: type[Part], parts: Mapping[str, type[Part]]) -> str:
    part = next((parts[str(name)] for name in reversed(location[:-1]) if name in parts), model)
    keys = list(part.model_fields)
    close = difflib.get_close_matches(str(location[-1]), keys, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known here: {', '.join(keys)}"


def _contradictions(document: text.Document, scenario: Scenario) -> list[Problem]:
    """Combinations that each key allows and that cannot work together."""
    found: list[Problem] = []
    if scenario.host.driver == "plain":
        if scenario.services:
            found.append(document.problem(("services",), "a plain host has no services; use `host.driver: systemd`"))
        if scenario.host.wait_for:
            found.append(document.problem(("host", "wait_for"), "a plain host has no units to wait for"))
    for number, waiver in enumerate(scenario.waivers):
        if waiver.rule.startswith(("evidence.", "waiver.")):
            message = f"{waiver.rule} cannot be waived: without evidence there is nothing to accept"
            found.append(document.problem(("waivers", number, "rule"), message))
    names = [probe.name for probe in scenario.probes]
    found += [
        document.problem(("probes", number, "name"), f"two probes are called {name!r}")
        for number, name in enumerate(names)
        if name in names[:number]
    ]
    return found


def _tasks_problems(scenario: Scenario) -> list[Problem]:
    if scenario.upgrade.tasks is not None:
        return _task_list_problems(scenario.upgrade.tasks)
    if scenario.upgrade.playbook is not None:
        return _playbook_problems(scenario.upgrade.playbook)
    return []


def _task_list_problems(file: Path) -> list[Problem]:
    document, problems = _ansible_list(file, "tasks")
    if document is not None and isinstance(document.data, list):
        for number, task in enumerate(document.data):
            if not isinstance(task, dict):
                problems.append(document.problem((number,), "a task is a mapping"))
            elif "hosts" in task:
                problems.append(
                    document.problem((number,), "this is a play, not a task: name the file under `playbook`")
                )
    return problems


def _playbook_problems(file: Path) -> list[Problem]:
    document, problems = _ansible_list(file, "plays")
    if document is not None and isinstance(document.data, list):
        for number, play in enumerate(document.data):
            if not isinstance(play, dict):
                problems.append(document.problem((number,), "a play is a mapping"))
            elif not {"hosts", "import_playbook", "ansible.builtin.import_playbook"} & set(play):
                problems.append(document.problem((number,), "a play has `hosts`; a bare task list goes under `tasks`"))
    return problems


def _ansible_list(file: Path, what: str) -> tuple[text.Document | None, list[Problem]]:
    """Read a file that must hold a list; tags such as `!vault` are Ansible's own business."""
    try:
        document = text.read(file)
    except ScenarioError as error:
        if any("could not determine a constructor" in problem.message for problem in error.problems):
            return None, []
        return None, list(error.problems)
    if document.data is None or document.data == []:
        return document, [
            Problem(
                file=written(file),
                line=1,
                column=1,
                key="",
                message=f"there are no {what} in it: nothing would be upgraded",
            )
        ]
    if not isinstance(document.data, list):
        return document, [Problem(file=written(file), line=1, column=1, key="", message=f"a list of {what} is wanted")]
    return document, []
