"""The result for a person: the answer first, then causes, what follows from them, and what to do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from textwrap import wrap

from validator.findings import Finding
from validator.record import Kind, SelfTest
from validator.render import onward
from validator.verdict import PhaseSummary, Result, Verdict

CONSEQUENCES_SHOWN = 3
PLURALS = {"paths", "sources", "targets", "resources", "restarts", "results", "runs", "starts", "tasks", "units"}
LEFT_OUT_SHOWN = 5
DIFF_LINES_SHOWN = 14
OUTPUT_LINES_SHOWN = 14
WHOSE = {
    "clash": "a clash: an upgrade task has dealt with it, and Puppet wants it otherwise",
    "missed": "missed: no upgrade task touched it",
}
INCONCLUSIVE = "INCONCLUSIVE: this run proves nothing; see why below."
HEADLINES: Mapping[Kind, Mapping[Verdict, str]] = {
    "lint": {
        "converged": "NOTHING FOUND: neither in the tasks as written nor in the catalog as compiled.",
        "diverged": "SUSPECT: what is written here has broken hosts elsewhere; nothing was applied.",
        "inconclusive": "INCONCLUSIVE: there was no catalog to look at; see why below.",
    },
    "upgrade": {
        "converged": "CONVERGED: after the upgrade tasks, Puppet had nothing left to do.",
        "diverged": "DIVERGED: after the upgrade tasks, the host is not what Puppet for the new release wants.",
        "inconclusive": INCONCLUSIVE,
    },
    "idempotence": {
        "converged": "CONVERGED: applied once more, the release had nothing left to do.",
        "diverged": "DIVERGED: applied once more, the release still changes the host.",
        "inconclusive": INCONCLUSIVE,
    },
    "upgrade-idempotence": {
        "converged": "CONVERGED: run once more, the upgrade tasks had nothing left to do.",
        "diverged": "DIVERGED: run once more, the upgrade tasks still change the host.",
        "inconclusive": INCONCLUSIVE,
    },
}


def render(result: Result, *, details: bool = False, width: int = 100) -> str:
    """Plain text, no wider than `width` where words allow it. `details` adds what each witness saw."""
    return "\n".join(_lines(result, width, details=details)) + "\n"


def _lines(result: Result, width: int, *, details: bool) -> Iterator[str]:
    yield f"{result.scenario}: {result.title}"
    yield HEADLINES[result.kind][result.verdict] + _accepted(result)
    loud = {"error", "warning"} if result.kind == "lint" else {"error"}
    causes = [finding for finding in result.findings if finding.severity in loud]
    for number, finding in enumerate(causes, 1):
        yield ""
        yield from _finding(finding, number, len(causes), width)
    asides = [finding for finding in result.findings if finding.severity not in loud]
    if asides:
        yield ""
    for finding in asides:
        yield from _aside(finding, width)
    yield ""
    yield from _table(result.phases)
    yield from _restarts(result)
    for name, numbers in result.compared.items():
        yield f"{name.replace('_', ' '):<32}{_numbers(numbers)}"
    if result.phases and result.phases[-1].services:
        yield from _watched(result)
    yield from _selftest(result.selftest)
    if details:
        for phase in result.phases:
            yield from _details(phase)
    for path in result.records:
        yield f"record: {path}"
    yield from onward.lines(result)


def _aside(finding: Finding, width: int) -> Iterator[str]:
    """A finding that does not count against the run, in as few lines as it takes."""
    word = "waived" if finding.waived is not None else "warning" if finding.severity == "warning" else "note"
    about = "" if finding.subject in finding.message or finding.subject == finding.phase else f"{finding.subject}: "
    place = f" ({finding.declared_at})" if finding.severity == "warning" and finding.declared_at is not None else ""
    text = f"{word}: {finding.rule}: {about}{finding.message}{place}"
    if finding.waived is not None:
        waived = finding.waived
        text += f" (until {waived.expires}, {waived.owner}: {waived.reason})"
    lines = " ".join(text.split())
    yield from wrap(lines, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _accepted(result: Result) -> str:
    """Said beside the verdict: what counts as nothing only because somebody has accepted it."""
    waived = sum(finding.waived is not None for finding in result.findings)
    declared = sum(finding.whose == "declared" for finding in result.findings)
    said = f" {waived} finding{'s are' if waived > 1 else ' is'} waived, see below." if waived else ""
    if declared:
        said += f" {declared} change{'s were' if declared > 1 else ' was'} left to it on purpose, see below."
    return said


def _restarts(result: Result) -> Iterator[str]:
    counted = Counter((each.phase, each.round, each.step, each.unit, str(each.who)) for each in result.restarts)
    rounds = {each.phase: max(other.round for other in result.restarts) for each in result.restarts}
    for (phase, number, step, unit, who), times in counted.items():
        where = phase + (f" loop {number}" if rounds[phase] > 1 else "") + ("" if step is None else f" step {step}")
        yield f"restarted: {unit}, in {where} by {who}" + (f", {times} times" if times > 1 else "")


def _selftest(score: SelfTest | None) -> Iterator[str]:
    if score is not None:
        judged = score.caught + score.missed
        when = time.strftime("%Y-%m-%d", time.gmtime(score.when))
        caught = f"{score.caught} of {judged} seeded faults caught, {score.equivalent} more changed nothing"
        yield f"self-test: {caught} ({when})"


def _watched(result: Result) -> Iterator[str]:
    shown = {unit: state for unit, state in result.phases[-1].services.items() if unit in result.watched}
    if shown:
        yield "at the end: " + "; ".join(f"{unit} {state}" for unit, state in shown.items())


def _details(phase: PhaseSummary) -> Iterator[str]:
    yield ""
    yield f"{phase.name}: {len(phase.changed)} path(s) differ"
    for path, kind in phase.changed.items():
        yield f"    {kind:<9} {path}"
    for rule, paths in phase.left_out.items():
        yield f"    left out as {rule}: {', '.join(paths[:LEFT_OUT_SHOWN])}" + (
            ", ..." if paths[LEFT_OUT_SHOWN:] else ""
        )


def _finding(finding: Finding, number: int, total: int, width: int) -> Iterator[str]:
    yield f"{number}/{total} {finding.rule}: {finding.subject}"
    for line in finding.message.splitlines():
        yield from wrap(
            line,
            width,
            initial_indent="    ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    if finding.declared_at is not None:
        yield f"    declared at  {finding.declared_at}"
    if finding.whose in WHOSE:
        yield f"    whose        {WHOSE[finding.whose]}"
    if finding.left_by is not None:
        place = f" ({finding.left_by.place})" if finding.left_by.place else ""
        yield f"    last task    {finding.left_by.task}{place}"
    diff = str(finding.evidence.get("diff") or "").splitlines()
    yield from _block(diff, DIFF_LINES_SHOWN, "diff line(s)")
    output = finding.evidence.get("output")
    if isinstance(output, list):
        said = [str(line) for line in output if str(line).strip()]
        yield from _block(said[-OUTPUT_LINES_SHOWN:], OUTPUT_LINES_SHOWN, "line(s)")
    elif output:
        yield from _block(str(output).splitlines(), OUTPUT_LINES_SHOWN, "line(s)")
    if finding.consequences:
        shown = finding.consequences[:CONSEQUENCES_SHOWN]
        rest = len(finding.consequences) - len(shown)
        names = ", ".join(consequence.subject for consequence in shown)
        yield f"    and so       {names}" + (f" and {rest} more" if rest else "")
    if finding.hint:
        yield from wrap(finding.hint, width, initial_indent="    to do        ", subsequent_indent="                 ")


def _block(lines: list[str], limit: int, what: str) -> Iterator[str]:
    for line in lines[:limit]:
        yield f"    | {line}"
    if len(lines) > limit:
        yield f"    | ... {len(lines) - limit} more {what}"


def _table(phases: tuple[PhaseSummary, ...]) -> Iterator[str]:
    for phase in phases:
        counts = ", ".join(_count(name.replace("_", " "), value) for name, value in phase.counts.items())
        took = "cached" if phase.cached else f"{phase.seconds:.1f} s"
        yield f"{phase.name:<13} {phase.tool:<8} {took:>8}  {counts}"
        for witness, numbers in phase.witnesses.items():
            yield f"{'':<13} {witness:<18}{_numbers(numbers)}"


def _numbers(numbers: Mapping[str, object]) -> str:
    return ", ".join(_count(name.replace("_", " "), value) for name, value in numbers.items())


def _count(what: str, number: object) -> str:
    if number == 1:
        what = " ".join(word.removesuffix("s") if word in PLURALS else word for word in what.split())
    return f"{number} {what}"
