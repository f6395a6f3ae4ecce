"""What a matrix came to: one outcome a cell, and what they come to together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from validator.errors import Exit
from validator.matrix.declared import Coordinates
from validator.matrix.shards import Shard
from validator.verdict import Result

SCHEMA = "convergence-validator/matrix/1"

MACHINE = "evidence.run"  # the finding that says that the host or the machine gave way

How = Literal["ran", "cached", "error", "not run"]
Answer = Literal["as expected", "unexpected", "not judged", "not run"]


def is_fine(cell: Coordinates, result: Result) -> bool:
    """Whether a cell came out as it should. A machine that gave way is never what was expected."""
    return result.verdict == cell.expect and not any(each.rule == MACHINE for each in result.findings)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one cell. `result` is there when it ran to a verdict, now or before (`made`, Unix time).

    `seconds` is what it took this time, `message` what went wrong without a verdict.
    """

    cell: Coordinates
    title: str
    how: How
    result: Result | None = None
    seconds: float = 0.0
    made: float | None = None
    message: str = ""
    hint: str = ""

    @property
    def answer(self) -> Answer:
        """Whether it is as it should be. What did not run, or was not judged, never is."""
        if self.how == "not run":
            return "not run"
        if self.result is None:
            return "not judged"
        if is_fine(self.cell, self.result):
            return "as expected"
        return "not judged" if self.result.verdict == "inconclusive" else "unexpected"

    @property
    def said(self) -> str:
        """Its verdict, or the word for there being none."""
        return self.result.verdict if self.result is not None else self.how


@dataclass(frozen=True, kw_only=True)
class MatrixResult:
    """All outcomes. `unchanged` are the cells that were left out because they are as they were at `since`.

    `combined` says of how many results it was put together; 0 when it is that of one run.
    """

    outcomes: tuple[Outcome, ...]
    started: float
    seconds: float
    validator: str
    jobs: int
    file: str = ""
    shard: Shard | None = None
    since: str = ""
    unchanged: tuple[str, ...] = ()
    combined: int = 0
    schema: str = field(default=SCHEMA)

    def count(self, answer: Answer) -> int:
        """How many cells came out so."""
        return sum(outcome.answer == answer for outcome in self.outcomes)

    @property
    def cached(self) -> int:
        """How many results were made before."""
        return sum(outcome.how == "cached" for outcome in self.outcomes)

    @property
    def exit_code(self) -> Exit:
        """1 when a verdict is not the expected one; 3 when one is missing; 0 when every cell is as it should be."""
        if self.count("unexpected"):
            return Exit.DIVERGED
        return Exit.CONVERGED if self.count("as expected") == len(self.outcomes) else Exit.CANNOT_JUDGE
