"""Layers read without mounting them: whiteouts, opaque directories and everything a phase can do to a path."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from validator.host.layer import Stack, changes, put_back


@pytest.fixture
def base(tmp_path: Path) -> Path:
    root = tmp_path / "base"
    (root / "etc/app/sub").mkdir(parents=True)
    (root / "etc/app/app.conf").write_text("a=1\n", encoding="utf-8")
    (root / "etc/app/sub/deep.conf").write_text("d\n", encoding="utf-8")
    (root / "etc/link").symlink_to("old")
    return root


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    layer = tmp_path / "upper"
    (layer / "etc/app").mkdir(parents=True)
    return layer


def whiteout(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))


def listed(base: Path, upper: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.path, each.kind, each.aspects()) for each in changes(Stack((base,)), Stack((upper, base)))]


def test_nothing_changed(base: Path, upper: Path) -> None:
    assert listed(base, upper) == []


def test_content_mode_and_addition(base: Path, upper: Path) -> None:
    (upper / "etc/app/app.conf").write_text("a=2\n", encoding="utf-8")
    (upper / "etc/app/app.conf").chmod(0o600)
    (upper / "etc/app/new").write_text("", encoding="utf-8")
    assert listed(base, upper) == [
        ("etc/app/app.conf", "content", ("mode",)),
        ("etc/app/new", "added", ()),
    ]


def test_same_bytes_written_again_are_touched(base: Path, upper: Path) -> None:
    (upper / "etc/app/app.conf").write_text("a=1\n", encoding="utf-8")
    os.utime(upper / "etc/app/app.conf", (1, 1))
    assert listed(base, upper) == [("etc/app/app.conf", "touched", ())]


def test_a_mode_alone_is_metadata(base: Path, upper: Path) -> None:
    (upper / "etc/app").chmod(0o700)
    assert listed(base, upper) == [("etc/app", "metadata", ("mode",))]


def test_a_removed_directory_takes_all_below_it(base: Path, upper: Path) -> None:
    whiteout(upper / "etc/app/sub")
    assert listed(base, upper) == [
        ("etc/app/sub", "removed", ()),
        ("etc/app/sub/deep.conf", "removed", ()),
    ]


def test_a_retargeted_link_and_a_file_in_place_of_a_directory(base: Path, upper: Path) -> None:
    (upper / "etc/link").symlink_to("new")
    (upper / "etc/app/sub").write_text("now a file", encoding="utf-8")
    assert listed(base, upper) == [
        ("etc/app/sub", "type", ("mode",)),
        ("etc/app/sub/deep.conf", "removed", ()),
        ("etc/link", "content", ()),
    ]


def test_an_opaque_directory_hides_what_was_below(base: Path, upper: Path) -> None:
    (upper / "etc/app/sub").mkdir()
    os.setxattr(upper / "etc/app/sub", "user.overlay.opaque", b"y")
    (upper / "etc/app/sub/other").write_text("", encoding="utf-8")
    assert listed(base, upper) == [
        ("etc/app/sub/deep.conf", "removed", ()),
        ("etc/app/sub/other", "added", ()),
    ]


def test_two_snapshots_of_one_host_differ_by_what_came_between(base: Path, upper: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    (later / "etc/app").mkdir(parents=True)
    (upper / "etc/app/first").write_text("1", encoding="utf-8")
    (later / "etc/app/first").write_text("1", encoding="utf-8")
    os.utime(later / "etc/app/first", ns=(0, (upper / "etc/app/first").stat().st_mtime_ns))
    whiteout(later / "etc/app/app.conf")
    found = [(each.path, each.kind) for each in changes(Stack((upper, base)), Stack((later, base)))]
    assert found == [("etc/app/app.conf", "removed")]


def test_paths_can_be_left_out(base: Path, upper: Path) -> None:
    (upper / "etc/app/new").write_text("", encoding="utf-8")
    left = changes(Stack((base,)), Stack((upper, base)), leave_out=lambda path: path.endswith("new"))
    assert list(left) == []


def test_paths_are_put_back_as_they_were(base: Path, upper: Path, tmp_path: Path) -> None:
    (upper / "etc/app/app.conf").write_text("a=2\n", encoding="utf-8")
    (upper / "etc/app/new.conf").write_text("n\n", encoding="utf-8")
    (upper / "etc/app").chmod(0o750)
    whiteout(upper / "etc/link")
    (upper / "etc/kept.conf").write_text("k\n", encoding="utf-8")
    before, now, layer = Stack((base,)), Stack((upper, base)), tmp_path / "back"
    put_back(("/etc/app/app.conf", "/etc/app/new.conf", "/etc/link"), before, now, layer)
    shown = Stack((layer, upper, base))
    assert [(each.path, each.kind) for each in changes(before, shown) if each.kind != "touched"] == [
        ("etc/app", "metadata"),
        ("etc/kept.conf", "added"),
    ]
    entry = shown.entry("etc/app")
    assert entry is not None
    assert entry.permissions == "0750"
