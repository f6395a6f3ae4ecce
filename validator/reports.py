"""The reports of a matrix, in a directory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from validator import files
from validator.errors import UsageError
from validator.matrix.result import MatrixResult
from validator.render import RENDERERS
from validator.render.matrix import RENDERERS as OF_MATRIX
from validator.render.matrix.parts import Links
from validator.scenario.paths import written

ENDINGS = {"json": "json", "html": "html", "markdown": "md", "junit": "xml", "sarif": "sarif"}
WHOLE = {"index.html": "html", "matrix.json": "json", "junit.xml": "junit", "matrix.txt": "text"}


def usual() -> tuple[str, ...]:
    """The formats that a cell's report is written in when nothing else is said."""
    return tuple(name for name in ("html", "json") if name in RENDERERS)


def write_all(result: MatrixResult, directory: Path, formats: Sequence[str]) -> Links:
    """Each cell's reports, then what leads to them; returns where these are, below `directory`.

    Raises `UsageError` when they cannot be written.
    """
    names = file_names(tuple(outcome.cell.name for outcome in result.outcomes))
    links: dict[str, dict[str, str]] = {}
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{written(directory)} cannot be made: {error.strerror}") from error
    for outcome in result.outcomes:
        if outcome.result is None:
            continue
        links[outcome.cell.name] = {}
        for name in formats:
            file = f"{names[outcome.cell.name]}.{ENDINGS.get(name, 'txt')}"
            files.write(RENDERERS[name](outcome.result), directory / file)
            links[outcome.cell.name][name] = file
        if outcome.result.records and Path(outcome.result.records[0]).is_file():
            file = f"{names[outcome.cell.name]}.record.json"
            _copy(Path(outcome.result.records[0]), directory / file)
            links[outcome.cell.name]["record"] = file
    _write_whole(result, directory, links)
    return links


def bring_together(result: MatrixResult, directory: Path, found: Links) -> Links:
    """The reports that the parts of a combined result left, by cell and format, in one directory; what leads to them.

    Each cell's JSON is written anew; others are copied where they are there. Raises `UsageError`.
    """
    links = dict(write_all(result, directory, ("json",)))
    names = file_names(tuple(outcome.cell.name for outcome in result.outcomes))
    for cell, reports in links.items():
        there = {form: Path(path) for form, path in found.get(cell, {}).items() if Path(path).is_file()}
        more = {}
        for form, path in there.items():
            if form in {*reports, "json"} or form not in {*ENDINGS, *RENDERERS, "record"}:
                continue
            ending = "record.json" if form == "record" else ENDINGS.get(form, "txt")
            more[form] = f"{names[cell]}.{ending}"
            _copy(path, directory / more[form])
        links[cell] = {**reports, **more}
    _write_whole(result, directory, links)
    return links


def _copy(file: Path, into: Path) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{written(file)} cannot be copied: {error}") from error
    files.write(text, into)


def _write_whole(result: MatrixResult, directory: Path, links: Links) -> None:
    for file, name in WHOLE.items():
        files.write(OF_MATRIX[name](result, links), directory / file)


def file_names(cells: Sequence[str]) -> dict[str, str]:
    """A name for the files of each cell that no other cell has."""
    found: dict[str, str] = {}
    for cell in cells:
        name = cell.replace("/", "_").lstrip(".")
        if name in found.values():
            name = f"{name}.{hashlib.sha256(cell.encode()).hexdigest()[:8]}"
        found[cell] = name
    return found
