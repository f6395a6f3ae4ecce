"""A scenario file: every mistake at once, with its place; and a template that is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from validator.errors import ScenarioError, UsageError
from validator.scenario import load, template
from validator.scenario.model import schema

GOOD = """\
title: t
image: {suite: bookworm, packages: [puppet-agent]}
host: {driver: plain}
old: {manifest: old.pp}
upgrade: {tasks: tasks.yml}
new: {manifest: new.pp}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("old.pp", "new.pp"):
        (tmp_path / name).write_text("", encoding="utf-8")
    (tmp_path / "tasks.yml").write_text("- ansible.builtin.debug: {msg: x}\n", encoding="utf-8")
    return tmp_path


def problems(directory: Path, text: str) -> list[str]:
    (directory / "scenario.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load.load(directory)
    prefix = f"{directory}/"
    return [str(problem).removeprefix(prefix) for problem in sorted(caught.value.problems)]


def test_a_good_one_loads_with_its_paths_resolved(directory: Path) -> None:
    (directory / "scenario.yml").write_text(GOOD, encoding="utf-8")
    loaded = load.load(directory)
    assert loaded.scenario.old.manifest == (directory / "old.pp").resolve()
    assert loaded.name == directory.name


def test_all_mistakes_come_at_once_each_with_its_place(directory: Path) -> None:
    text = """\
title: t
image: {suite: bookworm, pakages: []}
hots: {}
old: {manifest: gone.pp, steps: [one]}
new: {manifest: 3}
upgrade: {}
probes:
- {name: a, command: b, exit: "0"}
"""
    assert problems(directory, text) == [
        "scenario.yml:2:26: image.pakages: unknown key; did you mean `packages`?",
        "scenario.yml:3:1: hots: unknown key; did you mean `host`?",
        f"scenario.yml:4:7: old.manifest: there is no file or directory {directory}/gone.pp",
        "scenario.yml:4:34: old.steps.0: input should be a valid integer (it is 'one')",
        "scenario.yml:5:7: new.manifest: a path is wanted, as a string",
        "scenario.yml:6:1: upgrade: name one of `playbook`, `tasks` or `tripleo`",
        "scenario.yml:8:25: probes.0.exit: input should be a valid integer (it is '0')",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1\n", "scenario.yml:2:1: did not find expected ',' or ']'"),
        ("", "scenario.yml:1:1: the file is empty"),
        (
            "title: a\ntitle: b\n",
            "scenario.yml:2:1: title: this key stands twice; YAML would silently keep the last one",
        ),
        (
            GOOD + "services: [a.service]\n",
            "scenario.yml:7:1: services: a plain host has no services; use `host.driver: systemd`",
        ),
    ],
)
def test_single_mistakes(directory: Path, text: str, expected: str) -> None:
    assert problems(directory, text)[0] == expected


def test_an_empty_task_list_would_upgrade_nothing(directory: Path) -> None:
    (directory / "tasks.yml").write_text("[]\n", encoding="utf-8")
    assert problems(directory, GOOD) == ["tasks.yml:1:1: there are no tasks in it: nothing would be upgraded"]


def test_a_play_under_tasks_is_named(directory: Path) -> None:
    (directory / "tasks.yml").write_text("- hosts: all\n  tasks: []\n", encoding="utf-8")
    assert problems(directory, GOOD) == ["tasks.yml:1:3: 0: this is a play, not a task: name the file under `playbook`"]


def test_a_variant_names_its_scenario_and_its_fault(directory: Path, tmp_path: Path) -> None:
    (directory / "scenario.yml").write_text(GOOD, encoding="utf-8")
    variant = tmp_path / "variant"
    variant.mkdir()
    (variant / "fault.yml").write_text("- ansible.builtin.debug: {msg: x}\n", encoding="utf-8")
    (variant / "scenario.yml").write_text("extends: ..\ntitle: v\nfault: fault.yml\n", encoding="utf-8")
    loaded = load.load(variant)
    assert loaded.name == f"{directory.name}/variant"
    assert loaded.fault == (variant / "fault.yml").resolve()


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no scenario"):
        load.find("nothing", tmp_path)


def test_the_template_is_right_and_never_overwrites(tmp_path: Path) -> None:
    directory = template.write(tmp_path, "shop")
    assert load.load(directory).title == "shop from version 1 to version 2"
    with pytest.raises(UsageError, match="is there already"):
        template.write(tmp_path, "shop")
    with pytest.raises(UsageError, match="no good name"):
        template.write(tmp_path, "../x")


def test_the_schema_knows_every_key() -> None:
    parts = schema()["$defs"]
    assert isinstance(parts, dict)
    wanted = {"title", "image", "host", "services", "old", "upgrade", "new", "probes", "noise"}
    wanted |= {"waivers", "expect", "restarts", "checks"}
    assert set(parts["Scenario"]["properties"]) == wanted
    assert set(parts["Variant"]["properties"]) == {"extends", "title", "fault"}
