"""Go or no-go: the checklist held against the results that there are. Pure: the same input gives the same answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from validator.errors import Exit
from validator.gate import reasons
from validator.gate.checklist import Checklist, Requirement
from validator.gate.content import Content
from validator.gate.evidence import Evidence, Found

SCHEMA = "convergence-validator/gate/1"

Answer = Literal["go", "no-go"]
EXITS: dict[Answer, Exit] = {"go": Exit.CONVERGED, "no-go": Exit.DIVERGED}


@dataclass(frozen=True, kw_only=True)
class Item:
    """A line of the checklist. `evidence` is the result that counts, if there is one; no reason against it is a go."""

    requirement: Requirement
    content: Content
    evidence: Evidence | None
    reasons: tuple[str, ...]

    @property
    def answer(self) -> Answer:
        """What this line says."""
        return "no-go" if self.reasons or self.evidence is None else "go"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The whole checklist. `reasons` speak against all of it; `notes` only tell something. `when` is a Unix time."""

    title: str
    file: str
    when: float
    validator: str
    items: tuple[Item, ...]
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    schema: str = field(default=SCHEMA)

    @property
    def answer(self) -> Answer:
        """Go, if there is something that says so and nothing that says otherwise."""
        green = self.items and all(item.answer == "go" for item in self.items)
        return "go" if green and not self.reasons else "no-go"

    @property
    def exit_code(self) -> Exit:
        """The exit status that says the same."""
        return EXITS[self.answer]


def decide(
    checklist: Checklist, file: str, contents: Sequence[Content], found: Found, *, now: float, validator: str
) -> Decision:
    """Judge the checklist in `file`. `contents` are what its lines are about now, at least one of each.

    `validator` is our version.
    """
    items = tuple(
        _item(checklist, checklist.require[content.line], content, found, now=now, validator=validator)
        for content in contents
    )
    return Decision(
        title=checklist.title,
        file=file,
        when=now,
        validator=validator,
        items=items,
        reasons=found.troubles,
        notes=(*found.beside, *_unasked(items, contents, found), *_unneeded(checklist, items)),
    )


def _item(
    checklist: Checklist, requirement: Requirement, content: Content, found: Found, *, now: float, validator: str
) -> Item:
    asked = reasons.Asked(
        requirement=requirement,
        content=content,
        max_age=requirement.max_age or checklist.max_age,
        validator=checklist.validator or validator,
        waivers=tuple(each for each in checklist.waivers if each.scenario == requirement.named),
        now=now,
    )
    if content.missing:
        return Item(requirement=requirement, content=content, evidence=None, reasons=(content.missing,))
    named = [each for each in found.evidence if each.document.scenario == content.name]
    counting = [each for each in named if _is_about(each, content)]
    gaps = tuple(_gaps(found, content, counting))
    if not counting and gaps:
        return Item(requirement=requirement, content=content, evidence=None, reasons=gaps)
    if not counting:
        others = "".join(f"; {each.file} is {_what(each)}" for each in named)
        return Item(requirement=requirement, content=content, evidence=None, reasons=(f"there is no result{others}",))
    newest = max(each.document.made or 0.0 for each in counting)
    # What cannot be told apart by its time, or has none, may be the newest: all of it has to be green.
    last = [each for each in counting if not each.document.made or each.document.made == newest]
    judged = [(each, reasons.of(asked, each)) for each in last]
    shown, _ = max(judged, key=lambda pair: bool(pair[1]))
    if len(last) == 1:
        told = judged[0][1]
    else:
        told = tuple(f"{each.file}: {reason}" for each, against in judged for reason in against)
    return Item(requirement=requirement, content=content, evidence=shown, reasons=(*told, *gaps))


def _gaps(found: Found, content: Content, counting: Sequence[Evidence]) -> Iterator[str]:
    """Runs of a matrix in which the cell got no result, and none that was told of later has one."""
    last = max((each.reported or each.document.made or 0.0 for each in counting), default=0.0)
    for gap in found.gaps:
        if gap.cell == content.name and (not counting or gap.reported >= last):
            yield f"{gap.file} has no result of it: {gap.why}"


def _is_about(evidence: Evidence, content: Content) -> bool:
    """Whether a result of the scenario's name is one of an upgrade on the image's suite, or does not say on which."""
    suite = content.image.rpartition("-")[0]
    return evidence.document.kind == "upgrade" and evidence.suite in {"", suite}


def _what(evidence: Evidence) -> str:
    kind = evidence.document.kind
    words = {
        "idempotence": "of a double run",
        "upgrade-idempotence": "of a double run of the tasks",
        "lint": "of the static checks alone",
    }
    return words.get(kind, f"on {evidence.suite or 'another image'}")


def _unasked(items: Sequence[Item], contents: Sequence[Content], found: Found) -> Iterator[str]:
    """Results that no line asks for. A red one may be worth a look."""
    for each in found.evidence:
        if not any(each.document.scenario == content.name and _is_about(each, content) for content in contents):
            yield f"{each.file} ({each.document.scenario}, {_what(each)}: {each.document.verdict}) is not asked for"
    used = {id(item.evidence) for item in items if item.evidence is not None}
    names = {content.name for content in contents}
    for gap in found.gaps:
        if gap.cell not in names:
            yield f"{gap.file} ({gap.cell}: {gap.why}) is not asked for"
    for item in items:
        older = [
            each
            for each in found.evidence
            if each.document.scenario == item.content.name
            and _is_about(each, item.content)
            and id(each) not in used
            # Of equally new ones all count.
            and (item.evidence is None or each.document.made != item.evidence.document.made)
        ]
        if older:
            yield f"{item.content.name}: {len(older)} result(s) besides the newest did not count"


def _unneeded(checklist: Checklist, items: Sequence[Item]) -> Iterator[str]:
    """Tolerated waivers that no result has."""
    for waiver in checklist.waivers:
        waived = (
            finding
            for item in items
            if item.requirement.named == waiver.scenario and item.evidence is not None
            for finding in item.evidence.document.findings
            if finding.waived is not None
        )
        if not any(reasons.tolerates(waiver, finding) for finding in waived):
            yield f"nothing of {waiver.scenario} is waived that the line for {waiver.rule}: {waiver.subject} tolerates"
