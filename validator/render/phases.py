"""The phases of a run in numbers, for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from rich.text import Text

from validator.render.page import Screen, line, row
from validator.verdict import PhaseSummary, Result

PLURALS = {"paths", "sources", "targets", "resources", "restarts", "results", "runs", "starts", "tasks", "units"}
LEFT_OUT_SHOWN = 5
# Phases in which nothing should be left to do.
SILENT = {"converge", "again", "upgrade-again"}
NOTHING = r"\b0 [a-z ]+"
FAILED = r"\b[1-9]\d* failed"
CHANGED = r"\b[1-9]\d* changed"


def lines(result: Result, screen: Screen) -> Iterator[Text]:
    """A row for each phase and each witness in it, and what was seen of restarts and between the phases."""
    for phase in result.phases:
        yield from _phase(phase, screen)
    yield from _restarts(result, screen)
    for name, numbers in result.compared.items():
        yield from _witness("", name.replace("_", " "), 32, numbers, screen)
    shown = result.phases[-1].services if result.phases else {}
    watched = [f"{unit} {state}" for unit, state in shown.items() if unit in result.watched]
    if watched:
        yield from row(f"at the end: {'; '.join(watched)}", screen, rest="    ", keep=watched)


def details(phase: PhaseSummary) -> Iterator[Text]:
    """Every path that differs, and the first of those that were left out."""
    yield line()
    yield line(f"{phase.name}: {len(phase.changed)} path(s) differ")
    for path, kind in phase.changed.items():
        yield line((f"    {kind:<9} ", "dim"), path)
    for rule, paths in phase.left_out.items():
        more = ", ..." if paths[LEFT_OUT_SHOWN:] else ""
        yield line((f"    left out as {rule}: ", "dim"), ", ".join(paths[:LEFT_OUT_SHOWN]) + more)


def _phase(phase: PhaseSummary, screen: Screen) -> Iterator[Text]:
    took = "cached" if phase.cached else f"{phase.seconds:.1f} s"
    head = f"{phase.name:<13} {phase.tool:<8} {took:>8}"
    if screen.narrow:
        yield line((head, "bold"))
        head = "   "
    counts = _counts(phase.counts)
    for told in row(counts, screen, first=f"{head}  ", rest=" " * (len(head) + 2), keep=counts.split(", ")):
        told.stylize("bold", 0, len(phase.name) if told.plain.startswith(phase.name) else 0)
        if phase.name in SILENT:
            told.highlight_regex(CHANGED, "yellow")
        yield _quiet(told)
    for witness, numbers in phase.witnesses.items():
        yield from _witness(" " * 14, witness, 18, numbers, screen)


def _witness(margin: str, name: str, column: int, numbers: Mapping[str, object], screen: Screen) -> Iterator[Text]:
    head = f"{margin}{name:<{column}}"
    rest = " " * len(head)
    if screen.narrow:
        head, rest = f"     {name}: " if margin else f"{name}: ", "       " if margin else "    "
    counts = _counts(numbers)
    for number, told in enumerate(row(counts, screen, first=head, rest=rest, keep=counts.split(", "))):
        if number == 0:
            told.stylize("dim", 0, len(head))
        yield _quiet(told)


def _quiet(told: Text) -> Text:
    told.highlight_regex(NOTHING, "dim")
    told.highlight_regex(FAILED, "bold red")
    return told


def _restarts(result: Result, screen: Screen) -> Iterator[Text]:
    counted = Counter((each.phase, each.round, each.step, each.unit, each.who) for each in result.restarts)
    rounds = {each.phase: max(other.round for other in result.restarts) for each in result.restarts}
    for (phase, number, step, unit, who), times in counted.items():
        where = phase + (f" loop {number}" if rounds[phase] > 1 else "") + ("" if step is None else f" step {step}")
        told = f"restarted: {unit}, in {where} by {who}" + (f", {times} times" if times > 1 else "")
        yield from row(told, screen, rest="    ", keep=[str(who.place)] if who.place else [])


def _counts(numbers: Mapping[str, object]) -> str:
    return ", ".join(_count(name.replace("_", " "), value) for name, value in numbers.items())


def _count(what: str, number: object) -> str:
    if number == 1:
        what = " ".join(word.removesuffix("s") if word in PLURALS else word for word in what.split())
    return f"{number} {what}"
