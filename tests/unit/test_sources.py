"""Which files a scenario consists of, and what a change of one of them touches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.host.lab import write_scenario
from validator import sources
from validator.inputs import stage_release, stage_upgrade
from validator.scenario import load

EARLY, LATE = "early", "late"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """All in one directory, but for Hiera and modules."""
    directory = write_scenario(tmp_path / "shop", new_release={"hiera": "hiera/hiera.yaml", "modules_path": ["own"]})
    for name in ("hiera/hiera.yaml", "hiera/data/common.yaml", "own/shop/manifests/init.pp", "files/motd"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("{}\n", encoding="utf-8")
    return directory


def roots(directory: Path) -> list[Path]:
    return [source.path for source in sources.of(load.load(directory))]


def test_whatever_is_copied_is_watched(scenario: Path, tmp_path: Path) -> None:
    loaded = load.load(scenario)
    stage_release(loaded.scenario.old, tmp_path / "old", "old")
    stage_release(loaded.scenario.new, tmp_path / "new", "new")
    stage_upgrade(loaded.scenario.upgrade, tmp_path / "upgrade", "upgrade")
    made = {".validate-tasks.yml", "variables.json"}
    copied = {
        path.name
        for part in ("old", "new", "upgrade")
        for path in (tmp_path / part).rglob("*")
        if path.is_file() and path.name not in made
    }
    watched = {path.name for path in sources.look(roots(scenario))}
    assert copied <= watched
    assert {"motd", "init.pp", "common.yaml", "scenario.yml", "old.pp"} <= watched


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("new.pp", LATE),
        ("hiera/data/common.yaml", LATE),
        ("own/shop/manifests/init.pp", LATE),
        ("old.pp", EARLY),
        ("upgrade.yml", EARLY),
        ("files/motd", EARLY),
    ],
)
def test_only_what_the_new_release_alone_is_made_of_comes_after_the_tasks(
    name: str,
    when: str,
    scenario: Path,
) -> None:
    loaded = load.load(scenario)
    before = sources.look(roots(scenario))
    with (scenario / name).open("a", encoding="utf-8") as file:
        file.write("# more\n")
    changed = sources.changed(before, sources.look(roots(scenario), before))
    assert changed == {scenario / name}
    assert sources.only_new(changed, loaded, loaded) == (when == LATE)


def test_a_directory_that_both_releases_share_is_the_earlier_ones(tmp_path: Path) -> None:
    (tmp_path / "hiera.yaml").write_text("{}\n", encoding="utf-8")
    shared = {"hiera": "../hiera.yaml"}
    loaded = load.load(write_scenario(tmp_path / "shop", old_release=shared, new_release=shared))
    assert not sources.only_new([tmp_path / "hiera.yaml"], loaded, loaded)


@pytest.mark.parametrize(
    ("parts", "when"),
    [
        ({"title": "another"}, LATE),
        ({"restarts": {"default": 2}}, LATE),
        ({"new_release": {"facts": {"site": "north"}}}, LATE),
        ({"old_release": {"facts": {"site": "north"}}}, EARLY),
        ({"upgrade": {"tasks": "upgrade.yml", "vars": {"a": 1}}}, EARLY),
        ({"noise": [{"path": "/etc/x", "reason": "r"}]}, EARLY),
    ],
)
def test_of_the_scenario_file_it_depends_on_what_is_said(parts: dict[str, Any], when: str, tmp_path: Path) -> None:
    before = load.load(write_scenario(tmp_path / "shop"))
    after = load.load(write_scenario(tmp_path / "shop", **parts))
    assert sources.only_new([before.file.resolve()], before, after) == (when == LATE)


def test_what_is_as_it_was_has_not_changed(scenario: Path) -> None:
    watched = roots(scenario)
    before = sources.look(watched)
    text = (scenario / "new.pp").read_text(encoding="utf-8")
    (scenario / "new.pp").unlink()
    assert sources.changed(before, sources.look(watched, before)) == {scenario / "new.pp"}
    (scenario / "new.pp").write_text(text, encoding="utf-8")
    os.utime(scenario / "old.pp", (0, 0))
    (scenario / ".new.pp.swp").write_text("an editor's", encoding="utf-8")
    (scenario / "new.pp~").write_text("an editor's", encoding="utf-8")
    assert sources.changed(before, sources.look(watched, before)) == frozenset()
    (scenario / "new.pp").chmod(0o600)
    assert sources.changed(before, sources.look(watched, before)) == {scenario / "new.pp"}


def test_of_a_variant_both_files_and_the_fault_are_watched(scenario: Path) -> None:
    variant = scenario.parent / "variant"
    variant.mkdir()
    (variant / "scenario.yml").write_text("extends: ../shop\ntitle: t\nfault: fault.yml\n", encoding="utf-8")
    (variant / "fault.yml").write_text("- command: 'true'\n", encoding="utf-8")
    watched = set(sources.look(roots(variant)))
    assert {variant / "scenario.yml", variant / "fault.yml", scenario / "scenario.yml"} <= watched
