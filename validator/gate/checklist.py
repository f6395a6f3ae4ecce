"""The checklist: what must be green before a release goes, and how fresh; from its file, or every mistake in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from validator.errors import Problem, ScenarioError, UsageError
from validator.record import Place
from validator.scenario import text
from validator.scenario.load import validated
from validator.scenario.model import Listed, Part
from validator.scenario.paths import written

Age = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,4}(h|d)$")]
HOURS: Mapping[str, int] = {"h": 1, "d": 24}
Witness = Literal["disk", "services", "borders", "probes"]
Comparison = Literal["as_written", "refreshes", "agreement"]


class WantedFinding(Part):
    """An error that a scenario which must diverge has to have."""

    rule: str = Field(description="The finding's rule.", min_length=1)
    subject: str = Field("*", description="A pattern of what it is about; `*` matches anything.")


class WantedSelfTest(Part):
    """How well the scenario's own faults must have been caught."""

    score: Annotated[float, Field(ge=0, le=1)] = Field(
        1.0, description="The share of seeded faults that must be caught."
    )
    max_age: Age | None = Field(None, description="How old the self-test may be; as old as it is when not given.")


class Requirement(Part):
    """One scenario that must be as expected, on one image; or cells of a matrix that all must."""

    scenario: str | None = Field(
        None, description="A scenario below `root`, or a path to one; of cells a pattern.", min_length=1
    )
    image: str | None = Field(
        None,
        description="A Debian suite instead of the scenario's own; with `matrix` a pattern of images there.",
        min_length=1,
    )
    variant: str | None = Field(None, description="With `matrix`: a pattern of variants there.", min_length=1)
    cell: str | None = Field(
        None,
        description="With `matrix`, instead of the three: a pattern of cells, SCENARIO@IMAGE+VARIANT.",
        min_length=1,
    )
    expect: Literal["converged", "diverged"] = Field("converged", description="The verdict it must have.")
    findings: Listed[WantedFinding] = Field((), description="With `expect: diverged`: the errors it must have.")
    max_age: Age | None = Field(None, description="Instead of the checklist's.")
    witnesses: Listed[Witness] = Field((), description="Witnesses that must have looked at something.")
    compared: Listed[Comparison] = Field((), description="Comparisons that must have had something to compare.")
    selftest: WantedSelfTest | None = Field(None, description="A self-test of exactly this content must be there.")
    absent: Listed[str] = Field(
        (), description="Rules of which there may be no finding at all, note or warning; `*` matches anything."
    )
    record: bool = Field(default=False, description="The record must be at hand, to be judged again.")

    @property
    def named(self) -> str:
        """What it is called elsewhere in the checklist."""
        return self.cell or self.scenario or ""

    @property
    def where(self) -> tuple[str | None, ...]:
        """What it is about."""
        return (self.scenario, self.image, self.variant, self.cell)


class Tolerated(Part):
    """A waiver of a scenario that the release may go with, for a while."""

    scenario: str = Field(description="The `scenario` or the `cell`, as under `require`.", min_length=1)
    rule: str = Field(description="The waived finding's rule; `*` matches anything.", min_length=1)
    subject: str = Field("*", description="A pattern of what the finding is about; `*` matches anything.")
    until: date = Field(description="The last day on which it is tolerated, YYYY-MM-DD.")
    reason: str = Field(description="Why.", min_length=1)


class Checklist(Part):
    """What must hold before a release goes."""

    title: str = Field(description="What goes, in one line.", min_length=1)
    results: Listed[Annotated[str, Field(min_length=1)]] = Field(
        description="Files with JSON results, or patterns of such, below the checklist's directory.", min_length=1
    )
    root: str = Field("scenarios", description="The directory that holds the scenarios, below the checklist's.")
    matrix: str | None = Field(
        None,
        description="The matrix.yml whose cells are required, below the checklist's directory.",
        min_length=1,
    )
    max_age: Age = Field(description="How old a result may be: hours (`12h`) or days (`7d`).")
    validator: str | None = Field(
        None, description="The validator's version that made the results; the one that judges when not given."
    )
    require: Listed[Requirement] = Field(description="The scenarios that must be green.", min_length=1)
    waivers: Listed[Tolerated] = Field((), description="Waived findings that the release may go with.")


HINT = "docs/how-to/release-gate.md shows a checklist."
PARTS: Mapping[str, type[Part]] = {
    "require": Requirement,
    "findings": WantedFinding,
    "selftest": WantedSelfTest,
    "waivers": Tolerated,
}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A checklist with its file and that one's SHA-256. `places` say where each requirement stands."""

    file: Path
    sha256: str
    checklist: Checklist
    places: tuple[Place, ...]

    @property
    def directory(self) -> Path:
        """What the paths in it are relative to."""
        return self.file.parent

    def is_of_cells(self, requirement: Requirement) -> bool:
        """Whether a line is about cells of the matrix."""
        return self.checklist.matrix is not None and any(requirement.where[1:])


def load(file: Path) -> Loaded:
    """Read a checklist. Raises `ScenarioError` with all that is wrong with it."""
    sha256 = _digest(file)
    document = text.read(file)
    checklist = validated(
        document, Checklist, file.parent, PARTS, hint="docs/how-to/release-gate.md shows a checklist."
    )
    problems = tuple(_contradictions(document, checklist))
    if problems:
        raise ScenarioError(problems)
    places = tuple(
        Place(file=written(file.absolute()), line=document.places[("require", number)][0])
        for number in range(len(checklist.require))
    )
    return Loaded(file=file, sha256=sha256, checklist=checklist, places=places)


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def hours(age: str) -> int:
    """An age in hours."""
    return int(age[:-1]) * HOURS[age[-1]]


def _contradictions(document: text.Document, checklist: Checklist) -> Iterator[Problem]:
    """What each key allows and what would let something pass unseen, or nothing ever."""
    seen: set[tuple[str | None, ...]] = set()
    for number, each in enumerate(checklist.require):
        here = ("require", number)
        key = "scenario" if each.cell is None else "cell"
        if each.where in seen:
            yield document.problem((*here, key), f"{each.named} is required twice on the same image")
        seen.add(each.where)
        yield from _contradictions_of_cells(document, number, each, checklist)
        if each.expect == "diverged" and not each.findings:
            message = "`expect: diverged` needs `findings`: it could diverge for any reason"
            yield document.problem((*here, "expect"), message)
        if each.expect == "converged" and each.findings:
            yield document.problem((*here, "findings"), "what converges has no errors; this goes with `diverged`")
    required = {each.named for each in checklist.require}
    for number, waiver in enumerate(checklist.waivers):
        if waiver.scenario not in required:
            message = f"{waiver.scenario!r} is not required, so nothing of it can be tolerated"
            yield document.problem(("waivers", number, "scenario"), message)
        if waiver.rule.startswith(("evidence.", "waiver.")):
            message = f"{waiver.rule} cannot be waived: without evidence there is nothing to accept"
            yield document.problem(("waivers", number, "rule"), message)


def _contradictions_of_cells(
    document: text.Document, number: int, each: Requirement, checklist: Checklist
) -> Iterator[Problem]:
    here = ("require", number)
    if each.cell is None and each.scenario is None:
        yield document.problem(here, "`scenario` is missing, or `cell`: it is about nothing")
    if each.cell is not None and any((each.scenario, each.image, each.variant)):
        message = "`cell` says it all: leave out `scenario`, `image` and `variant`"
        yield document.problem((*here, "cell"), message)
    if checklist.matrix is None:
        for key, value in (("cell", each.cell), ("variant", each.variant)):
            if value is not None:
                message = f"`{key}` is about a matrix: say which with `matrix`, above"
                yield document.problem((*here, key), message)
