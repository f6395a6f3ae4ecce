"""Files that cannot work: each is answered with the right exit status, its place, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.conftest import Ran
from tests.host.lab import NEW, OLD, TASKS, Lab

GOOD = """\
title: a file moves to version 2
image: {suite: bookworm, packages: [puppet-agent, python3]}
host: {driver: plain, hostname: shop.example.test}
old: {manifest: old.pp, modules: []}
upgrade: {tasks: upgrade.yml}
new: {manifest: new.pp, modules: []}
"""


def assert_refused(ran: Ran, *words: str) -> None:
    """Ended with 2 and nothing on standard output, and said these words."""
    assert (ran.code, ran.out) == (2, ""), ran.err
    assert [word for word in words if word not in ran.err] == [], ran.err


REFUSED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "broken YAML": ("scenario.yml", GOOD + "host: [", ("scenario.yml:8:1: ",)),
    "no YAML": ("scenario.yml", "\x00\x01", ("scenario.yml:1:1: ",)),
    "an empty file": ("scenario.yml", "", ("scenario.yml:1:1: the file is empty", "validate new NAME")),
    "a list": ("scenario.yml", "- title: x\n", ("scenario.yml:1:1: ",)),
    "an unknown key": (
        "scenario.yml",
        GOOD.replace("suite", "suit"),
        ("scenario.yml:2:9: image.suit: unknown key; did you mean `suite`?",),
    ),
    "a key that stands twice": (
        "scenario.yml",
        GOOD + "title: another\n",
        ("scenario.yml:7:1: title: this key stands twice",),
    ),
    "a key that is missing": (
        "scenario.yml",
        GOOD.replace("title", "#"),
        ("scenario.yml:2:1: title: this key is missing",),
    ),
    "a file that is missing": (
        "scenario.yml",
        GOOD.replace("old.pp", "olt.pp"),
        ("scenario.yml:4:7: old.manifest: there is no file or directory", "olt.pp"),
    ),
    "a number where a word is wanted": (
        "scenario.yml",
        GOOD.replace("bookworm", "12"),
        ("scenario.yml:2:9: image.suite: ",),
    ),
    "services without a service manager": (
        "scenario.yml",
        GOOD + "services: [a.service]\n",
        ("scenario.yml:7:1: services: a plain host has no services",),
    ),
    "no tasks": ("upgrade.yml", "---\n", ("upgrade.yml:1:1: there are no tasks in it",)),
    "an empty list of tasks": ("upgrade.yml", "[]\n", ("upgrade.yml:1:1: there are no tasks in it",)),
    "broken YAML in the tasks": ("upgrade.yml", TASKS + "- name: x\n  y: [\n", ("upgrade.yml:9:1: ",)),
    "a playbook as tasks": ("upgrade.yml", "- hosts: all\n  tasks: []\n", ("upgrade.yml:1:3: ", "under `playbook`")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_scenario_is_refused_with_its_place(case: str, lab: Lab) -> None:
    file, text, words = REFUSED[case]
    scenario = lab.scenario()
    (scenario / file).write_text(text, encoding="utf-8")
    assert_refused(lab.json(scenario), *words)


def test_all_mistakes_are_told_at_once(lab: Lab) -> None:
    text = GOOD.replace("old.pp", "olt.pp").replace("new.pp", "nev.pp").replace("modules", "modulse", 1)
    text = text.replace("bookworm", "12") + "prob: []\n"
    scenario = lab.scenario()
    (scenario / "scenario.yml").write_text(text, encoding="utf-8")
    ran = lab.json(scenario)
    assert_refused(
        ran, "2:9: image.suite", "4:7: old.manifest", "4:25: old.modulse", "6:7: new.manifest", "7:1: prob: unknown key"
    )
    assert len([line for line in ran.err.splitlines() if "scenario.yml:" in line]) == 5


@dataclass(frozen=True, kw_only=True)
class Case:
    """Parts of a scenario, and what must be said of the run: the first finding's rule, its place, words, what to do."""

    parts: dict[str, object]
    rule: str
    words: tuple[str, ...]
    place: str = ""
    phase: str = "upgrade"
    more: dict[str, str] = field(default_factory=dict)


BROKEN = "file { '/etc/x':\n  ensure => file,\n  mod => '0644',\n}\n"
UNSTOPPED = {
    "an old manifest that does not compile": Case(
        parts={"old": "\n" + BROKEN},
        rule="evidence.puppet",
        phase="old",
        words=("no parameter named 'mod'", "old.pp", "line: 2"),
    ),
    "a new manifest that does not compile": Case(
        parts={"new": NEW + BROKEN},
        rule="evidence.puppet",
        phase="converge",
        words=("no parameter named 'mod'", "new.pp", "line: 2"),
    ),
    "a manifest with a syntax error": Case(
        parts={"new": NEW + "file { '/x' ensure => file }\n"},
        rule="evidence.puppet",
        phase="converge",
        words=("Syntax error at 'ensure'", "new.pp", "line: 2"),
    ),
    "an empty manifest": Case(
        parts={"new": "# nothing\n"}, rule="evidence.empty", phase="converge", words=("looked at no resource",)
    ),
    "an old release that fails": Case(
        parts={"old": OLD + "exec { '/bin/false': }\n"},
        rule="old.unsettled",
        phase="old",
        place="old.pp:2",
        words=("fails",),
    ),
    "an old release that never settles": Case(
        parts={"old": OLD + "exec { '/bin/true': }\n"},
        rule="old.unsettled",
        phase="old",
        place="old.pp:2",
        words=("changes again",),
    ),
    "an exec that hangs": Case(
        parts={"new": NEW + "exec { '/bin/sleep 3073': }\n", "new_release": {"timeout": 5}},
        rule="evidence.puppet",
        phase="converge",
        words=("did not end within 5 s", "`timeout`"),
    ),
    "a task that hangs": Case(
        parts={"tasks": "- ansible.builtin.command: sleep 3073\n", "upgrade": {"timeout": 5}},
        rule="upgrade.failed",
        words=("did not end within 5 s", "`upgrade.timeout`"),
    ),
    "a task that fails": Case(
        parts={"tasks": TASKS + "- name: cannot work\n  ansible.builtin.command: /bin/false\n"},
        rule="upgrade.failed",
        place="upgrade.yml:7",
        words=("'cannot work' failed", "non-zero return code"),
    ),
    "a module that does not exist": Case(
        parts={"tasks": TASKS + "- name: x\n  no.such.module:\n"},
        rule="upgrade.failed",
        words=("no.such.module", "upgrade.yml:7"),
    ),
    "a module's argument that does not exist": Case(
        parts={"tasks": "- name: x\n  ansible.builtin.file:\n    path: /etc\n    mod: 1\n"},
        rule="upgrade.failed",
        place="upgrade.yml:1",
        words=("Unsupported parameters", "mod"),
    ),
    "a task with two actions": Case(
        parts={"tasks": TASKS + "- name: x\n  ansible.builtin.command: a\n  ansible.builtin.shell: b\n"},
        rule="upgrade.failed",
        words=("conflicting action", "upgrade.yml:7"),
    ),
    "a variable that is not defined": Case(
        parts={"tasks": "- name: x\n  ansible.builtin.debug:\n    msg: '{{ nowhere }}'\n"},
        rule="upgrade.failed",
        place="upgrade.yml:1",
        words=("'nowhere' is undefined",),
    ),
    "tags that no task has": Case(
        parts={"upgrade": {"tags": ["nowhere"]}}, rule="upgrade.failed", words=("no task ran", "`tags`")
    ),
    "a playbook for other hosts": Case(
        parts={
            "tasks": "- hosts: others\n  tasks:\n    - ansible.builtin.ping:\n",
            "upgrade": {"tasks": None, "playbook": "upgrade.yml"},
        },
        rule="upgrade.failed",
        words=("no play addressed the host", "`hosts: all`"),
    ),
    "an image without Puppet": Case(
        parts={"image": {"packages": []}},
        rule="evidence.puppet",
        phase="old",
        words=("there is no `puppet` in the host", "`image.packages`"),
    ),
}


@pytest.mark.parametrize("name", UNSTOPPED)
def test_what_shows_only_in_a_run_makes_it_inconclusive_and_is_named(name: str, lab: Lab) -> None:
    case = UNSTOPPED[name]
    ran = lab.json(lab.scenario(**case.parts))  # type: ignore[arg-type]  # parts of any kind
    first = ran.result["findings"][0]
    assert (ran.result["verdict"], ran.code) == ("inconclusive", 3)
    assert (first["rule"], first["phase"]) == (case.rule, case.phase), first
    said = "\n".join((first["message"], *first["evidence"].get("output", ())))
    assert [word for word in case.words if word not in said] == [], said
    assert (first["declared_at"] or "").endswith(case.place)
    assert first["message"]
    assert first["hint"]
