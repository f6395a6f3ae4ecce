"""What the service manager did, from its own journal: starts and stops, and who asked for them.

Neither Puppet's `restarted` nor systemd's NRestarts counts restarts: the first counts refreshed anchors, the second
only what systemd restarts by itself. The journal holds a message for each start and stop (systemd: sd-messages.h).
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Literal

from validator.host.machine import Host
from validator.record import ServicesSeen, UnitEvent, UnitState

Kind = Literal["started", "stopped", "reloaded", "failed", "restarts-itself"]
MESSAGES: dict[str, Kind] = {
    "39f53479d3a045ac8e11786248231fbf": "started",
    "9d1aaa27d60140bd96365438aad20286": "stopped",
    "7b05ebc668384222baa8881179cfda54": "reloaded",
    "d9b373ed55a64feb8242e02dbe79a49c": "failed",
    "5eb03494b6584870a536b337290809b3": "restarts-itself",
}
FIELDS = "MESSAGE_ID,UNIT,JOB_TYPE,INVOCATION_ID,_SOURCE_REALTIME_TIMESTAMP"
PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,MainPID,InvocationID,ExecMainStartTimestamp"
MARKER = "validate-marker"
FLUSH_TIMEOUT = 10.0


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A moment in the host's journal, from which on it can be read. `cursor` is empty when the journal was silent."""

    host: Host
    cursor: str


def begin(host: Host) -> Watch:
    """Start to watch."""
    return Watch(host=host, cursor=_mark(host))


def end(watch: Watch, units: tuple[str, ...]) -> ServicesSeen:
    """What happened since `begin`, and how the named units are now."""
    until = _mark(watch.host)
    if not watch.cursor or not until:
        return ServicesSeen(
            events=(), states=_states(watch.host, units), trouble="the host's journal did not take a marker"
        )
    # No matches on the command line: with them, --after-cursor loses the first match when the entry at the cursor
    # is not one itself (systemd 252: it seeks to the first match behind the cursor and then skips one).
    done = watch.host.run(
        "journalctl",
        "--output=json",
        f"--output-fields={FIELDS}",
        f"--after-cursor={watch.cursor}",
        "--no-pager",
        "--quiet",
        label="reading the journal",
        accept=None,
    )
    if done.code not in {0, 1}:
        return ServicesSeen(
            events=(),
            states=_states(watch.host, units),
            trouble=f"journalctl ended with {done.code}: {done.errors.strip()}",
        )
    return ServicesSeen(events=events(done.text), states=_states(watch.host, units))


def events(journal: str) -> tuple[UnitEvent, ...]:
    """The unit events in `journalctl --output=json` text, in order. Scopes, slices and targets are left out."""
    found = []
    for line in journal.splitlines():
        entry = json.loads(line)
        kind = MESSAGES.get(str(entry.get("MESSAGE_ID")))
        unit = str(entry.get("UNIT", ""))
        if kind is not None and unit.endswith((".service", ".socket")):
            stamp = entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry.get("__REALTIME_TIMESTAMP") or 0
            found.append(
                UnitEvent(
                    unit=unit,
                    kind=kind,
                    job=str(entry.get("JOB_TYPE", "")),
                    invocation=str(entry.get("INVOCATION_ID", "")),
                    time=int(str(stamp)) / 1e6,
                )
            )
    return tuple(found)


def states(shown: str) -> tuple[UnitState, ...]:
    """The units in `systemctl show` text."""
    found = []
    for block in shown.strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in values:
            started = values.get("ExecMainStartTimestamp", "").removeprefix("@")
            found.append(
                UnitState(
                    unit=values["Id"],
                    load=values.get("LoadState", ""),
                    active=values.get("ActiveState", ""),
                    enabled=values.get("UnitFileState", ""),
                    pid=int(values.get("MainPID") or 0),
                    invocation=values.get("InvocationID", ""),
                    started_at=float(started) if started.replace(".", "").isdigit() else 0.0,
                )
            )
    return tuple(found)


def _states(host: Host, units: tuple[str, ...]) -> tuple[UnitState, ...]:
    if not units:
        return ()
    done = host.run(
        "systemctl",
        "show",
        "--timestamp=unix",
        f"--property={PROPERTIES}",
        "--",
        *units,
        label="looking at units",
        accept=None,
    )
    return states(done.text)


def _mark(host: Host) -> str:
    """Write a line to the journal and wait until it can be read: all that came before it can be read too."""
    mark = uuid.uuid4().hex
    host.run("systemd-cat", f"--identifier={MARKER}", "echo", mark, label="marking the journal", accept=None)
    deadline = time.monotonic() + FLUSH_TIMEOUT
    while time.monotonic() < deadline:
        done = host.run(
            "journalctl",
            "--output=json",
            "--output-fields=MESSAGE",
            f"--identifier={MARKER}",
            "--lines=1",
            "--no-pager",
            "--quiet",
            label="reading the journal",
            accept=None,
        )
        for line in done.text.splitlines():
            entry = json.loads(line)
            if entry.get("MESSAGE") == mark:
                return str(entry["__CURSOR"])
        time.sleep(0.02)
    return ""
