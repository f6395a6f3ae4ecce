"""What the service manager did, from its own journal: starts and stops, and who asked for them.

Neither Puppet's `restarted` nor systemd's NRestarts counts restarts: the first counts refreshed anchors, the second
only what systemd restarts by itself. The journal holds a message for each start and stop (systemd: sd-messages.h).
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, replace
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
PROPERTIES = (
    "Id,Names,Type,LoadState,ActiveState,SubState,UnitFileState,MainPID,InvocationID,Result,NRestarts,"
    "ExecMainStartTimestampMonotonic,InactiveExitTimestampMonotonic"
)
# The service manager's own parts come and go by themselves.
OWN_UNITS = ("systemd-", "user@", "user-runtime-dir@", "modprobe@")
MARKER = "validate-marker"
FLUSH_TIMEOUT = 10.0


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A moment in the host's journal, from which on it can be read. `cursor` is empty when the journal was silent."""

    host: Host
    units: tuple[str, ...]
    cursor: str
    before: tuple[UnitState, ...]


def begin(host: Host, units: tuple[str, ...]) -> Watch:
    """Start to watch: every service that systemd has loaded, and the named units."""
    return Watch(host=host, units=units, cursor=_mark(host), before=look(host, units))


def end(watch: Watch) -> ServicesSeen:
    """What happened since `begin`, and how the units are now."""
    until = _mark(watch.host)
    states = look(watch.host, watch.units)
    if not watch.cursor or not until:
        return ServicesSeen(
            events=(), states=states, before=watch.before, trouble="the host's journal did not take a marker"
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
            states=states,
            before=watch.before,
            trouble=f"journalctl ended with {done.code}: {done.errors.strip()}",
        )
    return ServicesSeen(events=events(done.text), states=states, before=watch.before)


def look(host: Host, units: tuple[str, ...]) -> tuple[UnitState, ...]:
    """How every loaded service and the named units are now."""
    ask = ("systemctl", "show", f"--property={PROPERTIES}", "--", "*.service", *units)
    done = host.run(*ask, label="looking at units", accept=None)
    return states(done.text, booted=time.time() - time.monotonic())


def differing(before: tuple[UnitState, ...], after: tuple[UnitState, ...]) -> tuple[UnitState, ...]:
    """The units that are not as they were, as they are now."""
    known = {state.unit: state for state in before}
    return tuple(state for state in after if not _alike(known.get(state.unit), state))


def _alike(before: UnitState | None, after: UnitState) -> bool:
    # A start time is computed from a clock that is corrected all the time; the invocation tells starts apart.
    return before is not None and replace(before, started_at=after.started_at) == after


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


def states(shown: str, *, booted: float) -> tuple[UnitState, ...]:
    """The units in `systemctl show` text, by name. `booted` is the Unix time at which the monotonic clock was 0.

    `systemctl show --timestamp=unix` knows only whole seconds; the monotonic clock knows microseconds.
    """
    found = {}
    for block in shown.strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in values and not values["Id"].startswith(OWN_UNITS):
            # A service without a main process that systemd knows (SysV scripts) has only the moment it began to start.
            started = int(values.get("ExecMainStartTimestampMonotonic") or 0) or int(
                values.get("InactiveExitTimestampMonotonic") or 0
            )
            found[values["Id"]] = UnitState(
                unit=values["Id"],
                load=values.get("LoadState", ""),
                active=values.get("ActiveState", ""),
                sub=values.get("SubState", ""),
                kind=values.get("Type", ""),
                enabled=values.get("UnitFileState", ""),
                pid=int(values.get("MainPID") or 0),
                invocation=values.get("InvocationID", ""),
                started_at=round(booted + started / 1e6, 6) if started else 0.0,
                result=values.get("Result", ""),
                restarts=int(values.get("NRestarts") or 0),
                aliases=tuple(sorted(set(values.get("Names", "").split()) - {values["Id"]})),
            )
    return tuple(found[unit] for unit in sorted(found))


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
