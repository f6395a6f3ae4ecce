"""Services: their state, whether they start at boot, and restarts that got lost."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks.delivered import RUNNING
from validator.fixes.wanted import Draft, Drafts, Wanted

UNIT = "ansible.builtin.systemd_service"
SERVICE = "ansible.builtin.service"
ENABLED: dict[str, dict[str, JsonValue]] = {
    "true": {"enabled": True},
    "false": {"enabled": False},
    "mask": {"masked": True, "enabled": False},
}


def of(wanted: Wanted) -> Iterator[Drafts]:
    """The task that starts, stops, enables or disables a service."""
    arguments: dict[str, JsonValue] = {}
    words = []
    if "ensure" in wanted.changed:
        runs = wanted.given("ensure") in RUNNING
        arguments["state"] = "started" if runs else "stopped"
        words.append("Start" if runs else "Stop")
    if "enable" in wanted.changed and wanted.given("enable") in ENABLED:
        arguments |= ENABLED[wanted.given("enable")]
        words.append({"true": "enable", "false": "disable"}.get(wanted.given("enable"), "mask"))
    if arguments:
        said = " and ".join(words)
        yield (told(wanted.name, f"{said[:1].upper()}{said[1:]} {wanted.name}", arguments, units=wanted.services),)


def restarted(unit: str, *, units: bool = True) -> Draft:
    """The task that restarts a service."""
    return told(unit, f"Restart {unit}", {"state": "restarted"}, units=units)


def told(unit: str, name: str, arguments: dict[str, JsonValue], *, units: bool) -> Draft:
    """A task that tells the service manager something of a unit."""
    return {"name": name, UNIT if units else SERVICE: {"name": unit, **arguments}}
