"""A scenario that is run again on every save: from what the save does not touch, and never two runs at once."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import usual
from tests.host.lab import NEW, OLD, TASKS, Lab
from tests.host.remains import Running, assert_nothing_left
from tests.host.terminal import Terminal
from validator.host import cgroup

ENDS = (signal.SIGKILL, signal.SIGHUP)
SLEEP = "/bin/sleep 3078"
WAITS = f"- name: wait for the test\n  ansible.builtin.command: {SLEEP}\n"


def cycles(running: Running) -> list[dict[str, Any]]:
    """The cycles so far, each a line of JSON."""
    return [json.loads(line) for line in running.out.read_text(encoding="utf-8").splitlines()]


def after(running: Running, number: int) -> dict[str, Any]:
    """The cycle with this number, which is the last one."""
    running.wait_until(lambda each: len(cycles(each)) >= number, seconds=300)
    cycle = cycles(running)[-1]
    assert cycle["cycle"] == number
    return cycle


def rules(cycle: dict[str, Any]) -> list[str]:
    return [each["rule"] for each in cycle["result"]["findings"] if each["severity"] == "error"]


def cached(cycle: dict[str, Any]) -> list[str]:
    return [phase["name"] for phase in cycle["result"]["phases"] if phase["cached"]]


def save(path: Path, text: str) -> None:
    """As editors do: another file, in several steps, under the old name."""
    path.with_name(f".{path.name}.swp").write_text("", encoding="utf-8")
    new = path.with_name(f"{path.name}~")
    new.write_text(text[:10], encoding="utf-8")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
    path.with_name(f".{path.name}.swp").unlink()


def is_asleep(running: Running) -> bool:
    return any(command.strip() == SLEEP for command in running.commands)


def test_a_save_is_answered_from_the_last_state_that_it_does_not_touch(lab: Lab) -> None:
    scenario, groups = lab.scenario(), set(cgroup.leftovers())
    with Running.start(lab.cache, scenario, "--format", "json", command="watch") as running:
        first = after(running, 1)
        assert (first["result"]["verdict"], first["provisional"], first["changed"]) == ("converged", False, [])
        assert cached(first) == ["old"]

        save(scenario / "new.pp", NEW.replace("0640", "0600"))
        second = after(running, 2)
        assert second["changed"] == [str(scenario / "new.pp")]
        assert (second["result"]["verdict"], second["provisional"]) == ("diverged", True)
        assert cached(second) == ["old", "upgrade"]
        assert second["result"]["records"] == [], "nobody may take it for a whole run later"
        assert [each["rule"] for each in second["new"] if each["severity"] == "error"] == ["converge.change"]
        assert second["upgraded_at"] < first["started"] + first["seconds"]

        save(scenario / "upgrade.yml", TASKS.replace("0640", "0600"))
        third = after(running, 3)
        assert (third["result"]["verdict"], third["provisional"]) == ("converged", False)
        assert cached(third) == ["old"], "the tasks were run"
        assert [each["rule"] for each in third["fixed"] if each["severity"] == "error"] == ["converge.change"]

        document = (scenario / "scenario.yml").read_text(encoding="utf-8")
        save(scenario / "scenario.yml", f"{document}probes: [\n")
        broken = after(running, 4)
        assert broken["result"] is None
        line = len(document.splitlines()) + 2
        assert broken["trouble"].startswith(f"{scenario}/scenario.yml:{line}:1: ")
        (scenario / "scenario.yml").unlink()
        assert "there is no scenario" in after(running, 5)["trouble"]
        save(scenario / "scenario.yml", document)
        running.wait_until(lambda each: "again as they were in cycle 3" in each.errors)

        save(scenario / "upgrade.yml", "- name: broken\n  ansible.builtin.fail:\n   msg: [\n")
        assert after(running, 6)["trouble"].startswith(f"{scenario}/upgrade.yml:4:1: ")
        assert running.send(signal.SIGINT) == 130
        running.assert_gone()
        assert running.errors.rstrip().endswith("interrupted (SIGINT); nothing is left behind")
    assert_nothing_left(lab.cache, groups)


def test_a_save_during_a_run_ends_that_run_and_leaves_nothing_of_it(lab: Lab) -> None:
    scenario = lab.scenario(tasks=TASKS + WAITS)
    with Running.start(lab.cache, scenario, "--format", "json", command="watch") as running:
        running.wait_until(is_asleep)
        seen = {each for each in running.seen if each.pid != running.child.pid}
        save(scenario / "upgrade.yml", TASKS)
        cycle = after(running, 1)
        assert [each for each in seen if each.alive] == []
        assert not is_asleep(running)
        assert cycle["changed"] == [str(scenario / "upgrade.yml")]
        assert cycle["result"]["verdict"] == "converged"
        assert list((lab.cache / "hosts").glob("[!w]*")) == [], "the host of the run that was ended"
        assert running.send(signal.SIGTERM) == 130
        running.assert_gone()


@pytest.mark.parametrize("number", usual.only({"SIGKILL"}, ENDS, lambda number: number.name))
def test_whatever_kills_it_during_a_run_leaves_nothing(number: signal.Signals, lab: Lab) -> None:
    with Running.start(lab.cache, lab.scenario(tasks=TASKS + WAITS), command="watch") as running:
        running.wait_until(is_asleep)
        assert running.groups
        assert running.send(number) == (-number if number == signal.SIGKILL else 130)
        running.assert_gone()


def test_a_person_sees_the_causes_and_asks_for_the_whole_run_with_enter(lab: Lab) -> None:
    scenario, groups = lab.scenario(tasks=TASKS.replace("0640", "0600")), set(cgroup.leftovers())
    with Terminal(lab.cache, "watch", scenario) as terminal:
        seen = terminal.until(r"cycle 1: [\d.]+ s\n", seconds=300)
        assert (
            "DIVERGED: 1 cause\n1/1 converge.change: File[/etc/shop.conf]\n    mode is 0600, should be 0640\n" in seen
        )
        save(scenario / "new.pp", NEW.replace("0640", "0600"))
        seen = terminal.until(r"cycle 2: [\d.]+ s\n", seconds=300)
        assert "PROVISIONAL CONVERGED: nothing left to do\n" in seen
        assert "The upgrade tasks were not run again" in seen
        assert "fixed: converge.change: File[/etc/shop.conf]\n" in seen
        assert f"In full: Enter, or `validate scenario {scenario}`." in seen
        terminal.type("\n")
        seen = terminal.until(r"cycle 3: [\d.]+ s\n", seconds=300)
        assert "\nCONVERGED: nothing left to do\n" in seen
        terminal.type("\x03")
        assert "interrupted (SIGINT); nothing is left behind" in terminal.rest()
        assert terminal.code == 130
    assert_nothing_left(lab.cache, groups)


@pytest.mark.parametrize(
    "edit",
    [
        lambda scenario: save(scenario / "old.pp", OLD + "# other\n"),
        lambda scenario: save(scenario / "beside.txt", "the tasks may read it"),
    ],
    ids=["old release", "beside the tasks"],
)
def test_what_comes_before_puppet_is_run_again(edit: Callable[[Path], None], lab: Lab) -> None:
    scenario = lab.scenario(tasks="- name: stop here\n  ansible.builtin.fail:\n    msg: that was enough\n")
    with Running.start(lab.cache, scenario, "--format", "json", command="watch") as running:
        assert rules(after(running, 1)) == ["upgrade.failed"]
        edit(scenario)
        cycle = after(running, 2)
        assert (cycle["provisional"], rules(cycle)) == (False, ["upgrade.failed"])
        assert (cycle["new"], cycle["fixed"]) == ([], []), "what proves nothing is not compared"


def test_a_scenario_that_is_not_there_is_a_usage_error(lab: Lab) -> None:
    ran = lab.validate("watch", lab.root / "nowhere", env={"VALIDATE_CACHE": str(lab.cache)}, timeout=30)
    assert (ran.code, ran.out) == (2, "")


def test_an_idle_watch_takes_next_to_no_cpu(lab: Lab) -> None:
    scenario = lab.scenario(tasks="- name: stop here\n  ansible.builtin.fail:\n    msg: that was enough\n")
    with Running.start(lab.cache, scenario, "--format", "json", command="watch") as running:
        after(running, 1)
        before = cpu(running.child)
        time.sleep(6)
        assert cpu(running.child) - before < 0.5


def cpu(child: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
