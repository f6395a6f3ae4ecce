"""What a cell is by content; kept results are used again only when whole and of exactly that."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.host.lab import write_scenario
from tests.unit import builders
from tests.unit.matrices import at, cells_of, empty_cache, write_matrix
from validator.errors import ImageError, UsageError
from validator.host import rootfs
from validator.host.cache import Cache
from validator.matrix import declared, identity, kept, since
from validator.matrix.identity import Identity
from validator.verdict import judge

DAY = date(2026, 1, 1)
WAIVER = {"rule": "agreement.path", "reason": "r", "owner": "o", "expires": date(2026, 1, 1)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_matrix(tmp_path / "scenarios", "scenarios: ['*']\n")
    return tmp_path / "scenarios"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return empty_cache(tmp_path / "cache")


def identify(root: Path, cache: Cache, day: date = DAY) -> Identity:
    found = cells_of(root / "matrix.yml")
    return identity.of_all(found.values(), cache, day)["shop@own+default"]


def edit(root: Path, file: str, text: str) -> None:
    path = root / "shop" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def set_part(root: Path, **parts: Any) -> None:
    path = root / "shop" / "scenario.yml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**document, **parts}, sort_keys=False), encoding="utf-8")


CHANGES: dict[str, Callable[[Path], None]] = {
    "the old manifest": lambda root: edit(root, "old.pp", "notice('x')\n"),
    "the new manifest": lambda root: edit(root, "new.pp", "notice('x')\n"),
    "the tasks": lambda root: edit(root, "upgrade.yml", "- ansible.builtin.debug: {msg: y}\n"),
    "a file beside the tasks": lambda root: edit(root, "files/a", "a"),
    "the mode of a file": lambda root: (root / "shop" / "upgrade.yml").chmod(0o755),
    "a probe": lambda root: set_part(root, probes=[{"name": "p", "command": "true"}]),
    "a time limit": lambda root: set_part(root, host={"driver": "plain", "boot_timeout": 3}),
    "the budget of restarts": lambda root: set_part(root, restarts={"default": 2}),
    "a waiver": lambda root: set_part(root, waivers=[WAIVER]),
    "the title": lambda root: set_part(root, title="another one"),
    "the packages": lambda root: set_part(root, image={"packages": ["puppet-agent", "jq"]}),
    "a variable of the variant": lambda root: edit(
        root, "../matrix.yml", "scenarios: ['*']\nvariants: {default: {vars: {a: 1}}}\n"
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_the_author_changes_makes_another_cell(what: str, root: Path, cache: Cache) -> None:
    before = identify(root, cache)
    assert identify(root, cache) == before
    CHANGES[what](root)
    assert identify(root, cache).inputs != before.inputs


def test_where_the_files_lie_says_nothing(root: Path, tmp_path: Path, cache: Cache) -> None:
    elsewhere = tmp_path / "elsewhere" / "deep"
    elsewhere.parent.mkdir()
    before = identify(root, cache)
    root.rename(elsewhere)
    assert identify(elsewhere, cache) == before


def test_a_waiver_that_has_ended_makes_another_cell(root: Path, cache: Cache) -> None:
    set_part(root, waivers=[WAIVER])
    first, last, after = (identify(root, cache, date(2026, 1, day)) for day in (1, 1, 2))
    assert first == last
    assert after.inputs != first.inputs


def test_a_root_file_system_is_known_by_its_content(tmp_path: Path) -> None:
    def made(name: str, mode: int = 0o644) -> Path:
        place = tmp_path / name
        (place / "etc").mkdir(parents=True)
        (place / "etc" / "a").write_text("a", encoding="utf-8")
        (place / "etc" / "a").chmod(mode)
        (place / "link").symlink_to("etc/a")
        return place

    one, same, mode, link = made("one"), made("same"), made("mode", 0o600), made("link")
    (link / "link").unlink()
    (link / "link").symlink_to("etc/b")
    assert rootfs.digest(one) == rootfs.digest(same)
    assert len({rootfs.digest(each) for each in (one, mode, link)}) == 3


def test_nothing_is_written_through_a_link_out_of_an_image(tmp_path: Path) -> None:
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "etc" / "facter").symlink_to(tmp_path / "outside")
    with pytest.raises(ImageError, match="/etc/facter is a link"):
        rootfs.within(tmp_path / "root", tmp_path / "root" / "etc" / "facter" / "facter.conf")


ABOUT = Identity(inputs="i" * 64, plan="d", images=("image",), states=(), services=False)
FACTS: dict[str, object] = {"kernel": "6", "images": {"image": 1.5}}


def keep(cache: Cache, *, about: Identity = ABOUT, expect: str = "converged", **changes: Any) -> Path:
    run = replace(builders.healthy(), **changes)
    return kept.keep(cache, at(expect=expect), about, FACTS, run, judged=judge(run))


def test_a_kept_result_is_used_again(cache: Cache) -> None:
    path = keep(cache)
    found = kept.recall(cache, at(), ABOUT, FACTS)
    assert found is not None
    assert (found.result.verdict, found.result.records) == ("converged", (str(path),))


def damaged(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a record that is cut off": lambda path: damaged(path / "record.json", lambda text: text[:-9]),
    "a record that is empty": lambda path: damaged(path / "record.json", lambda _: b""),
    "a verdict that was edited": lambda path: damaged(
        path / "record.json", lambda text: text.replace(b'"changes":', b'"changes" :', 1)
    ),
    "no record": lambda path: (path / "record.json").unlink(),
    "a note that is cut off": lambda path: damaged(path / "about.json", lambda text: text[:-9]),
    "a note of something else": lambda path: damaged(path / "about.json", lambda _: b"[]"),
    "no note": lambda path: (path / "about.json").unlink(),
    "another cell": lambda path: damaged(path / "about.json", lambda text: text.replace(b"shop@", b"shup@")),
    "other inputs": lambda path: damaged(path / "about.json", lambda text: text.replace(b"iiii", b"jjjj")),
    "another kernel": lambda path: damaged(path / "about.json", lambda text: text.replace(b'"6"', b'"7"')),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_kept_result_that_is_not_whole_is_not_there_and_is_made_anew(what: str, cache: Cache) -> None:
    path = keep(cache).parent
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    DAMAGES[what](path)
    assert {file.name: file.read_bytes() for file in path.iterdir()} != before
    assert kept.recall(cache, at(), ABOUT, FACTS) is None
    keep(cache)
    assert kept.recall(cache, at(), ABOUT, FACTS) is not None


def test_a_kept_result_is_of_its_inputs_and_facts_only(cache: Cache) -> None:
    keep(cache)
    assert kept.recall(cache, at(), replace(ABOUT, inputs="j" * 64), FACTS) is None
    assert kept.recall(cache, at(), replace(ABOUT, plan="another"), FACTS) is None
    assert kept.recall(cache, at(), ABOUT, {**FACTS, "kernel": "7"}) is None
    assert kept.recall(cache, at(), ABOUT, {**FACTS, "images": {"image": 2.5}}) is None
    assert kept.recall(cache, at(), ABOUT, None) is None


def test_what_proved_nothing_is_kept_to_be_looked_at_and_run_again(cache: Cache) -> None:
    path = keep(cache, phases=builders.healthy().phases[:2])
    assert path.exists()
    assert kept.recall(cache, at(), ABOUT, FACTS) is None
    path = keep(cache, phases=builders.healthy().phases[:2], expect="inconclusive")
    assert kept.recall(cache, at(expect="inconclusive"), ABOUT, FACTS) is not None


def test_facts_hold_as_long_as_the_image_is_the_same_one(root: Path, cache: Cache) -> None:
    about = identify(root, cache)
    assert identity.facts(about, cache) is None, "an image that is not there may become another one"
    place = cache.image(about.images[0])
    place.mkdir()
    cache.describe(place, about="one")
    first = identity.facts(about, cache)
    assert first is not None
    assert {"validator", "code", "kernel", "machine", "python", "ansible-core", "ansible"} <= set(first)
    cache.describe(place, about="built anew")
    assert identity.facts(about, cache) != first


def git(directory: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.test")
    done = subprocess.run(
        ["/usr/bin/env", "git", *who, *arguments], cwd=directory, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(root: Path) -> Path:
    """The scenarios `shop` and `other` below a repository's top, committed."""
    write_scenario(root / "other")
    common = root.parent / "common"
    common.mkdir()
    (common / "hiera.yaml").write_text("version: 5\nhierarchy: []\n", encoding="utf-8")
    set_part(root, new={"manifest": "new.pp", "modules": [], "hiera": "../../common/hiera.yaml"})
    (root.parent / ".gitignore").write_text("cache\n", encoding="utf-8")
    git(root.parent, "init", "--quiet")
    git(root.parent, "add", ".")
    git(root.parent, "commit", "--quiet", "--message=first")
    return root


def changed(root: Path, cache: Cache, revision: str = "HEAD") -> set[str]:
    matrix = declared.read(root / "matrix.yml")
    found = cells_of(root / "matrix.yml")
    identities = identity.of_all(found.values(), cache, DAY)
    identified = tuple((cell, identities[name]) for name, cell in found.items())
    return {name.partition("@")[0] for name in since.changed(matrix, identified, revision, cache, DAY)}


def test_nothing_is_changed_by_a_fresh_look(repository: Path, cache: Cache) -> None:
    assert changed(repository, cache) == set()


def test_cells_are_changed_by_what_is_in_their_files(repository: Path, cache: Cache) -> None:
    before = git(repository, "status", "--porcelain")
    edit(repository, "upgrade.yml", "- ansible.builtin.debug: {msg: y}\n")
    assert changed(repository, cache) == {"shop"}
    git(repository, "commit", "--quiet", "--all", "--message=second")
    assert changed(repository, cache) == set()
    assert changed(repository, cache, "HEAD~1") == {"shop"}
    assert git(repository, "status", "--porcelain") == before
    assert git(repository, "worktree", "list").count("\n") == 0


def test_a_file_that_is_used_from_elsewhere_counts_and_one_that_is_not_does_not(repository: Path, cache: Cache) -> None:
    (repository.parent / "README").write_text("new\n", encoding="utf-8")
    assert changed(repository, cache) == set()
    (repository.parent / "common" / "more.yaml").write_text("a: 1\n", encoding="utf-8")
    assert changed(repository, cache) == {"shop"}, "a new file beside the hiera.yaml that shop uses"


def test_modes_that_git_does_not_know_are_no_change(repository: Path, cache: Cache) -> None:
    (repository / "shop" / "upgrade.yml").chmod(0o600)
    assert changed(repository, cache) == set()
    (repository / "shop" / "upgrade.yml").chmod(0o755)
    assert changed(repository, cache) == {"shop"}


def test_what_is_expected_and_what_is_new_counts(repository: Path, cache: Cache) -> None:
    text = "scenarios: ['*']\nexpect: [{scenario: other, verdict: diverged}]\n"
    (repository / "matrix.yml").write_text(text, encoding="utf-8")
    assert changed(repository, cache) == {"other"}
    write_scenario(repository / "third")
    assert changed(repository, cache) == {"other", "third"}


def test_cells_that_could_not_be_loaded_before_are_changed(repository: Path, cache: Cache) -> None:
    good = (repository / "shop" / "scenario.yml").read_text(encoding="utf-8")
    edit(repository, "scenario.yml", "title: 3\n")
    git(repository, "commit", "--quiet", "--all", "--message=broken")
    edit(repository, "scenario.yml", good)
    assert changed(repository, cache) == {"shop"}
    git(repository, "rm", "--quiet", "--cached", "matrix.yml")
    git(repository, "commit", "--quiet", "--message=without a matrix")
    assert changed(repository, cache) == {"shop", "other"}


@pytest.mark.parametrize("revision", ["nope", "--all", ""])
def test_a_revision_that_is_none_is_refused(revision: str, repository: Path, cache: Cache) -> None:
    with pytest.raises(UsageError):
        changed(repository, cache, revision)


def test_the_note_of_a_result_is_readable(cache: Cache) -> None:
    about = json.loads((keep(cache).parent / "about.json").read_text(encoding="utf-8"))
    assert (about["about"], about["cell"]) == ("result of shop@own+default", "shop@own+default")
    assert [each.about for each in cache.kept()] == ["result of shop@own+default"]
