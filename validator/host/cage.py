"""A command on the machine's own root that ends when this process does, with all that it started."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from validator import process
from validator.host import programs


def run(argv: Sequence[str], state: Path, *, label: str, timeout: float) -> process.Completed:
    """Run it to its end; every status is the caller's to judge. `state` is an empty directory beside the work."""
    devices = state / "devices"
    devices.mkdir()
    config = {"init": "cage", "state": str(devices), "argv": list(argv)}
    command = process.Command(
        argv=programs.program("supervisor", json.dumps(config)),
        label=label,
        lifeline=True,
        timeout=timeout,
        accept=None,
    )
    try:
        return process.run(command)
    finally:
        devices.rmdir()
