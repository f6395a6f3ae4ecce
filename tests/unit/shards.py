"""A matrix of two cells in a directory, and results of parts of it, for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.unit import builders
from tests.unit.gates import HOUR
from tests.unit.matrices import cells_of, write_matrix
from validator import __version__, plan
from validator.matrix.cells import Cell
from validator.matrix.result import MatrixResult, Outcome
from validator.record import Run
from validator.render.matrix import RENDERERS
from validator.verdict import judge

MATRIX = "scenarios: ['*']\nimages: {bookworm: {suite: bookworm}, trixie: {suite: trixie}}\n"
GREEN, RED = "shop@bookworm+default", "shop@trixie+default"


def run_of(cell: Cell, *, edit: Callable[[Run], Run] = lambda run: run, age: float = HOUR) -> Run:
    """A healthy run of a cell as its files are now."""
    with TemporaryDirectory() as staging:
        made = plan.make(cell.loaded, Path(staging))
    healthy = builders.healthy()
    subject = replace(
        healthy.subject,
        name=cell.name,
        title=cell.loaded.title,
        digest=made.digest,
        terms=made.terms,
        image=made.image.name,
        phases=made.phases,
    )
    return edit(replace(healthy, validator=__version__, started=time.time() - age, subject=subject))


@dataclass(frozen=True)
class Shards:
    """A matrix of two cells in a directory, and results of parts of it."""

    root: Path

    @classmethod
    def of(cls, root: Path) -> Shards:
        (root / "scenarios").mkdir()
        write_matrix(root / "scenarios", MATRIX)
        return cls(root)

    @property
    def cells(self) -> dict[str, Cell]:
        return cells_of(self.root / "scenarios/matrix.yml")

    def outcome(
        self, name: str, *, made: float = 1100.0, age: float = HOUR, edit: Callable[[Run], Run] = lambda run: run
    ) -> Outcome:
        cell = self.cells[name]
        found = judge(run_of(cell, edit=edit, age=age))
        return Outcome(cell=cell.at, title=cell.loaded.title, how="ran", result=found, seconds=1.5, made=made)

    def without(self, name: str, how: str) -> Outcome:
        cell = self.cells[name]
        return Outcome(cell=cell.at, title=cell.loaded.title, how=how, message="it went wrong")  # type: ignore[arg-type]  # a word for it

    def write(self, name: str, *outcomes: Outcome, links: dict[str, Any] | None = None, **more: object) -> Path:
        result = MatrixResult(outcomes=outcomes, started=1000.0, seconds=200.0, validator=__version__, jobs=2)
        result = replace(result, **more)  # type: ignore[arg-type]  # tests change any field
        file = self.root / name / "matrix.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(RENDERERS["json"](result, links or {}), encoding="utf-8")
        return file
