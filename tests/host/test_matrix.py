"""`validate matrix` on real hosts: verdicts together, results that are used again, workers and tool that are killed."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests import usual
from tests.conftest import Ran
from tests.host.lab import NEW, TASKS, Lab
from tests.host.remains import Process, Running, assert_nothing_left, family, read
from validator.host import cgroup
from validator.render.matrix.schema import matrix_result_schema

SLEEP = "/bin/sleep 3073"
SLOW = f"{TASKS}- name: wait\n  ansible.builtin.command: {SLEEP}\n"
FAULTY = "- name: nothing\n  ansible.builtin.command: 'true'\n"
ENDS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)
KILLS = 6  # at random points; benchmarks/kills.py does more


def matrix(lab: Lab, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    """Run the matrix of the lab's scenarios; nothing may be left of it."""
    groups = set(cgroup.leftovers())
    ran = run(lab, *arguments)
    assert ran.code == code, ran.err + ran.out
    assert_nothing_left(lab.cache, groups)
    return ran.result


def run(lab: Lab, *arguments: str | Path) -> Ran:
    env = {"VALIDATE_CACHE": str(lab.cache)}
    return lab.validate("matrix", "--root", lab.root, "--format", "json", *arguments, env=env)


def declare(lab: Lab, text: str = "scenarios: ['*']\n") -> None:
    (lab.root / "matrix.yml").write_text(text, encoding="utf-8")


def answers(result: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {cell["name"].partition("@")[0]: (cell["how"], cell["answer"]) for cell in result["cells"]}


def is_slow(running: Running) -> bool:
    return any(command.strip() == SLEEP for command in running.commands)


def start(lab: Lab, *arguments: str) -> Running:
    return Running.start(lab.cache, lab.root / "matrix.yml", *arguments, command="matrix", option="--matrix")


def workers(running: Running) -> list[Process]:
    return [
        each for each in family(running.child.pid) if "validator.matrix.worker" in read(f"/proc/{each.pid}/cmdline")
    ]


def test_cells_get_their_verdicts_and_a_second_run_takes_them_from_the_cache(lab: Lab, tmp_path: Path) -> None:
    lab.scenario("good")
    lab.scenario("bad", tasks=FAULTY)
    lab.scenario("meant", tasks=FAULTY)
    declare(lab, "scenarios: ['*']\nexpect: [{scenario: meant, verdict: diverged}]\n")
    first = matrix(lab, "--reports", tmp_path / "reports", code=1)
    assert answers(first) == {
        "bad": ("ran", "unexpected"),
        "good": ("ran", "as expected"),
        "meant": ("ran", "as expected"),
    }
    second = matrix(lab, code=1)
    assert {how for how, _ in answers(second).values()} == {"cached"}
    for before, after in zip(first["cells"], second["cells"], strict=True):
        same = ("name", "verdict", "answer", "causes", "digest", "records")
        assert {key: before[key] for key in same} == {key: after[key] for key in same}
        assert abs(before["made"] - after["made"]) < 5
        assert lab.validate("judge", after["records"][0]).code == after["exit_code"]
    assert second["seconds"] < first["seconds"]
    report = json.loads((tmp_path / "reports" / "bad@own+default.json").read_text(encoding="utf-8"))
    assert (report["scenario"], report["verdict"]) == ("bad@own+default", "diverged")
    (lab.root / "good" / "upgrade.yml").write_text(TASKS.replace("name: version 2", "name: two"), encoding="utf-8")
    assert answers(matrix(lab, code=1))["good"] == ("ran", "as expected"), "other inputs"
    assert answers(matrix(lab, "good", "--fresh"))["good"] == ("ran", "as expected")
    jsonschema.Draft202012Validator(matrix_result_schema()).validate(first)


def test_a_result_that_was_damaged_is_made_anew(lab: Lab) -> None:
    lab.scenario("good")
    declare(lab)
    record = Path(matrix(lab)["cells"][0]["records"][0])
    record.write_bytes(record.read_bytes()[:-20])
    assert answers(matrix(lab)) == {"good": ("ran", "as expected")}
    assert answers(matrix(lab)) == {"good": ("cached", "as expected")}


def test_variants_and_data_reach_the_host(lab: Lab) -> None:
    lab.scenario(
        "shop",
        new="file { '/etc/shop.conf': content => lookup('shop::conf'), mode => '0640' }\n",
        tasks=TASKS.replace("version=2\\n", "{{ conf }}"),
        upgrade={"tasks": "upgrade.yml", "vars": {"conf": "version=2\n"}},
        new_release={"hiera_data": {"shop::conf": "version=2\n"}},
    )
    declare(
        lab,
        """\
scenarios: [shop]
variants:
  default: {}
  three: {vars: {conf: "version=3\\n"}, new: {hiera_data: {shop::conf: "version=3\\n"}}}
  torn: {vars: {conf: "version=3\\n"}}
expect: [{variant: torn, verdict: diverged}]
""",
    )
    found = matrix(lab)
    assert [(cell["variant"], cell["verdict"]) for cell in found["cells"]] == [
        ("default", "converged"),
        ("three", "converged"),
        ("torn", "diverged"),
    ]


def test_fail_fast_ends_what_runs_and_says_what_did_not(lab: Lab) -> None:
    lab.scenario("bad", tasks=FAULTY)
    lab.scenario("slow", tasks=SLOW)
    lab.scenario("third")
    declare(lab, "scenarios: [bad, slow, third]\n")
    found = answers(matrix(lab, "--fail-fast", "-j", "2", code=1))
    assert found["bad"] == ("ran", "unexpected")
    assert found["slow"] == ("not run", "not run")


def test_a_scenario_that_cannot_be_loaded_ends_it_before_anything_runs(lab: Lab) -> None:
    lab.scenario("good")
    lab.scenario("broken", wrong=1)
    declare(lab)
    ran = run(lab)
    assert (ran.code, ran.out) == (2, "")
    assert "wrong: unknown key" in ran.err


def test_a_worker_that_is_killed_is_an_error_of_its_cell_alone(lab: Lab) -> None:
    lab.scenario("good")
    lab.scenario("slow", tasks=SLOW)
    declare(lab)
    groups = set(cgroup.leftovers())
    with start(lab, "-j", "1", "--format", "json") as running:
        running.wait_until(is_slow, seconds=300)
        for worker in workers(running):
            os.kill(worker.pid, signal.SIGKILL)
        ran = running.wait()
    assert ran.code == 3, ran.err
    found = {cell["scenario"]: cell for cell in ran.result["cells"]}
    assert (found["good"]["how"], found["good"]["answer"]) == ("ran", "as expected")
    assert (found["slow"]["how"], found["slow"]["verdict"]) == ("error", None)
    assert "killed by SIGKILL" in found["slow"]["message"]
    assert_nothing_left(lab.cache, groups)
    running.assert_gone()


@pytest.mark.parametrize("number", usual.only({"SIGINT"}, ENDS, lambda number: number.name))
def test_a_matrix_that_is_ended_leaves_nothing_and_goes_on_where_it_was(number: signal.Signals, lab: Lab) -> None:
    lab.scenario("a")
    lab.scenario("slow", tasks=SLOW)
    declare(lab, "scenarios: [a, slow]\n")
    with start(lab, "-j", "1") as running:
        running.wait_until(lambda now: "1/2: done" in now.errors and is_slow(now), seconds=300)
        assert running.groups
        code = running.send(number)
        assert code == (-number if number == signal.SIGKILL else 130)
        running.assert_gone()
    (lab.root / "slow" / "upgrade.yml").write_text(TASKS, encoding="utf-8")
    assert answers(matrix(lab)) == {"a": ("cached", "as expected"), "slow": ("ran", "as expected")}


@pytest.mark.parametrize("seed", usual.only({"0", "1"}, range(KILLS)))
def test_killed_at_any_point_nothing_is_lost_twice_or_left(seed: int, lab: Lab) -> None:
    """A worker or the tool is killed at some moment: no cell is green that was not run, and the next run is whole."""
    chance = random.Random(seed)  # noqa: S311 - the same moments in every run, as far as time can be repeated
    for name in ("a", "b"):
        lab.scenario(name)
    lab.scenario("bad", tasks=FAULTY, new=NEW)
    declare(lab)
    moment = chance.uniform(0.5, 25)
    with start(lab, "-j", "2", "--format", "json") as running:
        alive = running.lasts(moment)
        if alive and chance.random() < 0.5:
            for worker in workers(running)[:1]:
                os.kill(worker.pid, signal.SIGKILL)
            ran = running.wait()
            assert ran.code in {1, 3}, ran.err
            for cell in ran.result["cells"]:
                wanted = "diverged" if cell["scenario"] == "bad" else "converged"
                assert (cell["how"], cell["verdict"]) in {("ran", wanted), ("error", None)}
        elif alive:
            running.send(signal.SIGKILL)
        running.assert_gone()
    result = matrix(lab, code=1)
    assert {cell["scenario"]: cell["verdict"] for cell in result["cells"]} == {
        "a": "converged",
        "b": "converged",
        "bad": "diverged",
    }
