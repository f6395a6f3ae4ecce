"""Matrices on disk, and results of cells, for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.host.lab import write_scenario
from tests.unit import builders
from validator.findings import Finding
from validator.host.cache import KINDS, Cache
from validator.matrix import cells, declared
from validator.matrix.cells import Cell
from validator.matrix.declared import Coordinates
from validator.matrix.result import MatrixResult, Outcome
from validator.verdict import Result, judge


def write_matrix(root: Path, text: str, *scenarios: str) -> Path:
    """A matrix file beside small scenarios."""
    for name in scenarios or ("shop",):
        write_scenario(root / name)
    file = root / "matrix.yml"
    file.write_text(text, encoding="utf-8")
    return file


def cells_of(file: Path) -> dict[str, Cell]:
    """The cells of a matrix file, by name."""
    matrix = declared.read(file)
    return {cell.name: cell for cell in cells.load_all(matrix, declared.coordinates(matrix))}


def empty_cache(root: Path) -> Cache:
    for kind in (*KINDS, "hosts"):
        (root / kind).mkdir(parents=True)
    return Cache(root=root)


def at(scenario: str = "shop", image: str = "own", variant: str = "default", **more: str) -> Coordinates:
    return Coordinates(scenario=scenario, image=image, variant=variant, **more)  # type: ignore[arg-type]  # any verdict


def converged() -> Result:
    return judge(builders.healthy(), records=(Path("record.json"),))


def finding(rule: str = "converge.change", **more: str) -> Finding:
    diverged = builders.with_phase(
        builders.healthy(),
        builders.phase("converge", builders.applied("t3", builders.resource("File[/a]", builders.event()))),
    )
    first = next(each for each in judge(diverged).findings if each.severity == "error")
    return replace(first, rule=rule, **more)  # type: ignore[arg-type]  # tests change any field


def diverged() -> Result:
    return replace(converged(), verdict="diverged", findings=(finding(),))


def inconclusive(rule: str = "evidence.missing") -> Result:
    return replace(converged(), verdict="inconclusive", findings=(finding(rule, means="inconclusive"),))


def ran(cell: Coordinates, result: Result, **more: object) -> Outcome:
    return replace(
        Outcome(cell=cell, title="a title", how="ran", result=result, seconds=12.34, made=1000.0),
        **more,  # type: ignore[arg-type]  # tests change any field
    )


def matrix_of(*outcomes: Outcome, **more: object) -> MatrixResult:
    return replace(
        MatrixResult(outcomes=outcomes, started=1000.0, seconds=60.0, validator="0", jobs=2),
        **more,  # type: ignore[arg-type]  # tests change any field
    )
