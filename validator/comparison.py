"""Two results of the same scenario, and what became of each finding between them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from validator.errors import Exit, UsageError
from validator.findings import Meaning, Severity, Waived
from validator.record import Kind
from validator.verdict import LOUDNESS, Result, Verdict

SCHEMA = "convergence-validator/diff/1"

Answer = Literal["worse", "no worse", "inconclusive"]
Change = Literal["waived now", "waiver ended", "severity", "more paths"]
EXITS: dict[Answer, Exit] = {
    "worse": Exit.DIVERGED,
    "no worse": Exit.CONVERGED,
    "inconclusive": Exit.CANNOT_JUDGE,
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is compared, and shown, of a finding. Named as in the JSON result, which is read into it."""

    rule: str
    severity: Severity
    means: Meaning
    phase: str | None
    subject: str
    message: str
    declared_at: str | None = None
    waived: Waived | None = None
    evidence: dict[str, JsonValue] = field(default_factory=dict)

    @property
    def path(self) -> str | None:
        """The path it is about; the first where it stands for many."""
        path = self.evidence.get("path")
        return path if isinstance(path, str) else None

    @property
    def paths(self) -> frozenset[str]:
        """All paths it stands for. None of a mere list of paths, which is a note and has no path of its own."""
        many = self.evidence.get("paths")
        return frozenset(map(str, [self.path, *(many if isinstance(many, list) else ())])) if self.path else frozenset()

    @property
    def weight(self) -> str:
        """How it is taken: its severity, or that it is waived."""
        return self.severity if self.waived is None else "waived"


@dataclass(frozen=True, kw_only=True)
class Restarted:
    """A restart of a unit in a phase."""

    unit: str
    phase: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is compared of a result, named as in the JSON result. `restarts` is None where the result has none to tell.

    `file` is where the result was read from.
    """

    scenario: str
    title: str
    kind: Kind
    verdict: Verdict
    findings: tuple[Seen, ...]
    digest: str
    validator: str
    restarts: tuple[Restarted, ...] | None = None
    file: str = ""

    def counts(self, finding: Seen) -> bool:
        """Whether a finding speaks against the scenario: of static checks, all of which are warnings, those too."""
        return finding.weight == "error" or (self.kind == "lint" and finding.weight == "warning")


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A finding that is still there and is taken otherwise."""

    change: Change
    before: Seen
    after: Seen


@dataclass(frozen=True, kw_only=True)
class RestartChange:
    """A unit that was restarted another number of times in a phase."""

    unit: str
    phase: str
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What became of each finding. Every finding of `before` is in one of `fixed`, `shifted` and `unchanged`, every
    one of `after` in one of `new`, `shifted` and `unchanged`; these two hold it as it is now."""

    before: Summary
    after: Summary
    new: tuple[Seen, ...]
    fixed: tuple[Seen, ...]
    shifted: tuple[Shift, ...]
    unchanged: tuple[Seen, ...]
    restarts: tuple[RestartChange, ...]
    schema: str = field(default=SCHEMA)

    @property
    def inconclusive(self) -> tuple[Summary, ...]:
        """The sides that prove nothing."""
        return tuple(side for side in (self.before, self.after) if side.verdict == "inconclusive")

    @property
    def against(self) -> tuple[Seen, ...]:
        """The findings that count and did not count before."""
        grown = (
            each.after for each in self.shifted if each.change == "more paths" or not self.before.counts(each.before)
        )
        return tuple(finding for finding in (*self.new, *grown) if self.after.counts(finding))

    @property
    def answer(self) -> Answer:
        """Whether `after` is worse than `before`, as far as that can be told."""
        if self.inconclusive:
            return "inconclusive"
        return "worse" if self.against else "no worse"

    @property
    def exit_code(self) -> Exit:
        """The exit status that says the same."""
        return EXITS[self.answer]

    @property
    def same_inputs(self) -> bool:
        """Whether image, releases, tasks and fault were the same."""
        return self.before.digest == self.after.digest

    @property
    def same_validator(self) -> bool:
        """Whether one version of the validator watched both runs."""
        return self.before.validator == self.after.validator

    @property
    def unstable(self) -> bool:
        """Whether the same inputs gave other findings."""
        if self.inconclusive or not self.same_inputs or not self.same_validator:
            return False
        # What is said of waivers depends on the day and on the waivers, not on the inputs.
        return any(not each.rule.startswith("waiver.") for each in (*self.new, *self.fixed))


def of(result: Result, file: str = "") -> Summary:
    """What is compared of a result."""
    return Summary(
        scenario=result.scenario,
        title=result.title,
        kind=result.kind,
        verdict=result.verdict,
        findings=tuple(
            Seen(
                rule=finding.rule,
                severity=finding.severity,
                means=finding.means,
                phase=finding.phase,
                subject=finding.subject,
                message=finding.message,
                declared_at=None if finding.declared_at is None else str(finding.declared_at),
                waived=finding.waived,
                evidence=finding.evidence,
            )
            for finding in result.findings
        ),
        digest=result.digest,
        validator=result.validator,
        restarts=tuple(Restarted(unit=each.unit, phase=each.phase) for each in result.restarts),
        file=file,
    )


def compare(before: Summary, after: Summary) -> Comparison:
    """Hold two results against each other. Raises `UsageError` when they are not of the same thing."""
    for what, was, now in (
        ("scenario", before.scenario, after.scenario),
        ("kind", before.kind, after.kind),
    ):
        if was != now:
            raise UsageError(
                f"these results have nothing to compare: {what} {was!r} in {before.file}, {now!r} in {after.file}",
                hint="Give two results of the same scenario, made by the same command.",
            )
    pairs, fixed, new = _paired(before.findings, after.findings)
    return Comparison(
        before=before,
        after=after,
        new=_loudest_first(new),
        fixed=_loudest_first(fixed),
        shifted=tuple(
            Shift(change=change, before=was, after=now)
            for was, now in pairs
            if (change := _change(was, now)) is not None
        ),
        unchanged=_loudest_first([now for was, now in pairs if _change(was, now) is None]),
        restarts=tuple(_restarts(before, after)),
    )


_Pair = tuple[Seen, Seen]
_Alike = Callable[[Seen, Seen], bool]


def _same(was: Seen, now: Seen) -> bool:
    return was.path == now.path


def _same_weight(was: Seen, now: Seen) -> bool:
    return _same(was, now) and was.weight == now.weight


def _same_words(was: Seen, now: Seen) -> bool:
    return _same_weight(was, now) and was.message == now.message


def _share_paths(was: Seen, now: Seen) -> bool:
    """Which of many paths is named first means nothing."""
    return bool(was.paths & now.paths)


# The closest first: of several findings that are the same one, those that are left over are what is new or fixed.
LIKENESSES: tuple[_Alike, ...] = (_same_words, _same_weight, _same, _share_paths)


def _paired(before: Sequence[Seen], after: Sequence[Seen]) -> tuple[list[_Pair], list[Seen], list[Seen]]:
    """Each finding with the one it was before, at most once each; and what is left over on either side."""
    groups: dict[tuple[str, str, str | None], tuple[list[Seen], list[Seen]]] = {}
    for side, findings in enumerate((before, after)):
        for each in findings:
            groups.setdefault((each.rule, each.subject, each.phase), ([], []))[side].append(each)
    pairs = [pair for was, now in groups.values() for alike in LIKENESSES for pair in _take(was, now, alike)]
    fixed = [finding for was, _ in groups.values() for finding in was]
    new = [finding for _, now in groups.values() for finding in now]
    return pairs, fixed, new


def _take(was: list[Seen], now: list[Seen], alike: _Alike) -> Iterator[_Pair]:
    """Take out of both lists what is alike."""
    for finding in tuple(now):
        twin = next((each for each in was if alike(each, finding)), None)
        if twin is not None:
            was.remove(twin)
            now.remove(finding)
            yield twin, finding


def _change(was: Seen, now: Seen) -> Change | None:
    if was.weight != now.weight:
        if now.waived is not None:
            return "waived now"
        return "waiver ended" if was.waived is not None else "severity"
    return "more paths" if now.paths - was.paths else None


def _loudest_first(findings: Sequence[Seen]) -> tuple[Seen, ...]:
    return tuple(sorted(findings, key=lambda finding: LOUDNESS[finding.severity]))


def _restarts(before: Summary, after: Summary) -> Iterator[RestartChange]:
    if before.restarts is None or after.restarts is None:
        return
    was = Counter((each.phase, each.unit) for each in before.restarts)
    now = Counter((each.phase, each.unit) for each in after.restarts)
    for phase, unit in dict.fromkeys((*was, *now)):
        if was[phase, unit] != now[phase, unit]:
            yield RestartChange(unit=unit, phase=phase, before=was[phase, unit], after=now[phase, unit])
