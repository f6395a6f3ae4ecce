"""A host that stays between commands ends when it is told to, and whenever nobody can want it any more."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.host.lab import TASKS, Lab
from tests.host.remains import assert_nothing_left, eventually
from validator.host import cgroup


def host(lab: Lab, *arguments: str | Path) -> Ran:
    ran = lab.validate("host", *arguments, env={"VALIDATE_CACHE": str(lab.cache)}, cwd=lab.root)
    assert "Traceback" not in ran.err
    return ran


ENDS: dict[str, Callable[[Lab, Path], object]] = {
    "stop": lambda lab, state: host(lab, "stop", "--state", state),
    "stop --all": lambda lab, _: host(lab, "stop", "--all"),
    "its state file goes": lambda _, state: state.unlink(),
    "its keeper is killed": lambda _, state: os.kill(json.loads(state.read_text("utf-8"))["keeper"], signal.SIGKILL),
    "its keeper is asked to": lambda _, state: os.kill(json.loads(state.read_text("utf-8"))["keeper"], signal.SIGTERM),
}


@pytest.mark.parametrize("how", ENDS)
def test_it_ends_and_leaves_nothing(how: str, lab: Lab) -> None:
    groups = set(cgroup.leftovers())
    lab.scenario()
    state = lab.root / "state.json"
    assert host(lab, "start", "./shop", "--state", state).code == 0
    inside = Path(f"/proc/{json.loads(state.read_text(encoding='utf-8'))['init']}/root/etc/shop.conf")
    assert inside.read_text(encoding="utf-8") == "version=1\n"
    assert str(state) in host(lab, "list").out
    again = host(lab, "start", "./shop", "--state", state)
    assert (again.code, "is there already" in again.out) == (0, True)
    ENDS[how](lab, state)
    eventually(lambda: not inside.exists(), lambda: "the host is still there")
    eventually(lambda: "no host is kept" in host(lab, "list").out, lambda: host(lab, "list").out, seconds=30)
    assert host(lab, "stop", "--state", state).out.endswith("there is no host\n")
    assert not state.exists()
    assert not state.with_suffix(".log").exists()
    assert_nothing_left(lab.cache, groups)


def test_it_ends_when_its_time_is_up(lab: Lab) -> None:
    groups = set(cgroup.leftovers())
    lab.scenario()
    state = lab.root / "state.json"
    assert host(lab, "start", "./shop", "--state", state, "--hours", "0.001").code == 0
    eventually(lambda: not state.exists(), lambda: "the host is still there", seconds=30)
    eventually(lambda: not list((lab.cache / "hosts").glob("*")), lambda: "its directory is still there", seconds=30)
    assert_nothing_left(lab.cache, groups)


def test_what_cannot_start_says_why_and_leaves_nothing(lab: Lab) -> None:
    groups = set(cgroup.leftovers())
    state = lab.root / "state.json"
    lab.scenario("tasks")
    ran = host(lab, "start", "./tasks", "--state", state, "--playbook", "converge.yml")
    assert (ran.code, "is not upgraded by converge.yml" in ran.err) == (2, True)
    assert host(lab, "start", "./nowhere", "--state", state).code == 2
    lab.scenario("restless", old="exec { '/bin/date': }\n", tasks=TASKS)
    ran = host(lab, "start", "./restless", "--state", state)
    assert (ran.code, "the old release does not settle" in ran.err) == (3, True)
    assert not state.exists()
    assert host(lab, "enter", "--state", state).code == 2
    assert host(lab, "stop").code == 2
    assert_nothing_left(lab.cache, groups)
