"""`validate matrix --combine`: results of several runs of one matrix, read, held against it, and put together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from validator import many
from validator.errors import UsageError
from validator.matrix import combined, declared
from validator.matrix.combined import Combined, Content, Part, Whole
from validator.render.matrix import reading
from validator.render.matrix.parts import Links
from validator.scenario.paths import written

HINT = "Give what `validate matrix --format json` printed, or the matrix.json that --reports left."


def combine(asked: many.Asked, patterns: Sequence[str]) -> tuple[Combined, Links]:
    """Put the results together that files are, or patterns of files; and say where the cells' reports are.

    Raises `UsageError` for what is no such result, and for results that contradict each other.
    """
    for pattern in asked.patterns:
        if Path(pattern).is_file():
            raise UsageError(
                f"{pattern} is a file where a pattern of cells is wanted",
                hint="Quote the pattern of files: --combine 'reports-*/matrix.json'.",
            )
    read = {file: _read(file) for pattern in patterns for file in _matched(pattern)}
    parts = {file: Part(file=written(file), result=found.result) for file, found in read.items()}
    # What was left out as unchanged is found out anew; that all name the same revision is looked at with the rest.
    revision = asked.revision or next((part.result.since for part in parts.values() if part.result.since), None)
    done = combined.combine(tuple(parts.values()), _whole(replace(asked, revision=revision)))
    links = {
        name: {form: str(file.parent / link) for form, link in read[file].links.get(name, {}).items() if _is_name(link)}
        for name, part in done.sources.items()
        for file in read
        if parts[file] is part
    }
    return done, links


def _is_name(link: str) -> bool:
    """Whether a link leads to a file beside the one it is in, as those do that were written so."""
    return Path(link).name == link


def _matched(pattern: str) -> tuple[Path, ...]:
    """The files that a pattern means; one that is there is meant by its name."""
    path = Path(pattern)
    if path.is_file():
        return (path,)
    anchor = Path(path.anchor)
    found = sorted(each for each in anchor.glob(str(path.relative_to(anchor))) if each.is_file()) if pattern else []
    if not found:
        raise UsageError(f"there is no file that --combine names with {pattern!r}", hint=HINT)
    return tuple(found)


def _read(file: Path) -> reading.Read:
    try:
        return reading.read(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"{written(file)} cannot be read: {error.strerror}", hint=HINT) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{written(file)} cannot be taken: {error}", hint=HINT) from error


def _whole(asked: many.Asked) -> Whole:
    matrix, found = many.select(asked)
    return Whole(
        known=declared.coordinates(matrix),
        contents={
            name: Content(title=about.title, digest=about.plan, terms=about.terms)
            for name, about in found.identities.items()
        },
        unchanged=found.unchanged,
        since=asked.revision or "",
        file=written(matrix.file) if matrix.file is not None else "",
    )
