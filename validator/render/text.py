"""The result for a person: the answer first, then causes, what follows from them, and what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.text import Text

from validator.findings import Finding
from validator.record import SelfTest
from validator.render import causes, parts, phases, whatnext
from validator.render.page import PAPER, Screen, line, printed, prose, row
from validator.render.words import HEADLINES
from validator.verdict import Result, Verdict

COLOURS: dict[Verdict, str] = {"converged": "bold green", "diverged": "bold red", "inconclusive": "bold yellow"}
ASIDES = {"waived": "cyan", "warning": "yellow", "note": "dim"}


def render(result: Result, *, details: bool = False, screen: Screen = PAPER) -> str:
    """Text no wider than the screen where words allow it. `details` adds what witnesses saw and all that followed."""
    return printed(_lines(result, screen, details=details), screen)


def _lines(result: Result, screen: Screen, *, details: bool) -> Iterator[Text]:
    yield from row(f"{result.scenario}: {result.title}", screen, style="bold")
    yield from row(HEADLINES[result.kind][result.verdict] + _accepted(result), screen, style=COLOURS[result.verdict])
    found = parts.causes(result)
    for number, finding in enumerate(found, 1):
        yield line()
        yield from causes.lines(finding, f"{number}/{len(found)}", screen, details=details)
    asides = [finding for finding in result.findings if finding not in found]
    if asides:
        yield line()
    for finding in asides:
        yield from _aside(finding, screen)
    yield line()
    yield from phases.lines(result, screen)
    yield from _selftest(result.selftest)
    if details:
        for phase in result.phases:
            yield from phases.details(phase)
    for path in result.records:
        yield line("record: ", path)
    for what, command in whatnext.steps(result):
        yield line((f"{what}: ", "bold"), command)


def _aside(finding: Finding, screen: Screen) -> Iterator[Text]:
    """A finding that does not count against the run, in as few lines as it takes."""
    word = parts.word(finding)
    about = "" if finding.subject in finding.message or finding.subject == finding.phase else f"{finding.subject}: "
    place = f" ({finding.declared_at})" if finding.severity == "warning" and finding.declared_at is not None else ""
    text = f"{word}: {finding.rule}: {about}{finding.message}{place}"
    if finding.waived is not None:
        waived = finding.waived
        text += f" (until {waived.expires}, {waived.owner}: {waived.reason})"
    keep = [str(finding.declared_at)] if place else []
    for number, told in enumerate(prose(" ".join(text.split()), screen, rest="    ", keep=keep)):
        if number == 0:
            told.stylize(ASIDES[word], 0, len(word) + 1)
        yield told


def _accepted(result: Result) -> str:
    """Said beside the verdict: what counts as nothing only because somebody has accepted it."""
    waived = sum(finding.waived is not None for finding in result.findings)
    declared = sum(finding.whose == "declared" for finding in result.findings)
    said = f" {waived} finding{'s are' if waived > 1 else ' is'} waived, see below." if waived else ""
    if declared:
        said += f" {declared} change{'s were' if declared > 1 else ' was'} left to it on purpose, see below."
    return said


def _selftest(score: SelfTest | None) -> Iterator[Text]:
    if score is not None:
        judged = score.caught + score.missed
        when = time.strftime("%Y-%m-%d", time.gmtime(score.when))
        caught = f"{score.caught} of {judged} seeded faults caught, {score.equivalent} more changed nothing"
        yield line(f"self-test: {caught} ({when})")
