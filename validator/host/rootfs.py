"""A root file system of the user's own, a directory or a tarball: known by its content, copied into the cache."""

from __future__ import annotations

import hashlib
import os
import stat
from functools import cache
from pathlib import Path

from validator.errors import ImageError
from validator.host import cage

TIMEOUT = 3600.0
ABOUT_TAR = "Make the tarball from inside the tree: tar --numeric-owner --xattrs -C ROOTFS -cf rootfs.tar ."


@cache
def digest(source: Path) -> str:
    """What is in a tree (names, kinds, modes, owners, attributes, content) or in a tarball (its bytes).

    Looked at once in a process; `unpack` finds out what has changed since. Raises `ImageError`.
    """
    try:
        return _of_tree(source) if source.is_dir() else _of_file(source)
    except OSError as error:
        raise ImageError(f"{source} cannot be read: {error.strerror} ({error.filename})") from error


def unpack(source: Path, content: str, root: Path) -> None:
    """Bring it into the empty directory `root`. Raises `ImageError` when it is none, or not `content` any more."""
    if source.is_dir():
        argv = ["cp", "--archive", f"{source}/.", str(root)]
    else:
        argv = ["tar", "--extract", "--numeric-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*"]
        argv += [f"--directory={root}", f"--file={source}"]
    done = cage.run(argv, root.parent, label=f"copying {source}", timeout=TIMEOUT)
    if done.code != 0:
        said = "\n".join(f"  {line}" for line in done.errors.strip().splitlines()[-5:])
        raise ImageError(f"{source} cannot be unpacked (status {done.code}):\n{said}", hint=ABOUT_TAR)
    found = _of_tree(root) if source.is_dir() else _of_file(source)
    if found != content:
        raise ImageError(f"{source} was changed while it was copied", hint="Run the same command again.")
    if not (root / "etc").is_dir() or not any(os.path.lexists(root / name) for name in ("bin/sh", "usr/bin/sh")):
        raise ImageError(f"there is no root file system in {source}: it has no /etc, or no /bin/sh", hint=ABOUT_TAR)


def within(root: Path, path: Path) -> Path:
    """A path below `root` that may be written to. Raises `ImageError` when a link on the way could lead out of it."""
    for parent in path.parents:
        if parent == root:
            break
        if parent.is_symlink():
            raise ImageError(f"/{parent.relative_to(root)} is a link in the image; it has to be a directory")
    return path


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_tree(root: Path) -> str:
    total = hashlib.sha256()
    for directory, names, files in os.walk(root):
        names.sort()
        for name in sorted((*names, *files)):
            path = Path(directory, name)
            total.update(f"{path.relative_to(root)}\0{_about(path)}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _about(path: Path) -> str:
    seen = path.lstat()
    text = f"{seen.st_mode:o} {seen.st_uid}:{seen.st_gid} {_attributes(path)}"
    if stat.S_ISREG(seen.st_mode):
        return f"{text} {_of_file(path)}"
    if stat.S_ISLNK(seen.st_mode):
        return f"{text} {os.readlink(path)}"  # noqa: PTH115 - the text of the link, whether or not it leads anywhere
    return f"{text} {seen.st_rdev}"


def _attributes(path: Path) -> str:
    """Capabilities and the like. Not what overlays mark, which a copy does not carry along."""
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
        return " ".join(f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}" for name in names)
    except OSError:
        return ""
