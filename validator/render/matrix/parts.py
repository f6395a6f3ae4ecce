"""What several formats show of a matrix."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from validator.findings import Finding
from validator.matrix.result import MatrixResult, Outcome
from validator.render import parts

Links = Mapping[str, Mapping[str, str]]  # of each cell, by format: where its report is, from where this is read
SHOWN = 3  # causes of a cell in a table


def summary(result: MatrixResult) -> str:
    """All of it in one line."""
    counted = Counter(outcome.answer for outcome in result.outcomes)
    others = ", ".join(
        f"{counted[answer]} {answer}" for answer in ("unexpected", "not judged", "not run") if counted[answer]
    )
    shard = f" (shard {result.shard})" if result.shard is not None else ""
    known = f", {result.cached} of all known from before" if result.cached else ""
    fine = f"{counted['as expected']} of {len(result.outcomes)} cells as expected{shard}"
    how = f"put together from {result.combined} result(s)" if result.combined else f"{result.jobs} at a time"
    return f"MATRIX: {fine}{f'; {others}' if others else ''}{known}; {result.seconds:.1f} s, {how}."


def took(outcome: Outcome) -> str:
    """How long it took; of a result that was known, when it was made."""
    if outcome.how == "cached" and outcome.made is not None:
        return f"cached, made {when(outcome.made)}"
    return "-" if outcome.how == "not run" else f"{outcome.seconds:.1f} s"


def when(moment: float) -> str:
    """A time, as all machines write it."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))


def causes(outcome: Outcome) -> tuple[str, ...]:
    """Why a cell is not as expected, in a few lines."""
    if outcome.result is None:
        return tuple(line for line in (*outcome.message.splitlines(), outcome.hint) if line)
    found = parts.causes(outcome.result)
    first = tuple(_cause(finding) for finding in found[:SHOWN])
    more = (f"and {len(found) - SHOWN} more",) if len(found) > SHOWN else ()
    return (*first, *more)


def _cause(finding: Finding) -> str:
    message = finding.message.partition("\n")[0]
    return f"{finding.rule}: {finding.subject}: {message}"
