"""Cells whose inputs differ from those of a git revision: by content, staged from both trees."""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from validator import process
from validator.errors import ToolError, UsageError, ValidatorError
from validator.host.cache import Cache
from validator.matrix import cells, declared, identity
from validator.matrix.cells import Cell
from validator.matrix.declared import Coordinates, Declared
from validator.matrix.identity import Identity

CALLERS = ("SUDO_UID", "HOME")  # by whom git judges whether the repository is the caller's


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A revision's files beside those that people work on. `top` is the repository, `copy` the revision."""

    top: Path
    copy: Path

    def there(self, path: Path) -> Path:
        """The same path in the revision; one outside of the repository is itself."""
        path = path.resolve()
        return self.copy / path.relative_to(self.top) if path.is_relative_to(self.top) else path


def changed(
    now: Declared, identified: Sequence[tuple[Cell, Identity]], revision: str, cache: Cache, today: date
) -> tuple[str, ...]:
    """The names of those cells that are new, consist of something else, or are expected to come out otherwise.

    A cell that cannot be loaded from the revision is changed. Raises `UsageError` when there is no such revision.
    """
    with cache.host_directory(f"matrix-{uuid.uuid4().hex[:8]}") as (directory, _):
        tree = _exported(now.base, revision, directory)
        with _standing_in(tree):
            then = _then(now, tree)
            before = {cell.name: _identity(then, cell.at, directory, today) for cell, _ in identified}
    return tuple(cell.name for cell, about in identified if identity.is_changed(cell.at, about, before[cell.name]))


@dataclass(frozen=True, kw_only=True)
class _Then:
    """The matrix as the revision declares it."""

    declared: Declared
    cells: dict[str, Coordinates]


def _then(now: Declared, tree: Tree) -> _Then | None:
    """None when nothing can be known of it. A matrix that was made on the command line is the same."""
    try:
        if now.file is not None:
            found = declared.read(tree.there(now.file.parent) / now.file.name)
        else:
            found = replace(now, base=tree.there(now.base))
        return _Then(declared=found, cells={each.name: each for each in declared.coordinates(found)})
    except ValidatorError:
        return None


def _identity(then: _Then | None, at: Coordinates, directory: Path, today: date) -> tuple[Coordinates, Identity] | None:
    before = then.cells.get(at.name) if then is not None else None
    if then is None or before is None:
        return None
    try:
        return before, identity.of(cells.load_one(then.declared, before), directory / uuid.uuid4().hex, today)
    except ValidatorError:
        return None


def _exported(base: Path, revision: str, directory: Path) -> Tree:
    """Write a revision's files into a directory; nothing in the repository is touched."""
    top = Path(_git(base, "rev-parse", "--show-toplevel").strip())
    commit = revision_of(base, revision)
    copy = directory / "tree"
    copy.mkdir()
    index = directory / "index"
    _git(top, "read-tree", commit, index=index)
    _git(top, "checkout-index", "--all", "--force", f"--prefix={copy}/", index=index)
    _same_modes(top, copy)
    return Tree(top=top.resolve(), copy=copy.resolve())


def revision_of(base: Path, revision: str) -> str:
    """The id of a commit. Raises `UsageError` when there is none."""
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is no git revision")
    return _git(base, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()


def _same_modes(top: Path, copy: Path) -> None:
    """Give files the modes that they have in the work tree where git sees no difference: it knows of one bit only."""
    for directory, _, files in os.walk(copy):
        for name in files:
            ours = Path(directory, name)
            theirs = top / ours.relative_to(copy)
            with contextlib.suppress(OSError):
                mode, other = ours.lstat().st_mode, theirs.lstat().st_mode
                if stat.S_ISREG(mode) and stat.S_ISREG(other) and bool(mode & 0o100) == bool(other & 0o100):
                    ours.chmod(stat.S_IMODE(other))


@contextmanager
def _standing_in(tree: Tree) -> Iterator[None]:
    """Work where the caller does, in the revision: what is rendered from templates names files from there."""
    there = tree.there(Path.cwd())
    there.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(there):
        yield


def _git(base: Path, *arguments: str, index: Path | None = None) -> str:
    env = {**process.CLEAN_ENV, **{name: os.environ[name] for name in CALLERS if name in os.environ}}
    if index is not None:
        env["GIT_INDEX_FILE"] = str(index)
    command = process.Command(argv=("git", "-C", str(base.resolve()), *arguments), label="git", env=env)
    try:
        return process.run(command).text
    except ToolError as error:
        raise UsageError(
            f"the revision cannot be read from git: {error.message}",
            hint="--only-changed takes a branch, tag or commit of the repository that holds the scenarios.",
        ) from error
