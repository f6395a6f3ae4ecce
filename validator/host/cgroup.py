"""The cgroup of one host: freezing it, and the CPU time it used."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from validator.errors import HostError, MachineError

PREFIX = "validate-"


def hierarchy() -> Path:
    """Where cgroup v2 is mounted: the only mount on a systemd machine, beside v1 on a hybrid one.

    Raises `MachineError` when it is not mounted at all.
    """
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, *_ = line.split(" ")
        if kind == "cgroup2":
            return Path(place)
    raise MachineError(
        "cgroup version 2 is not mounted on this machine",
        hint="Mount it: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified",
    )


def of_host(name: str) -> Path:
    """The directory of a host's cgroup."""
    return hierarchy() / f"{PREFIX}{name}"


def enter(group: Path) -> tuple[str, ...]:
    """What to put before a command so that it runs in the host's cgroup and is frozen and counted with it."""
    return ("/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "exec" / "cgroup.procs"))


def cpu_seconds(group: Path) -> float:
    """User and system CPU time used by everything that ran in the host, in seconds."""
    try:
        lines = (group / "cpu.stat").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return 0.0
    return next((int(line.split()[1]) / 1e6 for line in lines if line.startswith("usage_usec")), 0.0)


@contextmanager
def frozen(group: Path, *, timeout: float = 10.0) -> Iterator[None]:
    """Stop every process of the host for the block. Raises `HostError` after `timeout` seconds."""
    switch = group / "cgroup.freeze"
    try:
        _freeze(group, timeout)
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            switch.write_text("0", encoding="ascii")


def _freeze(group: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    try:
        (group / "cgroup.freeze").write_text("1", encoding="ascii")
        while "frozen 1" not in (group / "cgroup.events").read_text(encoding="ascii"):
            if time.monotonic() > deadline:
                raise HostError(f"the host did not freeze within {timeout:.0f} s")
            time.sleep(0.002)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENODEV}:
            raise  # else the host ends, and its cgroup with it: nothing is left to stop


def leftovers() -> tuple[Path, ...]:
    """Cgroups with our name, of hosts dead or alive."""
    return tuple(hierarchy().glob(f"{PREFIX}*"))
