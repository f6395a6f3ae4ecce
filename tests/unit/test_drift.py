"""Drift as data: every patch leads from what is to what should be."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import jsonpatch
import pytest
from pydantic import JsonValue

from tests.unit import builders as make
from validator import drift
from validator.drift import Digests, Drift
from validator.host.layer import Stack
from validator.record import (
    Agreement,
    Catalog,
    CatalogResource,
    Content,
    PathChange,
    Place,
    Resource,
    Run,
    Side,
)
from validator.redact import MARK, Redactor
from validator.sensitive import hidden
from validator.verdict import judge
from validator.witness import disk, trees

FILE = Side(kind="file", mode="0644", owner=0, group=0, size=1, modified=1.0, digest="a" * 64)
OTHER = replace(FILE, mode="0640", group=33, digest="b" * 64)


def converged_by(*changes: PathChange, notable: tuple[Resource, ...] = (), compiled: Catalog | None = None) -> Run:
    """A run in which Puppet changed these paths on disk."""
    applied = make.applied("t3", *notable, compiled=compiled)
    return make.with_phase(make.healthy(), replace(make.phase("converge", applied), disk=make.disk(*changes)))


def compared(*changes: PathChange) -> Run:
    """A run whose host differs from a fresh one; the changes lead from there to it."""
    return replace(make.healthy(), agreement=Agreement(disk=make.disk(*changes), fresh_units=(), upgraded_units=()))


def applied(tree: JsonValue, patch: tuple[dict[str, JsonValue], ...] | None) -> JsonValue:
    assert patch is not None
    made: JsonValue = jsonpatch.apply_patch(copy.deepcopy(tree), list(patch))
    return made


def layer(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    root.mkdir(exist_ok=True)
    return root


# What is, and what should be, of one path each.
FILES: dict[str, tuple[bytes | None, bytes | None]] = {
    "etc/nova/nova.conf": (
        b"[DEFAULT]\ndebug = true\nlist = a\nlist = b\ngone = 1\n[old]\nx = 1\n",
        b"[DEFAULT]\ndebug = false\nlist = b\nlist = c\nlist = d\n[a/b~c]\n/v2~x = 1\n",
    ),
    "etc/site.yaml": (b"a: {b: [1, {c: 2}]}\n/etc/x~y: 1\n", b"a: {b: [1, {c: 3}], d: null}\n80: on\n"),
    "etc/site.json": (b'{"a": {"b/c": [1]}}', b'{"a": {"b/c": [1, true]}, "": {"~": 0}}'),
    "etc/motd": (b"one\ntwo\nthree\n", b"zero\none\n\ntwo and a half\nthree"),
    "etc/leftover": (b"left\n", None),
    "etc/missing.conf": (None, b"[a]\nb = 1\n"),
    "etc/missing": (None, b"a text\n"),
    "etc/becomes-text": (b"[a]\nb = 1\n", b"broken {\n"),
    "etc/binary": (b"\0is", b"\0should"),
}


def sides(tmp_path: Path) -> tuple[Stack, Stack]:
    base = layer(tmp_path / "base", {})
    is_ = layer(tmp_path / "is", {path: was for path, (was, _) in FILES.items() if was is not None})
    should = layer(tmp_path / "should", {path: wanted for path, (_, wanted) in FILES.items() if wanted is not None})
    return Stack((is_, base)), Stack((should, base))


@pytest.mark.parametrize("where", ["converge", "fresh"])
def test_every_patch_leads_from_what_is_to_what_should_be(tmp_path: Path, where: str) -> None:
    is_, should = sides(tmp_path)
    if where == "converge":
        seen = disk.observe(is_, should, Redactor())
        run = make.with_phase(make.healthy(), replace(make.phase("converge", make.applied("t3")), disk=seen))
    else:
        seen = disk.observe(should, is_, Redactor(), both_ways=True)
        run = replace(make.healthy(), agreement=Agreement(disk=seen, fresh_units=(), upgraded_units=()))
    found = {each.path[1:]: each for each in drift.of(run)}
    assert found.keys() == FILES.keys()
    for path, (was, wanted) in FILES.items():
        each = found[path]
        assert each.phase == where
        assert each.kind == {(True, False): "added", (False, True): "removed"}.get(
            (was is None, wanted is None), "content"
        )
        assert applied(each.metadata.is_, each.metadata.patch) == each.metadata.should
        assert (each.metadata.is_ == {}, each.metadata.should == {}) == (was is None, wanted is None)
        if path == "etc/binary":
            assert (each.form, each.patch) == ("binary", None)
            assert each.digests is not None
            assert each.digests.is_ != each.digests.should
            continue
        assert each.form is not None
        assert each.digests is None
        old, new = (trees.tree_of(None if text is None else text.decode(), path, each.form) for text in (was, wanted))
        assert json.dumps(applied(old, each.patch), sort_keys=True) == json.dumps(new, sort_keys=True)


def one(run: Run) -> Drift:
    (found,) = drift.of(run)
    return found


CHANGED = PathChange(path="/etc/a", kind="content", aspects=("mode", "group"), before=FILE, after=OTHER)


def test_modes_and_owners_are_a_flat_tree() -> None:
    wanted = ({"op": "replace", "path": "/group", "value": 33}, {"op": "replace", "path": "/mode", "value": "0640"})
    forth, back = one(converged_by(CHANGED)), one(compared(CHANGED))
    assert forth.metadata.is_ == {"kind": "file", "mode": "0644", "owner": 0, "group": 0}
    assert forth.metadata.patch == wanted
    assert (back.metadata.is_, back.metadata.should) == (forth.metadata.should, forth.metadata.is_)
    assert [each["value"] for each in back.metadata.patch] == [0, "0644"]
    assert forth.aspects == back.aspects == ("mode", "group")


def test_a_link_and_its_target_are_in_the_tree() -> None:
    link = replace(FILE, kind="link", link="/etc/b", digest="")
    found = one(converged_by(PathChange(path="/etc/a", kind="type", before=FILE, after=link)))
    assert found.form is None
    assert applied(found.metadata.is_, found.metadata.patch) == {
        **found.metadata.is_,
        "kind": "link",
        "link": "/etc/b",
    }


def test_the_digests_of_a_binary_file_go_the_same_way() -> None:
    binary = replace(CHANGED, content=Content(form="binary"))
    assert one(converged_by(binary)).digests == Digests(is_="a" * 64, should="b" * 64)
    assert one(compared(binary)).digests == Digests(is_="b" * 64, should="a" * 64)
    gone = replace(binary, kind="added", before=None)
    assert one(compared(gone)).digests == Digests(is_="b" * 64, should=None)


def test_a_record_without_the_way_back_has_no_patch_and_none_is_made_up() -> None:
    patch: tuple[dict[str, JsonValue], ...] = ({"op": "replace", "path": "/a/b", "value": "upgraded"},)
    found = one(compared(replace(CHANGED, content=Content(form="ini", patch=patch))))
    assert (found.form, found.patch) == ("ini", None)


def test_what_was_written_again_and_what_means_the_same_on_a_fresh_host_is_no_drift() -> None:
    assert drift.of(converged_by(make.changed("/etc/a", "touched"))) == ()
    same = make.changed("/etc/a", content=Content(form="ini", diff="+# b", patch=(), back=()))
    assert drift.of(compared(same)) == ()
    # Puppet did write it.
    assert one(converged_by(same)).patch == ()


def test_both_runs_of_puppet_are_told_and_the_phases_before_are_not() -> None:
    run = make.healthy()
    for name in ("old", "upgrade", "converge", "again"):
        phase = run.phase(name)
        assert phase is not None
        run = make.with_phase(run, replace(phase, disk=make.disk(f"/etc/{name}")))
    assert [(each.phase, each.path) for each in drift.of(run)] == [
        ("converge", "/etc/converge"),
        ("again", "/etc/again"),
    ]
    assert judge(run).drift == drift.of(run)


def declared(*resources: tuple[str, dict[str, JsonValue]]) -> Catalog:
    return Catalog(
        version="1",
        resources=tuple(
            CatalogResource(ref=ref, declared_at=Place(file="new.pp", line=1), parameters=given)
            for ref, given in resources
        ),
        edges=(),
    )


def test_of_many_options_of_a_file_those_that_were_written_are_named() -> None:
    options: dict[str, dict[str, JsonValue]] = {
        f"Ini_setting[{name}]": {"path": "/etc/shop.ini", "section": "pool", "setting": name}
        for name in ("size", "max")
    }
    nova: tuple[str, dict[str, JsonValue]] = ("Nova_config[pool/size]", {})
    catalog = declared(("File[/etc/shop.ini]", {}), *options.items(), nova)
    patch: tuple[dict[str, JsonValue], ...] = ({"op": "replace", "path": "/pool/size", "value": "5"},)
    change = make.changed("/etc/shop.ini", content=Content(form="ini", patch=patch))
    notable = tuple(make.resource(ref, make.event("value"), changed=True) for ref in (*options, nova[0]))
    assert one(converged_by(change, notable=notable, compiled=catalog)).resources == ("Ini_setting[size]",)
    assert one(
        converged_by(replace(change, path="/etc/nova/nova.conf"), notable=notable, compiled=catalog)
    ).resources == ("Nova_config[pool/size]",)
    assert one(converged_by(change, compiled=catalog)).resources == ("File[/etc/shop.ini]",)
    assert one(converged_by(change, compiled=declared(*options.items()))).resources == ()
    assert one(converged_by(replace(change, path="/srv/x"), compiled=catalog)).resources == ()


def test_what_is_secret_stays_so(tmp_path: Path) -> None:
    base = layer(tmp_path / "base", {})
    texts = (b"[a]\npassword = old-secret-1\n", b"[a]\npassword = new-secret-2\n")
    lines = tuple(text.replace(b"[a]\n", b"") for text in texts)
    old, new = (
        Stack(
            (layer(tmp_path / str(n), {"etc/a": texts[n], "etc/b": lines[n], "etc/c": b"whole secret %d\n" % n}), base)
        )
        for n in (0, 1)
    )
    seen = disk.observe(old, new, Redactor(), both_ways=True)
    catalog = declared(("File[/etc/c]", {"content": MARK}))
    run = make.with_phase(
        make.healthy(), replace(make.phase("converge", make.applied("t3", compiled=catalog)), disk=seen)
    )
    run = hidden(replace(run, agreement=Agreement(disk=seen, fresh_units=(), upgraded_units=())))
    found = drift.of(run)
    assert [each.path for each in found] == ["/etc/a", "/etc/b", "/etc/c"] * 2
    shown = json.dumps([each.patch for each in found])
    assert "secret" not in shown
    assert shown.count(MARK) == 4
    assert [each.patch is None for each in found] == [False, False, True] * 2
    assert {each.digests for each in found} == {None}
