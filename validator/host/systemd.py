"""Hosts with a real systemd as pid 1."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from validator.errors import HostError

if TYPE_CHECKING:
    from validator.host.machine import Host

INIT = "systemd"
SHUTDOWN_TIMEOUT = 90.0
ANY: frozenset[int] | None = None

# Every call gets a timeout: while systemd starts, a call to it may hang.
ASK_TIMEOUT = 20.0


def settled(host: Host, units: tuple[str, ...]) -> str:
    """Ready when boot has no job left but for units nobody waits for, and each awaited unit is active.

    `systemctl is-system-running` alone will not do: a unit that restarts for ever keeps it at `starting`.
    """
    state = host.run("systemctl", "is-system-running", label="booting", timeout=ASK_TIMEOUT, accept=ANY)
    word = state.text.strip()
    if word not in {"running", "degraded", "starting"}:
        return f"systemd says {word or state.errors.strip() or 'nothing'}"
    return _inactive(host, units) if units else ("" if word != "starting" else _jobs(host))


def _inactive(host: Host, units: tuple[str, ...]) -> str:
    done = host.run("systemctl", "is-active", "--", *units, label="booting", timeout=ASK_TIMEOUT, accept=ANY)
    states = dict(zip(units, done.text.split(), strict=False))
    failed = [unit for unit, state in states.items() if state == "failed"]
    if failed:
        reason = host.run("systemctl", "status", "--no-pager", "-n", "8", "--", *failed, label="asking why", accept=ANY)
        raise HostError(
            f"{', '.join(failed)} failed while the host booted:\n{reason.text.strip()}",
            hint="`host.wait_for` names units that must be up before a tool runs: fix it or take it off the list.",
        )
    waiting = [f"{unit} is {state}" for unit, state in states.items() if state != "active"]
    return ", ".join(waiting)


def _jobs(host: Host) -> str:
    done = host.run(
        "systemctl", "list-jobs", "--no-legend", "--plain", label="booting", timeout=ASK_TIMEOUT, accept=ANY
    )
    names = [line.split()[1] for line in done.text.splitlines() if len(line.split()) > 1]
    return "" if done.code == 0 and not names else f"jobs still run: {', '.join(names) or done.errors.strip()}"


def shut_down(host: Host) -> None:
    """`systemctl poweroff`, so that databases and brokers write what they hold."""
    host.run("systemctl", "poweroff", label="shutting down", timeout=ASK_TIMEOUT, accept=ANY)
    deadline = time.monotonic() + SHUTDOWN_TIMEOUT
    while host.running():
        if time.monotonic() > deadline:
            raise HostError(f"the host did not shut down within {SHUTDOWN_TIMEOUT:.0f} s")
        time.sleep(0.05)
