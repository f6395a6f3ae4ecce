"""`validate idempotence`: what changes something again is found, whatever the tools say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Validate
from tests.host.lab import NEW, TASKS, write_scenario

APPENDS = """\
- name: a note
  ansible.builtin.shell: echo noted >> /etc/notes
  changed_when: {changed}
"""
GUARD_WRITES = "exec { '/bin/true': unless => 'sh -c \"date +%N > /etc/guard\"', path => '/usr/bin:/bin' }\n"


def errors(result: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [(finding["rule"], finding["subject"]) for finding in result["findings"] if finding["severity"] == "error"]


@pytest.mark.parametrize(
    ("changed", "rules"),
    [
        ("true", [("idempotent.task", "a note")]),
        (
            "false",
            [("disk.task-said-ok", "a note"), ("disk.task-said-ok", "a note")],
        ),
    ],
)
def test_tasks_that_change_something_each_time(
    changed: str, rules: list[tuple[str, str]], validate: Validate, tmp_path: Path
) -> None:
    scenario = write_scenario(tmp_path / "s", tasks=TASKS + APPENDS.format(changed=changed))
    ran = validate("idempotence", scenario, "--upgrade", "--format", "json")
    assert (ran.result["verdict"], ran.code) == ("diverged", 1), ran.err
    assert sorted(errors(ran.result)) == sorted(rules)


def test_a_release_whose_guard_writes(validate: Validate, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path / "s", new=NEW + GUARD_WRITES)
    ran = validate("idempotence", scenario, "--format", "json")
    assert ran.code == 1, ran.out
    assert errors(ran.result)[0] == ("disk.unreported", "Exec[/bin/true]")
    assert validate("idempotence", scenario, "--release", "old", "--format", "json").code == 0


def test_a_release_that_cannot_be_deployed_says_nothing(validate: Validate, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path / "s", new="exec { '/bin/false': }\n")
    ran = validate("idempotence", scenario, "--format", "json")
    assert ran.code == 3, ran.out
    assert errors(ran.result)[0][0] == "fresh.failed"


def test_only_known_releases_and_whole_scenarios(validate: Validate, tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path / "s")
    assert validate("idempotence", scenario, "--release", "newest").code == 2
