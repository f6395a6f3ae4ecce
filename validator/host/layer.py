"""What is in a stack of overlay layers, and what differs between two stacks.

A layer is the upper directory of an overlay mount: whiteouts (character device 0:0) hide a name below,
the xattr `overlay.opaque` hides all that a directory had below (Documentation/filesystems/overlayfs.rst).
"""

from __future__ import annotations

import filecmp
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

from validator import process

ChangeKind = Literal["added", "removed", "type", "content", "metadata", "touched"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One path of a host as its layers hold it. `link` is a symlink's target."""

    real: Path
    mode: int
    owner: int
    group: int
    size: int
    modified_ns: int
    device: int
    link: str
    xattrs: tuple[tuple[str, bytes], ...]

    @property
    def permissions(self) -> str:
        """Mode bits as people write them, e.g. `0644`."""
        return f"{stat.S_IMODE(self.mode):04o}"

    @property
    def is_file(self) -> bool:
        """Whether this is a regular file."""
        return stat.S_ISREG(self.mode)

    @property
    def is_directory(self) -> bool:
        """Whether this is a directory."""
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One path that differs. `touched` means rewritten with the same content; `before`/`after` are absent sides."""

    path: str
    kind: ChangeKind
    before: Entry | None
    after: Entry | None

    def aspects(self) -> tuple[str, ...]:
        """Which properties differ besides content: mode, owner, group, xattrs."""
        if self.before is None or self.after is None:
            return ()
        pairs = (
            ("mode", self.before.permissions, self.after.permissions),
            ("owner", self.before.owner, self.after.owner),
            ("group", self.before.group, self.after.group),
            ("xattrs", self.before.xattrs, self.after.xattrs),
        )
        return tuple(name for name, old, new in pairs if old != new)


@dataclass(frozen=True)
class Stack:
    """Layers, the topmost first, the base image last."""

    layers: tuple[Path, ...]
    _directories: dict[tuple[Path, str], str] = field(default_factory=dict, compare=False, repr=False)

    def entry(self, path: str) -> Entry | None:
        """What the host sees at a path (relative to its root), or None."""
        for layer in self.layers:
            state = self._parents(layer, str(Path(path).parent))
            if state == "hidden":
                return None
            if state != "absent":
                try:
                    found = os.lstat(layer / path)
                except (FileNotFoundError, NotADirectoryError):
                    pass
                else:
                    return None if _is_whiteout(found) else _entry(layer / path, found)
            if state == "opaque":
                return None
        return None

    def below(self, path: str) -> Iterator[str]:
        """Every path that the host sees below a directory."""
        for name in sorted(self._names(path)):
            child = f"{path}/{name}".lstrip("/")
            entry = self.entry(child)
            if entry is not None:
                yield child
                if entry.is_directory:
                    yield from self.below(child)

    def _names(self, path: str) -> set[str]:
        names: set[str] = set()
        for layer in self.layers:
            state = self._parents(layer, path)
            if state in {"hidden", "absent"}:
                if state == "hidden":
                    break
                continue
            names.update(os.listdir(layer / path))  # noqa: PTH208 - names only, in the thousands
            if state == "opaque":
                break
        return names

    def _parents(self, layer: Path, directory: str) -> str:
        """What a layer says of a directory: `present`, `absent`, `opaque` (present, hides below) or `hidden`."""
        if directory in {".", "", "/"}:
            return "present"
        known = self._directories.get((layer, directory))
        if known is None:
            known = self._look(layer, directory)
            self._directories[layer, directory] = known
        return known

    def _look(self, layer: Path, directory: str) -> str:
        above = self._parents(layer, str(Path(directory).parent))
        if above in {"hidden", "absent"}:
            return above
        try:
            found = os.lstat(layer / directory)
        except (FileNotFoundError, NotADirectoryError):
            return "hidden" if above == "opaque" else "absent"
        if not stat.S_ISDIR(found.st_mode):
            return "hidden"
        return "opaque" if above == "opaque" or _is_opaque(layer / directory) else "present"


def changes(before: Stack, after: Stack, *, leave_out: Callable[[str], bool] = lambda _: False) -> Iterator[Change]:
    """Every path that differs between two stacks, in order of path, but for those that `leave_out` names.

    Costs a walk of the layers that the two do not share, and a comparison of what they hold twice.
    """
    shared = set(before.layers) & set(after.layers)
    candidates: set[str] = set()
    for layer in (*before.layers, *after.layers):
        if layer not in shared:
            candidates.update(_paths_of(layer))
    for path in tuple(candidates):
        candidates.update(_hidden_below(path, before, after))
    for path in sorted(candidates):
        if leave_out(path):
            continue
        change = _compare(path, before.entry(path), after.entry(path))
        if change is not None:
            yield change


def put_back(paths: Iterable[str], before: Stack, now: Stack, layer: Path) -> None:
    """Make a layer that, on top of `now`, shows `paths` (absolute) as they are in `before`. Directories stay."""
    layer.mkdir()
    for path in sorted(paths):
        name = path.lstrip("/")
        old, new = before.entry(name), now.entry(name)
        if (old is not None and old.is_directory) or (new is not None and new.is_directory):
            continue
        _make_parents(name, now if new is not None else before, layer)
        target = layer / name
        if old is not None:
            copy = ("cp", "-a", "--sparse=always", str(old.real), str(target))
            process.run(process.Command(argv=copy, label="putting a path back"))
        elif new is not None:
            os.mknod(target, stat.S_IFCHR, 0)


def _make_parents(path: str, like: Stack, layer: Path) -> None:
    for parent in reversed(Path(path).parents[:-1]):
        entry = like.entry(str(parent))
        target = layer / parent
        if not target.exists():
            target.mkdir()
            if entry is not None:
                os.chown(target, entry.owner, entry.group)
                target.chmod(stat.S_IMODE(entry.mode))


def _hidden_below(path: str, before: Stack, after: Stack) -> Iterator[str]:
    """Paths that a whiteout, an opaque directory or a change of type takes away or brings back."""
    old, new = before.entry(path), after.entry(path)
    old_is_directory = old is not None and old.is_directory
    new_is_directory = new is not None and new.is_directory
    opaque = any(_is_opaque(layer / path) for layer in (*before.layers, *after.layers) if (layer / path).is_dir())
    if old_is_directory and (opaque or not new_is_directory):
        yield from before.below(path)
    if new_is_directory and (opaque or not old_is_directory):
        yield from after.below(path)


def _paths_of(layer: Path) -> Iterator[str]:
    start = len(str(layer)) + 1
    for root, directories, files in os.walk(layer):
        for name in (*directories, *files):
            yield f"{root}/{name}"[start:]


def _compare(path: str, old: Entry | None, new: Entry | None) -> Change | None:
    kind = _kind(old, new)
    return None if kind is None else Change(path=path, kind=kind, before=old, after=new)


def _kind(old: Entry | None, new: Entry | None) -> ChangeKind | None:
    if old is None or new is None:
        return "added" if new is not None else "removed" if old is not None else None
    if stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode) or old.device != new.device:
        return "type"
    if not _same_content(old, new):
        return "content"
    if (old.mode, old.owner, old.group, old.xattrs) != (new.mode, new.owner, new.group, new.xattrs):
        return "metadata"
    if stat.S_ISREG(new.mode) and old.modified_ns != new.modified_ns:
        return "touched"
    return None


def _same_content(old: Entry, new: Entry) -> bool:
    if stat.S_ISLNK(new.mode):
        return old.link == new.link
    if not stat.S_ISREG(new.mode) or old.real == new.real:
        return True
    return old.size == new.size and filecmp.cmp(old.real, new.real, shallow=False)


def _entry(real: Path, found: os.stat_result) -> Entry:
    return Entry(
        real=real,
        mode=found.st_mode,
        owner=found.st_uid,
        group=found.st_gid,
        size=found.st_size,
        modified_ns=found.st_mtime_ns,
        device=found.st_rdev,
        link=str(real.readlink()) if stat.S_ISLNK(found.st_mode) else "",
        xattrs=_xattrs(real),
    )


def _is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


@lru_cache(maxsize=65536)
def _is_opaque(path: Path) -> bool:
    for space in ("user", "trusted"):
        try:
            if os.getxattr(path, f"{space}.overlay.opaque", follow_symlinks=False) == b"y":
                return True
        except OSError:
            continue
    return False


def _xattrs(path: Path) -> tuple[tuple[str, bytes], ...]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return tuple(
            (name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names) if ".overlay." not in name
        )
    except OSError:
        return ()
