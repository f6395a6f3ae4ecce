"""The result of a self-test, for a person and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from validator.selftest.mutants import Mutant
from validator.selftest.score import Answer, Outcome, SelfTestResult

ANSWERS: tuple[Answer, ...] = ("caught", "missed", "equivalent", "broken")


def text(result: SelfTestResult) -> str:
    """Plain text: the score, a table by operator, and everything that was not caught."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: SelfTestResult) -> Iterator[str]:
    yield f"{result.scenario}: {result.title}"
    caught, missed = result.count("caught"), result.count("missed")
    # Rounded down: 100 % is for nothing missed.
    score = "" if result.score is None else f" (score {caught * 100 // (caught + missed)}%)"
    yield f"SELF-TEST: {caught} of {caught + missed} seeded faults caught{score}; {missed} missed."
    if result.count("equivalent"):
        yield f"{result.count('equivalent')} more made no difference to the host."
    if result.count("broken"):
        yield f"{result.count('broken')} could not be judged: see below."
    if len(result.outcomes) < result.derived:
        yield f"Only {len(result.outcomes)} of {result.derived} faults were run: this is not the scenario's score."
    yield ""
    counted = Counter((outcome.mutant.operator, outcome.answer) for outcome in result.outcomes)
    yield f"{'fault':<16}" + "".join(f"{answer:>12}" for answer in ANSWERS)
    for operator in dict.fromkeys(outcome.mutant.operator for outcome in result.outcomes):
        yield f"{operator:<16}" + "".join(f"{counted[operator, answer]:>12}" for answer in ANSWERS)
    for answer in ("missed", "broken", "equivalent"):
        for outcome in result.outcomes:
            if outcome.answer == answer:
                yield ""
                yield from _told(result, outcome)
    yield ""
    yield f"{len(result.outcomes)} faults in {result.seconds:.0f} s"


def _told(result: SelfTestResult, outcome: Outcome) -> Iterator[str]:
    mutant = outcome.mutant
    yield f"{outcome.answer}: {mutant.title} ({mutant.place})"
    yield f"    {outcome.by}"
    if outcome.answer == "missed":
        yield f"    to see it    validate selftest {result.where} --only '{mutant.id}' --keep DIRECTORY"


def document(result: SelfTestResult) -> str:
    """One JSON document."""
    return (
        json.dumps(
            {
                "schema": result.schema,
                "scenario": result.scenario,
                "digest": result.digest,
                "when": result.when,
                "seconds": round(result.seconds, 2),
                "derived": result.derived,
                "complete": result.complete,
                "score": result.score,
                **{answer: result.count(answer) for answer in ("caught", "missed", "equivalent", "broken")},
                "faults": [
                    {
                        "id": outcome.mutant.id,
                        "operator": outcome.mutant.operator,
                        "title": outcome.mutant.title,
                        "place": str(outcome.mutant.place),
                        "answer": outcome.answer,
                        "by": outcome.by,
                        "seconds": round(outcome.seconds, 2),
                    }
                    for outcome in result.outcomes
                ],
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def listing(mutants: Iterable[Mutant]) -> str:
    """The faults that can be seeded, one a line."""
    return "".join(f"{mutant.id:<48} {mutant.title}\n" for mutant in mutants)
