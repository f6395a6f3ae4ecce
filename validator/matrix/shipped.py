"""A cell's files on their way to another machine: one archive; there each path is as it is here, below a directory."""

from __future__ import annotations

import fnmatch
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from validator import sources
from validator.errors import UsageError
from validator.inputs import LEFT_OUT_NAMES
from validator.matrix.cells import Cell
from validator.scenario import load
from validator.workers import Asked

AT_MOST = 512 << 20  # bytes of an archive: it travels through the scheduler


def pack(cell: Cell) -> bytes:
    """All files that a cell is made of. Raises `UsageError` for what cannot be read, or is too much."""
    packed = io.BytesIO()
    added: set[str] = set()

    def chosen(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        name = PurePosixPath(member.name)
        if member.name in added or any(fnmatch.fnmatch(name.name, pattern) for pattern in LEFT_OUT_NAMES):
            return None
        added.add(member.name)
        return member

    try:
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as archive:
            for path in _outermost(_paths(cell)):
                archive.add(path, filter=chosen)
            for path in _named_only(cell):
                if str(path).lstrip("/") not in added:
                    archive.addfile(tarfile.TarInfo(str(path).lstrip("/")))
    except OSError as error:
        raise UsageError(f"{cell.name} cannot be sent to a worker: {error}") from error
    if packed.tell() > AT_MOST:
        raise UsageError(
            f"{cell.name} cannot be sent to a worker: its files come to {packed.tell() >> 20} MB packed, "
            f"more than {AT_MOST >> 20}",
            hint="Large is mostly an image of one's own (`image.path`), or what lies beside the tasks.",
        )
    return packed.getvalue()


def unpack(packed: bytes, tree: Path) -> None:
    """Put the files below a directory."""
    tree.mkdir()
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for member in archive:
            if ".." in PurePosixPath(member.name).parts or member.name.startswith("/"):
                raise UsageError(f"a job with a path that leads out of it: {member.name}")
            # Modes belong to what a cell is; links may lead anywhere, as they do where they come from.
            archive.extract(member, tree, filter="fully_trusted")


def moved(asked: Asked, tree: Path) -> Asked:
    """A job with its paths below a directory."""

    def below(path: str) -> str:
        return f"{tree}{path}"

    there = dict(asked)
    for key in ("scenario", "directory", "file"):
        there[key] = below(asked[key]) if asked[key] else asked[key]
    there["image"] = _with_path(asked["image"], "path", tree)
    variant = dict(asked["variant"])
    for release in ("old", "new"):
        if release in variant:
            variant[release] = _with_path(variant[release], "hiera", tree)
    there["variant"] = variant
    Path(there["directory"]).mkdir(parents=True, exist_ok=True)
    return there


def resolved(asked: Asked) -> Asked:
    """A job whose paths are those of the archive: without links on the way."""
    there = dict(asked)
    for key in ("scenario", "directory", "file"):
        there[key] = str(Path(asked[key]).resolve()) if asked[key] else asked[key]
    return there


def _with_path(part: dict[str, Any], key: str, tree: Path) -> dict[str, Any]:
    return {**part, key: f"{tree}{part[key]}"} if part.get(key) else part


def _paths(cell: Cell) -> Iterator[Path]:
    """What the cell is made of, and what its scenario names as it is written: it is loaded again over there."""
    for loaded in (load.load(cell.loaded.file), cell.loaded):
        for source in sources.of(loaded):
            yield source.path.resolve()
    if cell.loaded.scenario.image.path is not None:
        yield cell.loaded.scenario.image.path.resolve()


def _named_only(cell: Cell) -> Iterator[Path]:
    """An image of its own that the cell does not use; the scenario names it, so that something has to be there."""
    path = load.load(cell.loaded.file).scenario.image.path
    if path is not None:
        yield path.resolve()


def _outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Without those that lie below another one."""
    found = sorted(set(paths))
    return tuple(path for path in found if not any(parent in found for parent in path.parents))
