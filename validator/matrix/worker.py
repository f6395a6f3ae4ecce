"""One cell, run in a process of its own (`validator.workers`)."""

from __future__ import annotations

import json
import os
import sys
import uuid
from datetime import date
from pathlib import Path

from validator import record, workers
from validator.errors import ScenarioError, UsageError
from validator.host.cache import Cache
from validator.matrix import cells, identity
from validator.matrix.cells import Cell
from validator.matrix.declared import Coordinates
from validator.matrix.model import MatrixImage, MatrixVariant
from validator.scenario import load
from validator.validate import validate

CHANGED = "the scenario's files were changed while the matrix ran"


def asked(cell: Cell, inputs: str, today: date) -> workers.Asked:
    """The job of a cell, for a process that has the same files."""
    return {
        "at": {
            "scenario": cell.at.scenario,
            "image": cell.at.image,
            "variant": cell.at.variant,
            "expect": cell.at.expect,
        },
        "scenario": str(cell.loaded.file.absolute()),
        "image": cell.image.model_dump(mode="json", exclude_unset=True),
        "variant": cell.variant.model_dump(mode="json", exclude_unset=True),
        "file": str(cell.file.absolute()) if cell.file else None,
        "directory": str(Path.cwd()),
        "inputs": inputs,
        "today": today.isoformat(),
    }


def run(asked: workers.Asked, saying: workers.Saying) -> workers.Answer:
    """Run the cell that is asked for; the answer is its record."""
    os.chdir(asked["directory"])  # names of files are shown from there
    cache = Cache.open()
    cell = cell_of(asked)
    with cache.host_directory(f"plan-{uuid.uuid4().hex[:8]}") as (staging, _):
        found = identity.of(cell, staging / "cell", date.fromisoformat(asked["today"]))
    if found.inputs != asked["inputs"]:
        raise UsageError(CHANGED, hint="Run the same command again.")
    ran = validate(cell.loaded, cache, _Telling(saying), keep=False).run
    if ran.subject.digest != found.plan:
        raise UsageError(CHANGED, hint="Run the same command again.")
    # The facts of the machine that it ran on, which need not be that of whoever asked.
    return {"run": json.loads(record.dump(ran)), "facts": identity.facts(found, cache)}


def cell_of(asked: workers.Asked) -> Cell:
    """The cell that a job is about."""
    at = Coordinates(**asked["at"])
    image = MatrixImage.model_validate(asked["image"])
    variant = MatrixVariant.model_validate(asked["variant"])
    file = Path(asked["file"]) if asked["file"] else None
    try:
        loaded = load.load(Path(asked["scenario"]))
    except ScenarioError as error:  # it could be loaded when the matrix began
        raise UsageError(f"{CHANGED}: {error.message}") from error
    return Cell(
        at=at,
        loaded=cells.applied(loaded, image, variant, name=at.name, file=file),
        image=image,
        variant=variant,
        file=file,
    )


class _Telling:
    """A listener that passes on which phase it is."""

    def __init__(self, saying: workers.Saying) -> None:
        self._saying = saying

    def phase_starts(self, name: str, what: str) -> None:
        """A phase begins."""
        del what
        self._saying(name)

    def doing(self, what: str) -> None:
        """Within the phase."""

    def phase_ends(self, name: str, what: str, *, seconds: float, cached: bool) -> None:
        """A phase is over."""


if __name__ == "__main__":
    sys.exit(workers.serve(run))
