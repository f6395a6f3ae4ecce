"""The result for a person: the answer first, then causes, what follows from them, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from validator.findings import Finding
from validator.verdict import PhaseSummary, Result

CONSEQUENCES_SHOWN = 3
PLURALS = {"paths", "probes", "resources", "results", "runs", "starts", "tasks"}
DIFF_LINES_SHOWN = 14
OUTPUT_LINES_SHOWN = 14
HEADLINES = {
    "converged": "CONVERGED: after the upgrade tasks, Puppet had nothing left to do.",
    "diverged": "DIVERGED: after the upgrade tasks, the host is not what Puppet for the new release wants.",
    "inconclusive": "INCONCLUSIVE: this run proves nothing; see why below.",
}


def render(result: Result, *, width: int = 100) -> str:
    """Plain text, no wider than `width` where words allow it."""
    return "\n".join(_lines(result, width)) + "\n"


def _lines(result: Result, width: int) -> Iterator[str]:
    yield f"{result.scenario}: {result.title}"
    yield HEADLINES[result.verdict]
    causes = [finding for finding in result.findings if finding.severity == "error"]
    for number, finding in enumerate(causes, 1):
        yield ""
        yield from _finding(finding, number, len(causes), width)
    yield ""
    yield from _table(result.phases)
    if result.phases and result.phases[-1].services:
        yield "at the end: " + "; ".join(f"{unit} {state}" for unit, state in result.phases[-1].services.items())
    for path in result.records:
        yield f"record: {path}"


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
        yield f"{phase.name:<9} {phase.tool:<8} {took:>8}  {counts}"


def _count(what: str, number: object) -> str:
    if number == 1:
        what = " ".join(word.removesuffix("s") if word in PLURALS else word for word in what.split())
    return f"{number} {what}"
