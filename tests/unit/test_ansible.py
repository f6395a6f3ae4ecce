"""Ansible's events, read from lines that our callback wrote in a real run."""

from __future__ import annotations

import json
from pathlib import Path

from validator.places import Places
from validator.redact import MARK, Redactor
from validator.tools import ansible

LINES = (Path(__file__).parents[1] / "fixtures/ansible/events.jsonl").read_text(encoding="utf-8").splitlines()
HOST = "shop.example.test"


def parse(lines: list[str], redactor: Redactor | None = None) -> ansible.Events:
    places = Places(pairs=(("/run/validate/fault/tasks", "mine"),))
    return ansible.parse(lines, host=HOST, places=places, redactor=redactor or Redactor())


def test_every_task_and_item_is_there_once_with_the_authors_file_and_line() -> None:
    events = parse(LINES)
    assert [(task.name, task.item, task.status, task.changed) for task in events.tasks] == [
        ("a file", None, "ok", True),
        ("a loop", "one", "ok", True),
        ("a loop", "two", "ok", True),
        ("ignored", None, "ignored", True),
        ("skipped", None, "skipped", False),
        ("hidden", MARK, "ok", True),
        ("a database user", None, "ok", False),
        ("says ok", None, "ok", False),
    ]
    assert str(events.tasks[0].place) == "mine/tasks.yml:2"
    assert events.tasks[1].module == "ansible.builtin.command"
    assert events.finished


def test_hidden_and_secret_values_are_gone() -> None:
    redactor = Redactor({"topsecret-7"})
    text = repr(parse(LINES, redactor))
    assert "hidden-value-9" not in text
    assert "sesame-open-1" not in text
    assert "topsecret-7" not in text


def test_without_the_closing_line_the_run_did_not_finish() -> None:
    assert not parse(LINES[:-1]).finished


def test_a_recap_of_another_host_proves_nothing() -> None:
    stats = json.loads(LINES[-1])
    stats["hosts"] = {"other": {}}
    assert not parse([*LINES[:-1], json.dumps(stats)]).finished


def test_a_line_that_was_cut_off_is_left_out() -> None:
    assert len(parse([*LINES[:4], LINES[4][:30]]).tasks) == len(parse(LINES[:4]).tasks)


def test_the_connection_is_an_extra_variable_because_only_those_beat_a_play() -> None:
    run = ansible.Playbook(
        program="ansible-playbook",
        playbook="/p.yml",
        host=HOST,
        init_pid=2,
        variables="/v.json",
        step=3,
        tags=("step{step}", "common"),
        skip_tags=("slow",),
    )
    line = ansible.command(run)
    connection = json.loads(line[-6])
    assert connection == {
        "step": 3,
        "ansible_connection": "validator_host",
        "validator_init_pid": 2,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    assert line[-5:] == ("--tags", "step3,common", "--skip-tags", "slow", "/p.yml")
