"""Where images, layers and the traces of runs are kept, safe for several runs at once.

    images/ID/root            a base image
    states/ID/up              a frozen layer, with the record of the phase that made it; what it lies on is in its note
    hosts/ID/                 a live host; the lock beside it is held as long as any process of it lives
    runs/ID/                  the record of one validation
    cells/ID/                 the record of a cell of a matrix, to be used again
    packages/SUITE/           downloaded .deb files

Nothing appears under its final name before it is complete (rename(2)). A lock file beside each image and
state is held shared while in use and exclusively while being made or removed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from validator import process
from validator.errors import HostError, MachineError
from validator.host import cgroup, supervisor

Kind = Literal["images", "states", "runs", "cells"]
Below = tuple[tuple[Kind, str], ...]  # the layers that one lies on, by kind and name
KINDS: tuple[Kind, ...] = ("images", "states", "runs", "cells")
KEPT_RUNS = 50  # records of earlier validations that are kept
KEPT_COPIES = 5  # states that are kept only to be looked at, of runs that did not converge


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One thing in the cache. `bytes` counts disk blocks; `used` is a Unix time."""

    kind: Kind
    name: str
    path: Path
    about: str
    bytes: int
    used: float


@dataclass(frozen=True, kw_only=True)
class Cache:
    """The cache directory. `VALIDATE_CACHE` or `XDG_CACHE_HOME` choose it."""

    root: Path

    @classmethod
    def open(cls) -> Cache:
        """The cache of this user, made when missing, with what dead runs left behind removed.

        Raises `MachineError` when the directory cannot be used, `UsageError` when the user is not root: hosts, and so
        what is kept of them, belong to root.
        """
        process.require_root()
        base = os.environ.get("VALIDATE_CACHE") or os.environ.get("XDG_CACHE_HOME", "~/.cache") + "/validate"
        cache = cls(root=Path(base).expanduser().absolute())
        if {":", ","} & set(str(cache.root)):
            raise MachineError(
                f"the cache directory {cache.root} has ':' or ',' in its name, which overlay mounts cannot take",
                hint="Set VALIDATE_CACHE to another directory.",
            )
        try:
            for kind in (*KINDS, "hosts", "packages"):
                (cache.root / kind).mkdir(parents=True, exist_ok=True)
            cache.root.chmod(0o700)
        except OSError as error:
            raise MachineError(
                f"the cache directory {cache.root} cannot be used: {error.strerror}",
                hint="Set VALIDATE_CACHE to a directory on a local disk (ext4, xfs, btrfs).",
            ) from error
        cache.sweep()
        return cache

    def image(self, name: str) -> Path:
        """Where an image is, or will be."""
        return self.root / "images" / name

    def state(self, name: str) -> Path:
        """Where a state is, or will be."""
        return self.root / "states" / name

    def has_state(self, name: str) -> bool:
        """Whether a state can be used (see `has`)."""
        return self.has("states", name)

    def has(self, kind: Kind, name: str) -> bool:
        """Whether a thing is complete, and each layer that it lies on is the very one that it was made on.

        A layer that was removed and made anew has other content below the same name: newer packages, another database.
        """
        try:
            about = self.about(kind, name)
        except FileNotFoundError:
            return False
        below = about.get("below", [])
        return isinstance(below, list) and all(self.build(kind, name) == build for kind, name, build in below)

    def build(self, kind: Kind, name: str) -> str:
        """Identifies what was made under a name, when: the digest of its note; empty when it is not there."""
        try:
            return hashlib.sha256((self.root / kind / name / "about.json").read_bytes()).hexdigest()[:16]
        except FileNotFoundError:
            return ""

    @contextmanager
    def making(self, kind: Kind, name: str, *, wait: bool = True) -> Iterator[Path | None]:
        """Make a thing, or learn that it exists (None): yields a directory that is renamed into place.

        Only one process makes it; others wait for that, and never for those that use it. Without `wait` they learn
        at once that it is not theirs to make. A failed block leaves nothing. The block is to write `about.json`.
        """
        final = self.root / kind / name
        while not self.has(kind, name):
            with process.locked(self._lock(kind, name), wait=False) as lock:
                if lock is not None and not self.has(kind, name):
                    unfinished = final.with_name(f".{name}.unfinished")
                    remove_tree(final)
                    remove_tree(unfinished)
                    unfinished.mkdir()
                    try:
                        with full_disk_explained(self.root):
                            yield unfinished
                            unfinished.rename(final)
                    finally:
                        remove_tree(unfinished)
                    return
            if not wait:
                break
            # Whoever was making it is done then. One that does not fit has to wait for those that use it.
            with process.locked(self._lock(kind, name), shared=not (final / "about.json").exists()):
                continue
        yield None

    @contextmanager
    def using(self, kind: Kind, name: str) -> Iterator[Path]:
        """Keep a thing from being pruned for the block."""
        with process.locked(self._lock(kind, name), shared=True):
            path = self.root / kind / name
            if not self.has(kind, name):
                raise HostError(f"{path} was removed while it was needed", hint="Run the same command again.")
            os.utime(path)
            yield path

    @contextmanager
    def host_directory(self, name: str) -> Iterator[tuple[Path, int]]:
        """A directory for a live host and the descriptor of its lock; removed at the end of the block."""
        directory = self.root / "hosts" / name
        lock = self.root / "hosts" / f".{name}.lock"  # beside it: it must outlast the removal of the directory
        with process.locked(lock) as descriptor:
            directory.mkdir()
            try:
                yield directory, descriptor or 0
            finally:
                self._forget_host(name, lock)

    def _forget_host(self, name: str, lock: Path) -> None:
        """Remove what a dead host left; the lock last, for by it the next sweep finds what cannot go yet."""
        swept = sweep_cgroup(name)
        remove_tree(self.root / "hosts" / name)
        if swept:
            lock.unlink(missing_ok=True)

    def describe(self, directory: Path, *, below: Below = (), **about: object) -> None:
        """Write the note that makes a thing complete; `below` are the layers that it lies on."""
        made_on = [(kind, name, self.build(kind, name)) for kind, name in below]
        note = {"made": time.time(), "below": made_on, **about}
        (directory / "about.json").write_text(json.dumps(note, indent=1), encoding="utf-8")

    def about(self, kind: Kind, name: str) -> dict[str, object]:
        """The note written by `describe`."""
        loaded: dict[str, object] = json.loads((self.root / kind / name / "about.json").read_text(encoding="utf-8"))
        return loaded

    def kept(self) -> tuple[Kept, ...]:
        """Everything in the cache, the longest unused first."""
        found = []
        for kind in KINDS:
            for note in (self.root / kind).glob("*/about.json"):
                with contextlib.suppress(FileNotFoundError):  # another run has just removed it
                    found.append(_look(kind, note))
        return tuple(sorted(found, key=lambda kept: kept.used))

    def prune(self, *, unused_for: float) -> tuple[Kept, ...]:
        """Remove what nobody used for so many seconds and nobody uses now; returns what was removed."""
        removed = []
        for kept in self.kept():
            if time.time() - kept.used >= unused_for:
                with process.locked(self._lock(kept.kind, kept.name), wait=False) as lock:
                    if lock is not None:
                        self._discard(kept.kind, kept.name)
                        removed.append(kept)
        if unused_for <= 0:
            for guard in (self.root / "packages").glob(".*.lock"):
                with process.locked(guard, wait=False) as lock:
                    if lock is not None:  # else an image is being made from them
                        remove_tree(guard.with_name(guard.name.removeprefix(".").removesuffix(".lock")))
        return tuple(removed)

    def sweep(self) -> None:
        """Remove what killed runs left: state directories, unfinished things, empty cgroups."""
        for lock in (self.root / "hosts").glob(".*.lock"):
            with process.locked(lock, wait=False) as descriptor:
                if descriptor is not None:
                    self._forget_host(lock.name.removeprefix(".").removesuffix(".lock"), lock)
        for kind in KINDS:
            for unfinished in (self.root / kind).glob(".*.unfinished"):
                name = unfinished.name.removeprefix(".").removesuffix(".unfinished")
                with process.locked(self._lock(kind, name), wait=False) as held:
                    if held is not None:
                        remove_tree(unfinished)
        names = sorted(note.parent.name for note in (self.root / "runs").glob("*/about.json"))  # they begin with a time
        self._discard_unused("runs", names[:-KEPT_RUNS])

    def thin_out_copies(self) -> None:
        """Of the states that were described as a `copy`, keep those that were used last."""
        found: list[tuple[float, str]] = []
        for note in (self.root / "states").glob("*/about.json"):
            with contextlib.suppress(FileNotFoundError):  # another run has just removed it
                if json.loads(note.read_text(encoding="utf-8")).get("copy"):
                    found.append((note.parent.stat().st_mtime, note.parent.name))
        self._discard_unused("states", [name for _, name in sorted(found)[:-KEPT_COPIES]])

    def _discard_unused(self, kind: Kind, names: Iterable[str]) -> None:
        for name in names:
            with process.locked(self._lock(kind, name), wait=False) as held:
                if held is not None:
                    self._discard(kind, name)

    def discard(self, kind: Kind, name: str) -> None:
        """Remove a thing, so that it can be made anew; waits for those that use it."""
        with process.locked(self._lock(kind, name)):
            self._discard(kind, name)

    def _discard(self, kind: Kind, name: str) -> None:
        """Remove a thing whose lock is held. A kill on the way leaves what the next sweep removes."""
        final = self.root / kind / name
        unfinished = final.with_name(f".{name}.unfinished")
        if final.exists():
            final.rename(unfinished)
            remove_tree(unfinished)
        self._lock(kind, name).unlink(missing_ok=True)

    def _lock(self, kind: Kind, name: str) -> Path:
        return self.root / kind / f".{name}.lock"


def _look(kind: Kind, note: Path) -> Kept:
    """A thing in the cache, by its note. Raises `FileNotFoundError` when it is being removed."""
    about = json.loads(note.read_text(encoding="utf-8"))
    return Kept(
        kind=kind,
        name=note.parent.name,
        path=note.parent,
        about=str(about.get("about", "")),
        bytes=disk_usage(note.parent),
        used=note.parent.stat().st_mtime,
    )


def sweep_cgroup(host: str) -> bool:
    """Remove the cgroups of a host that is dead; false when a process of it is still on its way out."""
    try:
        group = cgroup.of_host(host)
    except MachineError:
        return True
    return not group.exists() or supervisor.remove_cgroup(group)


def remove_tree(path: Path) -> None:
    """Remove a directory and all below it; a missing one is fine."""
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def disk_usage(path: Path) -> int:
    """Bytes of disk blocks below a directory."""
    total = 0
    for root, directories, files in os.walk(path):
        for name in (*directories, *files):
            total += os.lstat(f"{root}/{name}").st_blocks * 512
    return total


@contextmanager
def full_disk_explained(root: Path) -> Iterator[None]:
    """Turn "no space left" into a `MachineError` that says where and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise no_space(root) from error
        raise


def no_space(root: Path) -> MachineError:
    """The error for a full disk below the cache."""
    free = shutil.disk_usage(root).free // (1 << 20)
    return MachineError(
        f"no space left on the disk of the cache {root} ({free} MB free)",
        hint="Free some space, run `validate cache prune`, or set VALIDATE_CACHE to a larger disk.",
    )
