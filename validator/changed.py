"""Which scenarios some files belong to: for hooks that are told what was changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from validator.errors import Problem, ScenarioError, UsageError
from validator.scenario import load
from validator.scenario.load import Loaded
from validator.scenario.model import SCENARIO_FILE


def scenarios_of(files: Iterable[Path]) -> tuple[Path, ...]:
    """The directories of the scenarios that files belong to: for each the nearest one above it with a scenario.yml."""
    found: dict[Path, None] = {}
    for file in files:
        directory = next((each for each in file.parents if (each / SCENARIO_FILE).is_file()), None)
        if directory is not None:
            found[directory] = None
    return tuple(found)


def load_all(directories: Iterable[Path]) -> tuple[Loaded, ...]:
    """Load scenarios. Raises `ScenarioError` with the mistakes of all of them."""
    loaded: list[Loaded] = []
    problems: dict[Problem, None] = {}
    for directory in directories:
        try:
            loaded.append(load.load(directory))
        except ScenarioError as error:
            problems.update(dict.fromkeys(error.problems))
        except UsageError as error:  # e.g. removed meanwhile
            problem = Problem(file=str(directory), line=1, column=1, key="", message=error.message)
            problems[problem] = None
    if problems:
        raise ScenarioError(tuple(problems))
    return tuple(loaded)
