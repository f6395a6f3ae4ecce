"""What runs keep for each other: made once, shared safely, never used where it does not fit, never with a secret."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import COMMAND
from tests.host.lab import NEW, OLD, SPEC, TASKS, Lab
from tests.host.remains import Running, family, read
from validator.host import cgroup
from validator.host.cache import KEPT_RUNS, Cache

SLEEP = "/bin/sleep 3072"
WAITS = f"- name: wait for the test\n  ansible.builtin.command: {SLEEP}\n  failed_when: false\n"
FAILS = "- name: stop here\n  ansible.builtin.fail:\n    msg: that was enough\n"


def waits(running: Running) -> bool:
    """Whether the upgrade has come to its waiting task."""
    return any(command.strip() == SLEEP for command in running.commands)


def release(running: Running) -> None:
    """Let the waiting task go on."""
    for each in family(running.child.pid):
        if read(f"/proc/{each.pid}/cmdline").strip() == SLEEP:
            os.kill(each.pid, signal.SIGTERM)


def test_two_runs_at_once_make_the_old_state_once_and_both_get_their_verdict(cold_lab: Lab) -> None:
    good = cold_lab.scenario("good")
    bad = cold_lab.scenario("bad", tasks=TASKS.replace("0640", "0600"))
    with (
        Running.start(cold_lab.cache, good, "--format", "json") as first,
        Running.start(cold_lab.cache, bad, "--format", "json") as second,
    ):
        ran = (first.wait(), second.wait())
    assert [(each.result["verdict"], each.code) for each in ran] == [("converged", 0), ("diverged", 1)]
    assert sorted(each.result["phases"][0]["cached"] for each in ran) == [False, True]
    assert len(list((cold_lab.cache / "states").glob("old-*"))) == 1


def test_a_run_does_not_wait_for_another_one_that_uses_the_same_state(lab: Lab) -> None:
    with Running.start(lab.cache, lab.scenario("slow", tasks=TASKS + WAITS)) as slow:
        slow.wait_until(waits)
        ran = lab.validate("scenario", lab.scenario("quick"), env={"VALIDATE_CACHE": str(lab.cache)}, timeout=120)
        assert slow.child.poll() is None
        assert ran.code == 0, ran.err
        release(slow)
        assert slow.wait().code == 0


@pytest.fixture
def own_lab(lab: Lab, everybodys: Cache, usual_states: Path) -> Lab:
    """A lab in whose cache everything may be removed."""
    for kind in ("images", "packages"):
        (lab.cache / kind).unlink()
        (lab.cache / kind).mkdir()
    for link in (lab.cache / "states").iterdir():
        link.unlink()
        shutil.copytree(usual_states / link.name, lab.cache / "states" / link.name, symlinks=True)
    image, copy = everybodys.image(SPEC.name), lab.cache / "images" / SPEC.name
    links = ("--link",) if image.stat().st_dev == lab.cache.stat().st_dev else ()
    subprocess.run(["/bin/cp", "-a", *links, str(image), str(copy)], check=True)
    return lab


def test_pruning_leaves_what_a_run_uses_now_and_takes_the_rest(own_lab: Lab) -> None:
    env = {"VALIDATE_CACHE": str(own_lab.cache)}
    (state,) = (own_lab.cache / "states").glob("old-*")
    with Running.start(own_lab.cache, own_lab.scenario(tasks=TASKS + WAITS), "--format", "json") as running:
        running.wait_until(waits)
        pruned = own_lab.validate("cache", "prune", "--unused-days", "0", env=env)
        assert (pruned.code, pruned.out.splitlines()[-1]) == (0, "removed 0")
        release(running)
        ran = running.wait()
    assert (ran.result["verdict"], ran.code) == ("converged", 0), ran.err
    listed = own_lab.validate("cache", "list", env=env)
    assert [line.split()[0] for line in listed.out.splitlines()].count("runs") == 1
    assert all(name in listed.out for name in (SPEC.name, state.name))

    pruned = own_lab.validate("cache", "prune", "--unused-days", "0", env=env)
    assert pruned.out.splitlines()[-1] == "removed 4", "the image, the old state, the catalogs, the record"
    assert own_lab.validate("cache", "list", env=env).out == "nothing is kept\n"
    assert [
        path for kind in ("images", "states", "runs") for path in (own_lab.cache / kind).iterdir() if path.is_dir()
    ] == []


def test_pruning_what_is_old_leaves_what_was_used_lately(own_lab: Lab) -> None:
    env = {"VALIDATE_CACHE": str(own_lab.cache)}
    (state,) = (own_lab.cache / "states").glob("old-*")
    image = own_lab.cache / "images" / SPEC.name
    os.utime(image, (0, 0))
    own_lab.run(own_lab.scenario(tasks=FAILS))
    os.utime(state, (0, 0))
    pruned = own_lab.validate("cache", "prune", env=env)
    assert pruned.out.splitlines()[-1] == "removed 1"
    assert image.is_dir(), "its use by a run counts, not when it was made"
    assert not state.exists()


def test_the_old_state_is_reused_exactly_as_long_as_nothing_it_depends_on_changes(lab: Lab) -> None:
    def cached(scenario: Path) -> bool:
        phase = lab.json(scenario).result["phases"][0]
        assert phase["name"] == "old"
        return bool(phase["cached"])

    scenario = lab.scenario(tasks=FAILS)
    assert cached(scenario), "the state was made by the same release in another directory"
    assert cached(lab.scenario(tasks=FAILS + TASKS)), "other upgrade tasks start from the same state"
    other = OLD + "# other\n"
    assert not cached(lab.scenario(tasks=FAILS, old=other)), "the manifest is another one"
    assert cached(lab.scenario(tasks=FAILS, old=other, new=NEW + "# other\n")), "the new release has no part in it"
    assert not cached(lab.scenario(tasks=FAILS, old_release={"facts": {"site": "north"}})), "a fact may decide"


def test_a_dead_host_is_not_forgotten_before_its_cgroup_is_gone(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path)
    name = f"test-{os.getpid()}"
    group = cgroup.of_host(name)
    for directory in (cache.root / "hosts" / name, group / "init"):
        directory.mkdir(parents=True)
    lock = cache.root / "hosts" / f".{name}.lock"
    lock.touch()
    with subprocess.Popen(["/bin/sleep", "3079"]) as last:
        (group / "init/cgroup.procs").write_text(str(last.pid), encoding="ascii")
        cache.sweep()
        assert lock.exists(), "the next sweep has to find it"
        assert group.exists()
        last.kill()
    cache.sweep()
    assert not lock.exists()
    assert not group.exists()


def test_many_commands_at_once_agree_on_which_old_records_go(cold_lab: Lab) -> None:
    runs = cold_lab.cache / "runs"
    for number in range(KEPT_RUNS + 200):
        (runs / f"20200101-{number:06}").mkdir()
        (runs / f"20200101-{number:06}/about.json").write_text("{}", encoding="utf-8")
    command = [str(COMMAND), "cache", "list"]
    env = {**os.environ, "VALIDATE_CACHE": str(cold_lab.cache)}
    children = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    ended = [(child.communicate(), child.returncode) for child in children]
    assert [(code, said[1].decode()) for said, code in ended] == [(0, "")] * 4
    names = sorted(path.name for path in runs.iterdir() if path.is_dir())
    assert names == [f"20200101-{number:06}" for number in range(200, KEPT_RUNS + 200)], "the latest ones stay"
