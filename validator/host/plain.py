"""Hosts without a service manager: pid 1 only reaps. For scenarios of files and packages; up in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from validator.host.machine import Host

INIT = "plain"


def settled(host: Host, units: tuple[str, ...]) -> str:
    """Such a host is ready at once; it has no units to wait for."""
    return "" if not units else f"a plain host has no units: {', '.join(units)} on {host.name}"


def shut_down(host: Host) -> None:
    """Nothing runs that would have to be asked; what is written is in the upper directory already."""
    host.run("sync", "-f", "/", label="writing out")
