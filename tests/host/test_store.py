"""Layers in a shared store: everything that they hold comes back, and what is not whole is never used."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from validator.errors import UsageError
from validator.host.cache import Cache
from validator.host.store import Layer, RefusedError, Store

IMAGE = Layer(kind="images", name="own-1")
ALL, NOBODY = 7, 0xFFFFFFFF
# acl(5): the owner rwx, user 1234 rx, group rx, mask rwx, others none (tag, permissions, id).
ENTRIES = ((1, ALL, NOBODY), (2, 5, 1234), (4, 5, NOBODY), (16, ALL, NOBODY), (32, 0, NOBODY))
ACL = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in ENTRIES)
STATE = Layer(kind="states", name="old-1", image="own-1")


def a_cache(root: Path) -> Cache:
    for kind in ("images", "states", "hosts"):
        (root / kind).mkdir(parents=True)
    return Cache(root=root)


def fill(cache: Cache) -> None:
    """An image, and a state with everything that an overlay's upper directory may have."""
    with cache.making("images", "own-1") as unfinished:
        assert unfinished is not None
        (unfinished / "root").mkdir()
        cache.describe(unfinished, about="an image")
    with cache.making("states", "old-1") as unfinished:
        assert unfinished is not None
        up = unfinished / "up"
        (up / "etc").mkdir(parents=True)
        (up / "etc" / "shadow").write_text("secret\n", encoding="utf-8")
        (up / "etc" / "shadow").chmod(0o640)
        os.chown(up / "etc" / "shadow", 0, 42)
        os.utime(up / "etc" / "shadow", ns=(1, 1_234_567_890_123_456_789))
        os.link(up / "etc" / "shadow", up / "etc" / "shadow-")
        (up / "etc" / "link").symlink_to("/run/nowhere")
        os.setxattr(up / "etc", "user.overlay.opaque", b"y")
        (up / "bin").mkdir(mode=0o1777)
        (up / "bin" / "su").write_bytes(b"x")
        (up / "bin" / "su").chmod(0o4755)
        os.setxattr(up / "bin" / "su", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
        os.mknod(up / "bin" / "gone", stat.S_IFCHR, 0)
        os.mkfifo(up / "bin" / "pipe")
        (up / "name with\nnewline ü").write_text("", encoding="utf-8")
        os.setxattr(up / "etc", "system.posix_acl_access", ACL)
        with (up / "sparse").open("wb") as file:
            file.seek(64 << 20)
            file.write(b"end")
        (unfinished / "phase.json").write_text("{}", encoding="utf-8")
        cache.describe(unfinished, about="a state")


def seen(directory: Path) -> dict[str, tuple[object, ...]]:
    """All that can be said of what is below a directory."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(directory.rglob("*")):
        about = path.lstat()
        names = os.listxattr(path, follow_symlinks=False)
        found[str(path.relative_to(directory))] = (
            *(oct(about.st_mode), about.st_uid, about.st_gid, about.st_rdev, about.st_nlink, about.st_mtime_ns),
            {name: os.getxattr(path, name, follow_symlinks=False) for name in sorted(names)},
            hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(about.st_mode) else "",
            str(path.readlink()) if path.is_symlink() else "",
        )
    return found


@pytest.fixture
def filled(tmp_path: Path) -> Cache:
    cache = a_cache(tmp_path / "one")
    fill(cache)
    return cache


@pytest.fixture
def store(tmp_path: Path, filled: Cache) -> Store:
    found = Store(str(tmp_path / "store"))
    assert found.push(IMAGE, filled)
    assert found.push(STATE, filled)
    return found


def test_a_layer_comes_back_as_it_was(tmp_path: Path, filled: Cache, store: Store) -> None:
    other = a_cache(tmp_path / "two")
    assert store.fetch(STATE, other) == "missing", "nobody knows yet on which image it is to lie"
    assert [store.fetch(layer, other) for layer in (IMAGE, STATE)] == ["fetched", "fetched"]
    for layer in (IMAGE, STATE):
        assert seen(other.root / layer.kind / layer.name) == seen(filled.root / layer.kind / layer.name)
    assert (other.state("old-1") / "up" / "sparse").stat().st_blocks < 2048
    assert store.fetch(STATE, other) == "there"
    assert stat.S_IMODE((tmp_path / "store" / "states").stat().st_mode) == 0o700
    assert not store.push(STATE, other), "it is there"
    assert sorted(each.name for each in other.root.glob("*/.*.unfinished")) == []
    assert not list((other.root / "hosts").iterdir())


def test_a_state_is_not_used_on_another_image_of_the_same_name(tmp_path: Path, store: Store) -> None:
    other = a_cache(tmp_path / "two")
    with other.making("images", "own-1") as unfinished:
        assert unfinished is not None
        other.describe(unfinished, about="built on another day")
    assert store.fetch(STATE, other) == "missing"


def flip(archive: Path, _: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)


def truncate(archive: Path, _: Path) -> None:
    os.truncate(archive, archive.stat().st_size - 100)


def swap(archive: Path, note: Path) -> None:
    """The image's archive, with a note that fits its bytes."""
    foreign = next(archive.parent.with_name("images").glob("*.tar.gz")).read_bytes()
    archive.write_bytes(foreign)
    about = json.loads(note.read_text(encoding="utf-8"))
    about |= {"size": len(foreign), "sha256": hashlib.sha256(foreign).hexdigest()}
    note.write_text(json.dumps(about), encoding="utf-8")


def half_a_note(_: Path, note: Path) -> None:
    os.truncate(note, note.stat().st_size // 2)


def lead_away(_: Path, note: Path) -> None:
    about = json.loads(note.read_text(encoding="utf-8"))
    note.write_text(json.dumps({**about, "file": "../../../etc/passwd"}), encoding="utf-8")


@pytest.mark.parametrize("damage", [flip, truncate, swap, half_a_note, lead_away])
def test_what_is_damaged_or_foreign_is_refused_and_replaced(
    damage: Callable[[Path, Path], None], tmp_path: Path, filled: Cache, store: Store
) -> None:
    place = tmp_path / "store" / "states"
    damage(next(place.glob("*.tar.gz")), next(place.glob("*.json")))
    other = a_cache(tmp_path / "two")
    store.fetch(IMAGE, other)
    with pytest.raises(RefusedError):
        store.fetch(STATE, other)
    assert not STATE.is_in(other)
    assert {each.suffix for each in (other.root / "states").iterdir()} <= {".lock"}
    assert store.push(STATE, filled, replace=True)
    assert len(list(place.iterdir())) == 2, "the damaged one is removed"
    assert store.fetch(STATE, other) == "fetched"


def test_an_archive_without_a_note_is_not_there(tmp_path: Path, store: Store) -> None:
    next((tmp_path / "store" / "images").glob("*.json")).unlink()
    assert store.fetch(IMAGE, a_cache(tmp_path / "two")) == "missing"


def test_a_url_without_a_driver_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        Store("nonsense://bucket/layers")
