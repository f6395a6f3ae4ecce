"""`validate selftest` on a real host: real faults are caught, scores are kept, and nothing stays behind."""

from __future__ import annotations

import json
import signal

import pytest

from tests import usual
from tests.host.lab import TASKS, Lab
from tests.host.remains import Running, assert_nothing_left
from validator.host import cgroup

ENDS = (signal.SIGKILL, signal.SIGINT)
UNSEEN = "the run converged, and the host or a task's result differs from the healthy run"
APPENDS = "- name: unseen\n  ansible.builtin.command: 'true'\n"


def test_faults_are_caught_and_the_score_is_shown_with_the_next_result(lab: Lab) -> None:
    scenario, groups = lab.scenario(tasks=TASKS + APPENDS), set(cgroup.leftovers())
    env = {"VALIDATE_CACHE": str(lab.cache)}
    ran = lab.validate("selftest", scenario, "-j", "2", "--format", "json", env=env)
    result = json.loads(ran.out)
    answers = {fault["id"]: (fault["answer"], fault["by"].partition(":")[0]) for fault in result["faults"]}
    assert answers == {
        "drop-task:upgrade.yml:1": ("caught", "converge.change"),
        "change-value:upgrade.yml:1": ("caught", "converge.change"),
        "change-mode:upgrade.yml:1": ("caught", "converge.change"),
        "change-owner:upgrade.yml:1": ("missed", UNSEEN),
        # Puppet does not manage it, and the scenario compares with no fresh host.
        # It says that it changed something. Without it the host is the same, but what no witness sees may not be.
        "drop-task:upgrade.yml:7": ("missed", UNSEEN),
        "hide-change:upgrade.yml:7": ("equivalent", "the same host after the upgrade"),
        "stray-line:/etc/shop.conf": ("caught", "converge.change"),
        "noop:new": ("equivalent", "every resource that is marked was compared and found in order"),
    }
    assert (ran.code, result["complete"], result["caught"], result["missed"]) == (1, True, 4, 2)
    assert_nothing_left(lab.cache, groups)
    shown = lab.json(scenario).result["selftest"]
    assert (shown["caught"], shown["missed"]) == (4, 2)
    (scenario / "upgrade.yml").write_text(TASKS, encoding="utf-8")
    assert lab.json(scenario).result["selftest"] is None, "the score is of another content"


def test_a_scenario_that_is_not_converged_cannot_be_tested(lab: Lab) -> None:
    scenario = lab.scenario(tasks="- name: nothing\n  ansible.builtin.command: 'true'\n")
    ran = lab.validate("selftest", scenario, env={"VALIDATE_CACHE": str(lab.cache)})
    assert (ran.code, ran.out) == (3, "")
    assert "is diverged as it is" in ran.err


@pytest.mark.parametrize("number", usual.only({"SIGINT"}, ENDS, lambda number: number.name))
def test_a_self_test_that_is_ended_leaves_nothing(number: signal.Signals, lab: Lab) -> None:
    sleep = "/bin/sleep 3072"
    # Only the fault makes it slow: the healthy run must get to its end.
    slow = f"- name: slow\n  ansible.builtin.command: {sleep}\n  when: done is not defined\n"
    scenario = lab.scenario(tasks=f"{TASKS}  register: done\n{slow}")
    with Running.start(lab.cache, scenario, "--only", "drop-task:upgrade.yml:1", command="selftest") as running:
        running.wait_until(lambda now: any(command.strip() == sleep for command in now.commands))
        running.send(number)
        running.assert_gone()
