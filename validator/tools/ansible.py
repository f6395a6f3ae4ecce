"""Ansible: the command line of one run of the upgrade tasks, and what our callback saw of it.

The verdict never comes from an exit status or from the terminal: `ansible-playbook` exits 0 when no host matched,
and a callback that cannot load is only a warning. Without the callback's closing line there is no evidence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from validator.places import Places
from validator.record import Task, TaskName, TaskStatus
from validator.redact import MARK, Redactor, values_in

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CHANNEL = "VALIDATOR_EVENTS"
PLUGINS = Path(__file__).resolve().parents[1] / "ansible_plugins"
_STATUSES: Mapping[str, TaskStatus] = {
    "ok": "ok",
    "failed": "failed",
    "ignored": "ignored",
    "skipped": "skipped",
    "unreachable": "unreachable",
}


@dataclass(frozen=True, kw_only=True)
class Playbook:
    """One `ansible-playbook`. Paths are those the confined controller sees."""

    program: str
    playbook: str
    host: str
    init_pid: int
    variables: str
    step: int | None
    tags: tuple[str, ...]
    skip_tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Events:
    """What the callback wrote. `finished`: the closing line came, with our host in it.

    `unfinished` is the name of the task that had started last and gave no result.
    """

    tasks: tuple[Task, ...]
    left_out: tuple[TaskName, ...]
    unfinished: str
    finished: bool
    no_hosts: bool


@dataclass(frozen=True, kw_only=True)
class Border:
    """A moment at which no task runs and the callback waits for an answer. `task` starts now; None at the end."""

    task: TaskName | None
    time: float


def command(run: Playbook) -> tuple[str, ...]:
    """The command line. The connection is an extra variable: only those beat what plays and tasks say."""
    connection = {
        "ansible_connection": "validator_host",
        "validator_init_pid": run.init_pid,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    step = {} if run.step is None else {"step": run.step}
    return (
        run.program,
        "--diff",
        "--inventory",
        f"{run.host},",
        "--extra-vars",
        f"@{run.variables}",
        "--extra-vars",
        json.dumps({**step, **connection}),
        *(("--tags", ",".join(tag.replace("{step}", str(run.step)) for tag in run.tags)) if run.tags else ()),
        *(("--skip-tags", ",".join(run.skip_tags)) if run.skip_tags else ()),
        run.playbook,
    )


def documentation(program: str, modules: Iterable[str]) -> tuple[str, ...]:
    """The command line that asks the controller for modules; `documented` reads its answer."""
    return (program, "--type", "module", "--json", *modules)


def documented(answer: str) -> frozenset[str]:
    """The modules that the controller has. It warns of the others on its standard error and ends with status 0."""
    try:
        found = json.loads(answer)
    except ValueError:
        return frozenset()
    return frozenset(found) if isinstance(found, dict) else frozenset()


def environment(*, path: str, collections: str | None) -> dict[str, str]:
    """The controller's environment; nothing of the caller's."""
    env = {
        "PATH": path,
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "ANSIBLE_HOME": "/tmp/ansible",  # noqa: S108 - the controller's own throw-away root
        "ANSIBLE_CALLBACK_PLUGINS": str(PLUGINS / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "validator_events",
        "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS / "connection"),
        "ANSIBLE_INJECT_INVOCATION": "1",  # ansible-core 2.21 gives no arguments without it
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return {**env, "ANSIBLE_COLLECTIONS_PATH": collections} if collections else env


def parse(lines: Iterable[str], *, host: str, places: Places, redactor: Redactor) -> Events:
    """The callback's lines. Teaches `redactor` the secrets in arguments. A line that is cut off is left out."""
    raw = [event for event in map(_event, lines) if event is not None]
    for event in raw:
        redactor.learn(values_in(event.get("args")))
    with_items = {event["uuid"] for event in raw if event["event"] == "item"}
    tasks = tuple(
        _task(event, places, redactor)
        for event in raw
        # A loop gives one event an item and a summary; the summary counts only where there were no items.
        if event["event"] == "item" or (event["event"] == "task" and event["uuid"] not in with_items)
    )
    open_tasks = [event for event in raw if event["event"] in {"start", "task"}][-1:]
    stats = [event for event in raw if event["event"] == "stats"]
    return Events(
        tasks=tasks,
        left_out=tuple(
            replace(name, name=redactor.text(name.name))
            for name in (_name(event, places) for event in raw if event["event"] == "left_out")
        ),
        unfinished=redactor.text(str(open_tasks[0]["name"]))
        if open_tasks and open_tasks[0]["event"] == "start"
        else "",
        finished=any(host in event.get("hosts", {}) for event in stats),
        no_hosts=any(event["event"] == "no_hosts" for event in raw),
    )


def border(line: str, *, places: Places) -> Border | None:
    """The border that a line of the callback announces, if it does. Names are not redacted yet."""
    event = _event(line)
    if event is None or event["event"] not in {"start", "stats"}:
        return None
    starts = event["event"] == "start"
    return Border(task=_name(event, places) if starts else None, time=float(event.get("time") or 0.0))


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _name(event: Mapping[str, Any], places: Places) -> TaskName:
    path, _, line = str(event.get("path") or "").rpartition(":")
    return TaskName(name=str(event.get("name", "")), place=places.place(path, int(line) if line.isdigit() else None))


def _task(event: Mapping[str, Any], places: Places, redactor: Redactor) -> Task:
    named = _name(event, places)
    end = float(event["time"])
    hidden = bool(event.get("hidden"))
    return Task(
        name=redactor.text(named.name),
        role=str(event.get("role", "")),
        place=named.place,
        module=str(event.get("action", "")),
        status=_STATUSES.get(str(event.get("status")), "failed"),
        changed=bool(event.get("changed")),
        item=MARK if hidden else redactor.tree(event.get("item")),
        args=MARK if hidden else redactor.tree(event.get("args")),
        diff=MARK if hidden else redactor.tree(event.get("diff")),
        message=redactor.text(places.text(_message(event))),
        handler=bool(event.get("handler")),
        notify=tuple(map(str, event.get("notify") or ())),
        start=float(event.get("start") or end),
        end=end,
    )


def _message(event: Mapping[str, Any]) -> str:
    parts = [str(event[key]).strip() for key in ("msg", "stderr", "skip_reason") if event.get(key)]
    return COLOUR.sub("", "\n".join(dict.fromkeys(parts)))
