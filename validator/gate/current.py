"""What a required scenario's files are now: results made of anything else say nothing about them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from validator import plan
from validator.errors import Problem, ScenarioError, UsageError
from validator.gate.checklist import Loaded, Requirement
from validator.gate.content import Content
from validator.record import Place
from validator.scenario import load
from validator.scenario.model import SCENARIO_FILE
from validator.scenario.paths import written


def of_all(loaded: Loaded) -> tuple[Content, ...]:
    """The content of every required scenario, in order.

    Raises `ScenarioError` with all mistakes in the scenarios' files, `ToolError` where Ansible has to be asked and
    cannot.
    """
    found: list[Content] = []
    problems: list[Problem] = []
    for requirement, place in zip(loaded.checklist.require, loaded.places, strict=True):
        try:
            found.append(_of(requirement, loaded))
        except ScenarioError as error:
            problems += error.problems
        except UsageError as error:
            problems.append(_problem(place, error.message))
    if problems:
        raise ScenarioError(tuple(dict.fromkeys(problems)))
    return tuple(found)


def _of(requirement: Requirement, loaded: Loaded) -> Content:
    # Absolute but not resolved: names in messages are those that the author knows.
    base = Path(os.path.abspath(loaded.directory))  # noqa: PTH100 - `absolute` keeps `..`
    below = base / loaded.checklist.root / requirement.scenario
    scenario = load.load(below if (below / SCENARIO_FILE).is_file() else base / requirement.scenario)
    if requirement.image is not None:
        image = scenario.scenario.image.model_copy(update={"suite": requirement.image})
        scenario = replace(scenario, scenario=scenario.scenario.model_copy(update={"image": image}))
    with TemporaryDirectory(prefix="validate-gate-") as staging:
        made = plan.make(scenario, Path(staging))
    return Content(
        name=scenario.name,
        title=scenario.title,
        file=written(scenario.file.resolve()),
        digest=made.digest,
        terms=made.terms,
        image=made.image.name,
        phases=made.phases,
    )


def _problem(place: Place, message: str) -> Problem:
    return Problem(file=place.file, line=place.line or 1, column=1, key="require", message=message)
