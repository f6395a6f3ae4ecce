"""Results of several runs of one matrix, e.g. of its shards, as one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from validator.errors import UsageError
from validator.matrix.declared import Coordinates
from validator.matrix.result import Answer, MatrixResult, Outcome

WORST: Mapping[Answer, int] = {"unexpected": 3, "not judged": 2, "as expected": 1, "not run": 0}
HINT = "Put together what one run left, of the files as they are now; remove what is left of other runs."


@dataclass(frozen=True, kw_only=True)
class Part:
    """The result of one run, and the file that it is from."""

    file: str
    result: MatrixResult

    @property
    def ended(self) -> float:
        """When it was over (Unix time)."""
        return self.result.started + self.result.seconds


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a cell's files are now: its title, and the digest and the terms that a result of it has."""

    title: str
    digest: str
    terms: str


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What there should be a result of. `known` are all cells of the matrix, `contents` says what those consist of
    that were asked for, by name, in order; of these `unchanged` need none, as they are what they were at `since`."""

    known: tuple[Coordinates, ...]
    contents: Mapping[str, Content]
    unchanged: tuple[str, ...] = ()
    since: str = ""
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Combined:
    """The one result, and from which part each cell's is, by name."""

    result: MatrixResult
    sources: Mapping[str, Part]


def combine(parts: Sequence[Part], whole: Whole) -> Combined:
    """Put parts together: of each cell the newest result, of equally new ones the worst; what nobody ran was not run.

    Raises `UsageError` with everything in which the parts contradict each other, or the matrix as it is now.
    """
    against = tuple(dict.fromkeys((*_of_different_runs(parts), *_of_other_cells(parts, whole))))
    if against:
        raise UsageError("these results do not go together:\n" + "\n".join(f"  {each}" for each in against), hint=HINT)
    sources = {name: max(found, key=_rank)[1] for name, found in _by_cell(parts, whole).items()}
    unchanged = tuple(name for name in whole.unchanged if name not in sources)
    cells = {cell.name: cell for cell in whole.known}
    started = min(part.result.started for part in parts)
    result = MatrixResult(
        outcomes=tuple(
            _of_part(name, sources[name]) if name in sources else _missing(cells[name], content)
            for name, content in whole.contents.items()
            if name not in unchanged
        ),
        started=started,
        seconds=max(part.ended for part in parts) - started,
        validator=parts[0].result.validator,
        jobs=max(part.result.jobs for part in parts),
        file=whole.file,
        since=whole.since,
        unchanged=unchanged,
        combined=len(parts),
    )
    return Combined(result=result, sources=sources)


def _of_different_runs(parts: Sequence[Part]) -> Iterator[str]:
    """What all parts of one run have in common."""
    for what, said in (
        ("version of the validator", [part.result.validator for part in parts]),
        ("revision of --only-changed", [part.result.since or "none" for part in parts]),
        ("number of shards", [str(part.result.shard.of) if part.result.shard else "" for part in parts]),
    ):
        first: dict[str, str] = {}
        for value, part in zip(said, parts, strict=True):
            if value:
                first.setdefault(value, part.file)
        if len(first) > 1:
            yield f"their {what} differs: " + ", ".join(f"{value} in {file}" for value, file in first.items())


def _of_other_cells(parts: Sequence[Part], whole: Whole) -> Iterator[str]:
    """Cells that are not those of the matrix as it is now."""
    cells = {cell.name: cell for cell in whole.known}
    for part in parts:
        for outcome in part.result.outcomes:
            name = outcome.cell.name
            if name not in cells:
                yield f"{part.file} has {name}, and the matrix has no such cell"
            elif outcome.cell != cells[name]:
                yield f"{part.file} expects {outcome.cell.expect} of {name}, the matrix {cells[name].expect}"
            elif outcome.result is not None and name in whole.contents:
                now, then = whole.contents[name], outcome.result
                if (then.digest, then.terms) != (now.digest, now.terms):
                    yield (
                        f"{part.file} has {name} made from other content: digest {then.digest}, terms {then.terms}; "
                        f"the files give {now.digest}, {now.terms} now"
                    )


def _by_cell(parts: Sequence[Part], whole: Whole) -> dict[str, list[tuple[Outcome, Part]]]:
    """What the parts have of each cell that was asked for. A cell that did not come to its turn is not there."""
    found: dict[str, list[tuple[Outcome, Part]]] = {}
    for part in parts:
        for outcome in part.result.outcomes:
            if outcome.cell.name in whole.contents and outcome.how != "not run":
                found.setdefault(outcome.cell.name, []).append((outcome, part))
    return found


def _rank(found: tuple[Outcome, Part]) -> tuple[float, int]:
    """The newer, then the worse. What ended without a verdict may have done so when its run was over."""
    outcome, part = found
    return (part.ended if outcome.made is None else outcome.made, WORST[outcome.answer])


def _of_part(name: str, part: Part) -> Outcome:
    found = [outcome for outcome in part.result.outcomes if outcome.cell.name == name]
    return max(found, key=lambda outcome: _rank((outcome, part)))


def _missing(cell: Coordinates, content: Content) -> Outcome:
    return Outcome(
        cell=cell,
        title=content.title,
        how="not run",
        message="none of the results that were put together has it",
        hint=f"Run it: validate matrix '{cell.name}'",
    )
