"""The combined result of a matrix, for a person."""

from __future__ import annotations

from collections.abc import Iterator

from validator.matrix.result import MatrixResult, Outcome
from validator.render.matrix.parts import Links, causes, summary, took


def render(result: MatrixResult, links: Links) -> str:
    """A table with a line for each cell, the causes of what is not as expected, and a sum."""
    del links
    return "\n".join(_lines(result)) + "\n"


def _lines(result: MatrixResult) -> Iterator[str]:
    width = max((len(outcome.cell.name) for outcome in result.outcomes), default=4)
    if result.outcomes:
        yield f"{'cell':<{width}}  {'verdict':<12}  took"
    for outcome in result.outcomes:
        yield f"{outcome.cell.name:<{width}}  {outcome.said:<12}  {took(outcome)}{_remark(outcome)}"
        if outcome.answer in {"unexpected", "not judged"}:
            yield from (f"    {line}" for line in causes(outcome))
    yield ""
    yield summary(result)
    if result.unchanged:
        yield f"{len(result.unchanged)} more are as they were at {result.since}, and were left out."


def _remark(outcome: Outcome) -> str:
    if outcome.cell.expect == "converged":
        return ""
    return ", as expected" if outcome.answer == "as expected" else f", expected {outcome.cell.expect}"
