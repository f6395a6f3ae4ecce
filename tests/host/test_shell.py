"""A shell in a disposable host: at the moment that was asked for, like a real one, and gone with whatever ends it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests import usual
from tests.conftest import COMMAND, Ran
from tests.host.lab import NEW, OLD, TASKS, Lab
from tests.host.remains import Running, assert_nothing_left, eventually, family, left_of
from tests.host.terminal import Terminal
from validator.host import cgroup

WRONG = TASKS.replace("0640", "0600")
LOOK = "stat -c '%a %n' /etc/shop.conf; cat /etc/shop.conf\n"
STEPS = """\
- name: first file
  ansible.builtin.copy: {dest: /etc/first, content: x, mode: "0644"}
- name: second file
  ansible.builtin.copy: {dest: /etc/second, content: x, mode: "0644"}
- name: third thing
  ansible.builtin.command: test -e /etc/nowhere
- name: fourth file
  ansible.builtin.copy: {dest: /etc/fourth, content: x, mode: "0644"}
"""
SLEEP = "/bin/sleep 3077"
ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


def shell(lab: Lab, scenario: Path | str, *arguments: str, commands: str = LOOK) -> Ran:
    """Commands given to a shell by standard input; nothing may be left of it."""
    return lab.ran(COMMAND, "shell", scenario, *arguments, typed=commands)


def states(lab: Lab) -> list[str]:
    return [path.name for path in (lab.cache / "states").glob("copied-*")]


def test_the_line_that_a_diverged_run_ends_with_opens_the_host_that_puppet_found(lab: Lab) -> None:
    scenario = lab.scenario(tasks=WRONG)
    ran = lab.run(scenario)
    assert ran.code == 1
    *_, last = ran.out.splitlines()
    assert last == f"shell: validate shell {scenario} --at upgrade"
    assert len(states(lab)) == 1

    _, _, _, name, *how = shlex.split(last)
    upgraded = shell(lab, name, *how)
    assert (upgraded.code, upgraded.out) == (0, "600 /etc/shop.conf\nversion=2\n"), upgraded.err
    assert "saved state of the upgraded host: services were started by this boot" in upgraded.err

    converged = shell(lab, name, "--at", "converge")
    assert converged.out.startswith("640 "), "Puppet has been there"

    again = lab.json(scenario)
    (phase,) = (each for each in again.result["phases"] if each["name"] == "upgrade")
    assert not phase["cached"], "a verdict needs the boot in which the tasks ran"


def test_nothing_is_kept_of_a_run_that_converged_and_its_shell_runs_the_tasks(lab: Lab) -> None:
    scenario = lab.scenario()
    ran = lab.run(scenario)
    assert (ran.code, states(lab)) == (0, [])
    assert "validate shell" not in ran.out
    ran = shell(lab, scenario)
    assert ran.out == "640 /etc/shop.conf\nversion=2\n"
    assert "saved state" not in ran.err
    old = shell(lab, scenario, "--at", "old")
    assert old.out == "644 /etc/shop.conf\nversion=1\n"
    image = shell(lab, scenario, "--at", "image", commands="ls /etc/shop.conf; exit 42\n")
    assert (image.code, image.out) == (42, ""), "the status is the shell's"
    assert "No such file" in image.err


def test_a_task_is_where_the_run_stops(lab: Lab) -> None:
    scenario = lab.scenario(tasks=STEPS)
    files = "cd /etc; ls first second fourth 2>/dev/null\n"
    for task in ("second file", "SECOND", "upgrade.yml:3"):
        ran = shell(lab, scenario, "--at", task, commands=files)
        assert ran.out == "first\nsecond\n", ran.err
        assert f"after the task 'second file' ({scenario}/upgrade.yml:3)" in ran.err
        assert "BUT" not in ran.err


def test_where_the_tasks_end_too_early_the_shell_opens_there_and_says_so(lab: Lab) -> None:
    scenario = lab.scenario(tasks=STEPS)
    ran = lab.run(scenario)
    assert ran.code == 3
    assert (ran.out.splitlines()[-1], states(lab)) == (f"shell: validate shell {scenario} --at upgrade", [])
    for moment in ("upgrade", "fourth file"):
        ran = shell(lab, scenario, "--at", moment, commands="ls /etc/second /etc/fourth; exit 0\n")
        assert (ran.code, ran.out) == (0, "/etc/second\n")
        assert "BUT `upgrade` came to no good end, and the host is as it was left then: task 'third thing'" in ran.err


@pytest.mark.parametrize(("asked", "many"), [("file", 3), ("nothing like it", 4), ("fault", 0)])
def test_what_is_not_one_moment_is_a_usage_error_that_lists_the_tasks(asked: str, many: int, lab: Lab) -> None:
    ran = shell(lab, lab.scenario(tasks=STEPS), "--at", asked)
    assert (ran.code, ran.out) == (2, "")
    assert len([line for line in ran.err.splitlines() if "/upgrade.yml:" in line]) == many


def test_an_old_release_that_does_not_settle_leads_to_the_image(cold_lab: Lab) -> None:
    scenario = cold_lab.scenario(old=OLD + "notify { 'again and again': }\n")
    ran = cold_lab.run(scenario)
    assert (ran.code, ran.out.splitlines()[-1]) == (3, f"shell: validate shell {scenario} --at image")
    ran = shell(cold_lab, scenario)
    assert ran.code == 3
    assert "`--at image` opens the host before that" in ran.err


def test_a_person_gets_a_terminal_with_job_control_and_the_line_that_applies_puppet(lab: Lab) -> None:
    groups = set(cgroup.leftovers())
    scenario = lab.scenario(tasks=WRONG)
    with Terminal(lab.cache, "shell", scenario, "--at", "upgrade") as terminal:
        prompt = r"\[upgrade\] root@shop:/\S*# $"
        banner = terminal.until(prompt)
        line = banner.partition("Apply the new release by hand:\n  ")[2].partition("\n")[0]
        terminal.type("stty size; tty; echo typed > $(tty)\n")
        seen = terminal.until(f"typed\n.*{prompt}")
        assert "\n30 100\n/dev/pts/0\n" in seen
        terminal.resize(44, 77)
        terminal.type("stty size\n")
        terminal.until(f"\n44 77\n.*{prompt}")
        terminal.type("sleep 300\n")
        eventually(lambda: any("sleep 300" in each for each in commands(terminal.pid)), lambda: "no sleep")
        terminal.type("\x1a")
        terminal.until(f"Stopped .*sleep 300\n.*{prompt}")
        terminal.type("fg\n")
        terminal.until("fg\nsleep 300\n")
        terminal.type("\x03")
        terminal.until(prompt)
        terminal.type("echo status $?\n")
        terminal.until("\nstatus 130\n")
        terminal.type(line + "\n")
        terminal.until(rf"mode changed '0600' to '0640'(?s:.*){prompt}")
        terminal.type("exit 9\n")
        rest = terminal.rest()
    assert "the host is thrown away" in rest
    assert terminal.code == 0
    assert_nothing_left(lab.cache, groups)


def commands(pid: int) -> list[str]:
    return [Path(f"/proc/{each.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for each in family(pid)]


def test_a_closed_window_ends_it(lab: Lab) -> None:
    groups = set(cgroup.leftovers())
    with Terminal(lab.cache, "shell", lab.scenario(), "--at", "old") as terminal:
        terminal.until(r"root@shop:/\S*# $")
        terminal.type(f"{SLEEP} & disown; trap '' HUP; {SLEEP}\n")
        eventually(lambda: len([each for each in commands(terminal.pid) if SLEEP in each]) == 2, lambda: "no sleep")
        terminal.close()
        eventually(lambda: not left_of(lab.cache), lambda: f"left behind: {left_of(lab.cache)}")
    assert_nothing_left(lab.cache, groups)


@pytest.mark.parametrize("number", usual.only({"SIGKILL"}, ENDS, lambda number: number.name))
def test_whatever_kills_it_leaves_nothing(number: signal.Signals, lab: Lab) -> None:
    theirs, ours = os.pipe()
    try:
        with Running.start(lab.cache, lab.scenario(), "--at", "old", command="shell", stdin=theirs) as running:
            os.write(ours, f"trap '' HUP TERM; ({SLEEP} &); {SLEEP}\n".encode())
            running.wait_until(lambda each: len([line for line in each.commands if line.strip() == SLEEP]) == 2)
            assert running.send(number) == (-number if number == signal.SIGKILL else 130)
            running.assert_gone()
    finally:
        os.close(ours)
        os.close(theirs)


def test_output_that_nobody_reads_any_more_ends_it(lab: Lab) -> None:
    groups = set(cgroup.leftovers())
    command = f"echo 'yes' | {COMMAND} shell {lab.scenario()} --at old | head -1"
    env = {**os.environ, "VALIDATE_CACHE": str(lab.cache)}
    done = subprocess.run(
        ["/bin/bash", "-c", command], capture_output=True, text=True, env=env, timeout=120, check=False
    )
    assert done.stdout == "y\n"
    assert "Traceback" not in done.stderr
    assert_nothing_left(lab.cache, groups)


def test_a_new_release_that_does_not_compile_is_no_obstacle(lab: Lab) -> None:
    scenario = lab.scenario(new=NEW + "file { 'not a path': }\n")
    ran = shell(lab, scenario, "--at", "converge")
    assert ran.out == "640 /etc/shop.conf\nversion=2\n"
    assert "BUT `converge` came to no good end" in ran.err
