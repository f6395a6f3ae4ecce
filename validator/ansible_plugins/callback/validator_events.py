# SPDX-License-Identifier: GPL-3.0-or-later
# This file imports ansible-core, which is GPL-3.0-or-later; the licence is in LICENSES/GPL-3.0-or-later.txt.
"""One JSON line for every task result and loop item, to the descriptor named by VALIDATOR_EVENTS."""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.callback import CallbackBase

STOP, STOPPED = b"!", 99  # as in validator/phases.py

DOCUMENTATION = """
name: validator_events
type: notification
short_description: task events for the convergence validator
description: >
  Writes JSON lines to an inherited file descriptor; the normal output stays as it is. Before each task and at the end
  it waits for a byte to come back, so that the host can be looked at while no task runs; `!` ends the play there.
requirements: [VALIDATOR_EVENTS holds the number of an open descriptor]
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "validator_events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._channel = int(os.environ["VALIDATOR_EVENTS"])
        self._out = os.fdopen(self._channel, "w", buffering=1, encoding="utf-8")
        self._started = {}

    def _write(self, **event):
        self._out.write(json.dumps({**event, "time": time.time()}, default=str) + "\n")

    def v2_playbook_on_start(self, playbook):
        self._write(event="playbook", path=playbook._file_name)

    def v2_playbook_on_play_start(self, play):
        self._write(event="play", name=play.get_name())
        variables = play.get_variable_manager().get_vars(play=play)
        for block in play.compile():
            for task in self._tasks_in(block):
                if not task.evaluate_tags(play.only_tags, play.skip_tags, variables):
                    self._write(event="left_out", name=task.get_name(), path=task.get_path())

    def _tasks_in(self, block):
        for each in [*block.block, *block.rescue, *block.always]:
            if hasattr(each, "block"):
                yield from self._tasks_in(each)
            elif each.action not in ("meta", "ansible.builtin.meta"):
                yield each

    def _border(self, **event):
        self._write(**event)
        self._out.flush()
        answer = os.read(self._channel, 1)  # empty when nobody listens any more
        if answer == STOP:
            os._exit(STOPPED)  # no task runs now, and none shall: handlers and `always` neither

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._border(event="start", name=task.get_name(), path=task.get_path())

    def v2_playbook_on_handler_task_start(self, task):
        self._border(event="start", name=task.get_name(), path=task.get_path())

    def v2_runner_on_start(self, host, task):
        self._started[host.get_name(), task._uuid] = time.time()

    def v2_playbook_on_notify(self, handler, host):
        self._write(event="notify", handler=handler.get_name(), host=host.get_name())

    def _result(self, status, result, *, item=False):
        task, data, host = result.task, result.result, result.host.get_name()
        self._write(
            event="item" if item else "task",
            status=status,
            host=host,
            name=task.get_name(),
            path=task.get_path(),
            uuid=task._uuid,
            action=task.resolved_action or task.action,
            role=task._role.get_name() if task._role else "",
            handler=type(task).__name__ == "Handler",
            loop=bool(task.loop or task.loop_with),
            item=data.get("_ansible_item_label", data.get("item")) if item else None,
            changed=bool(data.get("changed")),
            args=(data.get("invocation") or {}).get("module_args") or (None if item else dict(task.args or {})),
            hidden=bool(data.get("_ansible_no_log") or task.no_log),
            delegated=task.delegate_to,
            diff=data.get("diff"),
            msg=data.get("msg"),
            stderr=data.get("stderr") or data.get("module_stderr"),
            rc=data.get("rc"),
            skip_reason=data.get("skip_reason"),
            notify=task.notify,
            start=self._started.get((host, task._uuid)),
        )

    def v2_runner_on_ok(self, result):
        self._result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result):
        self._result("skipped", result)

    def v2_runner_on_unreachable(self, result):
        self._result("unreachable", result)

    def v2_runner_item_on_ok(self, result):
        self._result("ok", result, item=True)

    def v2_runner_item_on_failed(self, result):
        self._result("failed", result, item=True)

    def v2_runner_item_on_skipped(self, result):
        self._result("skipped", result, item=True)

    def v2_playbook_on_no_hosts_matched(self):
        self._write(event="no_hosts")

    def v2_playbook_on_stats(self, stats):
        self._border(event="stats", hosts={host: stats.summarize(host) for host in stats.processed})
