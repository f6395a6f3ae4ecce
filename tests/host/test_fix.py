"""A fix is shown when it was tried, holds no secret, changes nothing unless asked, and is true."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml

from tests.conftest import COMMAND
from tests.host.lab import Lab, fingerprint

WORDS = "correct-horse-battery"
CONTENT = f"version=2\npassword={WORDS}\n"
NEW = f"""\
file {{ '/etc/shop.conf': content => "version=2\\npassword={WORDS}\\n", mode => '0640' }}
~> exec {{ 'index': command => '/bin/cp /etc/shop.conf /srv/index', refreshonly => true }}
file {{ '/etc/shop.d': ensure => directory, recurse => true, purge => true }}
file {{ '/etc/shop.d/a': content => 'a' }}
"""
OLD = """\
file { '/etc/shop.conf': content => "version=1\\n", mode => '0644' }
file { '/etc/shop.d': ensure => directory }
file { '/etc/shop.d/a': content => 'a' }
"""
TASKS = """\
# What an operator does.
- name: a directory
  ansible.builtin.file:
    path: /srv/shop
    state: directory
    mode: "0755"

- name: a plugin too many
  ansible.builtin.copy:
    dest: /etc/shop.d/b
    content: b
    mode: "0644"
"""


def test_a_fix_is_tried_and_the_patch_is_true(lab: Lab) -> None:
    scenario = lab.scenario(old=OLD, new=NEW, tasks=TASKS)
    env = {"VALIDATE_CACHE": str(lab.cache)}
    before = fingerprint(scenario)
    patch = lab.root / "fix.patch"
    ran = lab.validate("fix", "shop", "--root", ".", "--format", "json", "--patch", patch, env=env, cwd=lab.root)
    assert ran.code == 1, ran.err
    assert fingerprint(scenario) == before
    found = {each["subject"]: each["fix"] for each in ran.result["findings"] if each["severity"] == "error"}
    assert set(found) == {"File[/etc/shop.conf]", "File[/etc/shop.d/b]"}
    assert {fix["status"] for fix in found.values()} == {"verified"}
    assert all(fix["after"] == 0 < fix["before"] for fix in found.values())
    # What Puppet did besides: it told the exec.
    conf = yaml.safe_load(found["File[/etc/shop.conf]"]["tasks"])
    assert [task.get("when") for task in conf] == [None, f"{conf[0]['register']} is changed"]
    # Secrets are variables.
    (name,) = found["File[/etc/shop.conf]"]["variables"]
    assert conf[0]["ansible.builtin.copy"]["content"] == f"version=2\npassword={{{{ {name} }}}}\n"
    assert WORDS not in ran.out + ran.err + patch.read_text(encoding="utf-8")
    records = list((lab.cache / "runs").glob("*/record.json"))
    assert records
    assert not [path for path in records if WORDS in path.read_text(encoding="utf-8")]
    # Applied by hand, with a value for the variable, nothing is left to do.
    subprocess.run(["/usr/bin/git", "apply", "--unsafe-paths", "-p1", patch], cwd=lab.root, check=True)
    document = yaml.safe_load((scenario / "scenario.yml").read_text(encoding="utf-8"))
    document["upgrade"]["vars"] = {name: WORDS}
    (scenario / "scenario.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    assert lab.run(scenario).code == 0


def test_files_are_changed_only_when_asked(lab: Lab) -> None:
    tasks = '- name: version 2\n  ansible.builtin.copy: {dest: /etc/shop.conf, content: "version=2\\n", mode: "0600"}\n'
    scenario = lab.scenario(tasks=tasks)
    env = {"VALIDATE_CACHE": str(lab.cache)}
    asked = subprocess.run(
        [COMMAND, "fix", scenario, "--write"],
        input="n\n",
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 1, asked.stderr
    assert "Change " in asked.stderr
    assert (scenario / "upgrade.yml").read_text(encoding="utf-8") == tasks
    ran = lab.validate("fix", scenario, "--write", "--yes", env=env)
    assert ran.code == 0, ran.err
    assert (scenario / "upgrade.yml").read_text(encoding="utf-8") == tasks.replace("0600", "0640")
    assert "mode" in ran.out
    assert lab.run(scenario).code == 0


def test_what_no_task_can_mend_has_no_fix_and_says_why(lab: Lab) -> None:
    new = "file { '/etc/shop.conf': content => \"version=2\\n\", mode => '0640' }\nexec { '/bin/true': }\n"
    scenario = lab.scenario(new=new)
    ran = lab.json(scenario, "--fix")
    assert ran.code == 1
    assert [each["fix"] for each in ran.result["findings"] if each["severity"] == "error"] == [None]
    ran = lab.validate("fix", scenario, env={"VALIDATE_CACHE": str(lab.cache)})
    assert (ran.code, "no fix: converge.change: Exec[/bin/true]: Puppet does this in every run" in ran.err) == (1, True)


def test_where_it_is_open_who_is_at_fault_it_is_measured(lab: Lab) -> None:
    """Nobody is seen at a probe that fails: only without the task that is at fault does it hold."""
    tasks = "".join(
        f"- name: task {number}\n  ansible.builtin.copy: {{dest: /srv/{number}, content: x, mode: '0644'}}\n"
        for number in range(2)
    ) + (
        "- name: version 2\n  ansible.builtin.copy:\n"
        '    {dest: /etc/shop.conf, content: "version=2\\n", owner: root, mode: "0640"}\n'
    )
    probe = {"name": "there is no 1", "command": "test ! -e /srv/1", "after": ["upgrade", "converge"]}
    scenario = lab.scenario(tasks=tasks, probes=[probe])
    ran = lab.json(scenario, "--ablate")
    assert ran.code == 1, ran.err
    (finding,) = [each for each in ran.result["findings"] if each["severity"] == "error"]
    assert (finding["left_by"]["task"], finding["left_by"]["known"]) == ("task 1", "measured")
    assert finding["evidence"]["ablation"]["without"] == [finding["left_by"]["place"]]
    assert finding["evidence"]["ablation"]["trials"] > 1


@pytest.mark.parametrize("arguments", [("fix", "--patch", "/nowhere/x"), ("fix", "--format", "pdf")])
def test_mistakes_are_found_before_the_run(arguments: tuple[str, ...], lab: Lab) -> None:
    scenario = lab.scenario()
    ran = lab.validate(arguments[0], scenario, *arguments[1:], env={"VALIDATE_CACHE": str(lab.cache)})
    assert ran.code == 2
    assert "image" not in ran.err
