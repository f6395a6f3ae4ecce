"""What a required scenario's files are now: results made of anything else say nothing about them."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from validator import plan
from validator.errors import Problem, ScenarioError, UsageError
from validator.gate.checklist import Loaded, Requirement
from validator.gate.content import Content
from validator.matrix import cells, declared
from validator.matrix.declared import Coordinates, Declared
from validator.matrix.model import MATRIX_FILE, Selector
from validator.record import Place
from validator.scenario import load
from validator.scenario.model import SCENARIO_FILE
from validator.scenario.paths import written


def of_all(loaded: Loaded) -> tuple[Content, ...]:
    """The content of every required scenario and cell, in order; of a line that means none, one that says so.

    Raises `ScenarioError` with all mistakes in the scenarios' files, `ToolError` where Ansible has to be asked and
    cannot.
    """
    found: list[Content] = []
    problems: list[Problem] = []
    matrix = _Matrix(loaded)
    for number, (requirement, place) in enumerate(zip(loaded.checklist.require, loaded.places, strict=True)):
        try:
            if loaded.is_of_cells(requirement):
                found += matrix.contents(number, requirement)
            else:
                found.append(_of(number, _scenario(requirement, loaded)))
        except ScenarioError as error:
            problems += error.problems
        except UsageError as error:
            problems.append(_problem(place, error.message))
    if problems:
        raise ScenarioError(tuple(dict.fromkeys(problems)))
    return tuple(found)


class _Matrix:
    """The cells of the checklist's matrix, as far as they are asked for."""

    def __init__(self, loaded: Loaded) -> None:
        self._file = _base(loaded) / (loaded.checklist.matrix or MATRIX_FILE)
        self._contents: dict[str, Content] = {}

    @cached_property
    def _declared(self) -> Declared:
        return declared.read(self._file)

    @cached_property
    def _cells(self) -> tuple[Coordinates, ...]:
        return declared.coordinates(self._declared)

    def contents(self, line: int, requirement: Requirement) -> tuple[Content, ...]:
        """The content of each cell that a line is about."""
        if requirement.cell is not None:
            meant = declared.meant(self._cells, requirement.cell)
            words = requirement.cell
        else:
            names = (requirement.scenario or "*", requirement.image or "*", requirement.variant or "*")
            selector = Selector(scenario=names[0], image=names[1], variant=names[2])
            meant = tuple(each for each in self._cells if each.matches(selector))
            words = f"{names[0]}@{names[1]}+{names[2]}"
        if not meant:
            return (self._nothing(line, words),)
        return tuple(replace(self._of(each), line=line) for each in meant)

    def _of(self, cell: Coordinates) -> Content:
        if cell.name not in self._contents:
            self._contents[cell.name] = _of(0, cells.load_one(self._declared, cell).loaded)
        return self._contents[cell.name]

    def _nothing(self, line: int, words: str) -> Content:
        file = written(self._file.resolve())
        return Content(
            line=line,
            name=words,
            title="no cell",
            file=file,
            digest="",
            terms="",
            image="",
            phases=(),
            missing=f"no cell of {file} matches {words}",
        )


def _base(loaded: Loaded) -> Path:
    # Absolute but not resolved: names in messages are those that the author knows.
    return Path(os.path.abspath(loaded.directory))  # noqa: PTH100 - `absolute` keeps `..`


def _scenario(requirement: Requirement, loaded: Loaded) -> load.Loaded:
    base, name = _base(loaded), requirement.scenario or ""
    below = base / loaded.checklist.root / name
    scenario = load.load(below if (below / SCENARIO_FILE).is_file() else base / name)
    if requirement.image is None:
        return scenario
    image = scenario.scenario.image.model_copy(update={"suite": requirement.image})
    return replace(scenario, scenario=scenario.scenario.model_copy(update={"image": image}))


def _of(line: int, scenario: load.Loaded) -> Content:
    with TemporaryDirectory(prefix="validate-gate-") as staging:
        made = plan.make(scenario, Path(staging))
    return Content(
        line=line,
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
