"""Why a result is not evidence enough for a requirement: one function a question. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from validator.comparison import Seen
from validator.gate.checklist import Requirement, Tolerated, hours
from validator.gate.content import Content
from validator.gate.documents import Document
from validator.gate.evidence import Evidence
from validator.verdict import EXITS

AHEAD = 60.0  # seconds that the clocks of two machines may differ
HOUR = 3600.0
SHOWN = 3  # findings that are named, of many


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A requirement with what it is judged by. `now` is a Unix time."""

    requirement: Requirement
    content: Content
    max_age: str
    validator: str
    waivers: tuple[Tolerated, ...]
    now: float

    @property
    def today(self) -> date:
        """The day on which waivers must hold, UTC."""
        return datetime.fromtimestamp(self.now, tz=UTC).date()


def of(asked: Asked, evidence: Evidence) -> tuple[str, ...]:
    """Every reason against taking this result for the requirement's."""
    return tuple(reason for question in QUESTIONS for reason in question(asked, evidence.document)) + tuple(
        _records(asked, evidence)
    )


def _time(asked: Asked, result: Document) -> Iterator[str]:
    if not result.made:
        yield "it does not say when it was made: run the scenario again with this version"
        return
    age = asked.now - result.made
    if age < -AHEAD:
        yield f"it says that it was made in the future ({moment(result.made)}): a clock is wrong, or it was edited"
    if age > hours(asked.max_age) * HOUR:
        yield f"it is stale: made {moment(result.made)}, {span(age)} ago; {asked.max_age} are allowed"


def _content(asked: Asked, result: Document) -> Iterator[str]:
    if result.digest != asked.content.digest:
        yield (
            f"it was made from other content: digest {result.digest} of {result.file or 'a file it does not name'}, "
            f"and {asked.content.file} gives {asked.content.digest} now"
        )
    elif result.terms != asked.content.terms:
        yield (
            "the scenario's probes, waivers, expected changes, allowed restarts or noise are not what they were: "
            f"terms {result.terms or 'not recorded'}, and {asked.content.file} gives {asked.content.terms} now"
        )
    if result.image and result.digest == asked.content.digest and result.image != asked.content.image:
        yield f"it says that it was made on {result.image}, and its digest belongs to {asked.content.image}"


def _validator(asked: Asked, result: Document) -> Iterator[str]:
    if result.validator != asked.validator:
        yield f"it was made by version {result.validator} of the validator; {asked.validator} is wanted"


def _verdict(asked: Asked, result: Document) -> Iterator[str]:
    wanted = asked.requirement.expect
    errors = [finding for finding in result.findings if finding.severity == "error"]
    if result.verdict != wanted:
        yield f"it is {result.verdict}{_named(errors)}" + (f"; {wanted} is expected" if wanted != "converged" else "")
    for each in asked.requirement.findings:
        if not any(_matches(each.rule, error.rule) and _matches(each.subject, error.subject) for error in errors):
            yield f"it has no error {each.rule}: {each.subject}, for which it is expected to diverge"


def _consistency(_: Asked, result: Document) -> Iterator[str]:
    """A result that contradicts itself was not written by the validator as it stands."""
    against = [finding for finding in result.findings if finding.means != "note"]
    edited = "it contradicts itself, so it was edited"
    if result.verdict == "converged" and against:
        yield f"{edited}: converged{_named(against)}"
    if result.verdict != "converged" and not against:
        yield f"{edited}: {result.verdict}, and no finding says why"
    if result.exit_code != EXITS[result.verdict]:
        yield f"{edited}: {result.verdict} with exit status {result.exit_code}"
    for finding in result.findings:
        if (finding.severity == "error") != (finding.means != "note"):
            yield f"{edited}: {_name(finding)} is of severity {finding.severity} and means {finding.means}"
        if finding.waived is not None and finding.means != "note":
            yield f"{edited}: {_name(finding)} is waived and means {finding.means}"


def _phases(asked: Asked, result: Document) -> Iterator[str]:
    """Diverged or not: without every phase that it rests on a result proves nothing."""
    reached = [phase.name for phase in result.phases]
    missing = [name for name in asked.content.phases if name not in reached]
    # What diverges may end before its last phase.
    if missing and (result.verdict == "converged" or asked.requirement.expect == "converged"):
        yield f"it has no evidence of {', '.join(missing)}"
    for phase in result.phases:
        done = phase.counts.get("evaluated", phase.counts.get("results"))
        if phase.name in asked.content.phases and result.verdict == "converged" and not done:
            yield f"its phase {phase.name} has no numbers of the tool that ran"


def _witnesses(asked: Asked, result: Document) -> Iterator[str]:
    measures = {"disk": "paths_compared", "services": "units", "borders": "tasks_watched", "probes": "asked"}
    seen = {
        name: sum(phase.witnesses.get(name, {}).get(measure, 0) for phase in result.phases)
        for name, measure in measures.items()
    }
    for name in asked.requirement.witnesses:
        if not seen[name]:
            yield f"the witness `{name}` saw nothing ({measures[name].replace('_', ' ')}: 0)"
    measured = {"as_written": "resources", "refreshes": "targets", "agreement": "paths_compared"}
    for comparison in asked.requirement.compared:
        if not result.compared.get(comparison, {}).get(measured[comparison], 0):
            yield f"`{comparison}` had nothing to compare"


def _selftest(asked: Asked, result: Document) -> Iterator[str]:
    wanted = asked.requirement.selftest
    if wanted is None:
        return
    if result.selftest is None:
        yield f"there was no complete self-test of exactly this when it ran: `validate selftest {result.scenario}`"
        return
    judged = result.selftest.caught + result.selftest.missed
    if not judged:
        yield "its self-test had no fault to catch"
    elif result.selftest.caught / judged < wanted.score:
        yield f"its self-test caught {result.selftest.caught} of {judged} faults; {wanted.score:.0%} are wanted"
    age = asked.now - result.selftest.when
    if wanted.max_age is not None and age > hours(wanted.max_age) * HOUR:
        yield f"its self-test is stale: {span(age)} old; {wanted.max_age} are allowed"


def _absent(asked: Asked, result: Document) -> Iterator[str]:
    for rule in asked.requirement.absent:
        found = [finding for finding in result.findings if _matches(rule, finding.rule)]
        if found:
            yield f"it may have no finding of {rule}, and has {len(found)}{_named(found)}"


def _waived(asked: Asked, result: Document) -> Iterator[str]:
    for finding in result.findings:
        if finding.waived is None:
            continue
        if finding.waived.expires < asked.today.isoformat():
            yield f"{_name(finding)} is waived until {finding.waived.expires}, which is over"
        covering = [each for each in asked.waivers if tolerates(each, finding)]
        if not covering:
            yield f"{_name(finding)} is waived, and the checklist does not tolerate that"
        elif all(each.until < asked.today for each in covering):
            until = max(each.until for each in covering)
            yield f"{_name(finding)} is waived; the checklist tolerated that until {until}"


def _records(asked: Asked, evidence: Evidence) -> Iterator[str]:
    yield from evidence.against
    yield from (judged.trouble for judged in evidence.judged if judged.trouble)
    if asked.requirement.record and not evidence.judged:
        named = ", ".join(evidence.document.records) or "it names none"
        stem = evidence.file.stem if evidence.reported is None else evidence.document.scenario
        yield f"its record is not at hand ({named}; nor is {stem}.record.json beside it)"


QUESTIONS: Sequence[Callable[[Asked, Document], Iterator[str]]] = (
    _verdict,
    _consistency,
    _content,
    _time,
    _validator,
    _phases,
    _witnesses,
    _selftest,
    _absent,
    _waived,
)


def tolerates(waiver: Tolerated, finding: Seen) -> bool:
    """Whether a line of the checklist is about a waived finding, whatever its date."""
    return _matches(waiver.rule, finding.rule) and _matches(waiver.subject, finding.subject)


def moment(time: float) -> str:
    """A Unix time for people."""
    try:
        return datetime.fromtimestamp(time, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"Unix time {time:g}"


def span(seconds: float) -> str:
    """How long something is, in the unit that fits."""
    unit, size = ("h", HOUR) if abs(seconds) < 72 * HOUR else ("d", 24 * HOUR)
    return f"{seconds / size:.1f} {unit}"


def _named(findings: Sequence[Seen]) -> str:
    """The first of some findings, after a colon."""
    if not findings:
        return ""
    more = f" and {len(findings) - SHOWN} more" if len(findings) > SHOWN else ""
    return ": " + "; ".join(_name(finding) for finding in findings[:SHOWN]) + more


def _name(finding: Seen) -> str:
    return f"{finding.rule}: {finding.subject}"


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)


def _matches(pattern: str, text: str) -> bool:
    return _pattern(pattern).fullmatch(text) is not None
