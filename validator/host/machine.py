"""A disposable host: started from a stack of layers, entered, frozen, thrown away."""

from __future__ import annotations

import json
import os
import select
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from validator import process
from validator.errors import HostError, ToolError
from validator.host import cgroup, plain, programs, systemd
from validator.host.cache import Cache, no_space

START_TIMEOUT = 30.0
HOST_ENV: Mapping[str, str] = {**process.CLEAN_ENV, "USER": "root", "LOGNAME": "root", "SHELL": "/bin/sh"}
ENDED = "the host has ended: something in it rebooted it, powered it off or killed its pid 1"
NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-C", "-U")


class Driver(Protocol):
    """A way of running a host's init. Modules fit it: `validator.host.systemd`, `validator.host.plain`."""

    @property
    def INIT(self) -> str:  # noqa: N802 - a module's constant
        """What the supervisor starts as pid 1."""

    def settled(self, host: Host, units: tuple[str, ...]) -> str:
        """An empty string once the host is ready for work, else what it is still waiting for."""

    def shut_down(self, host: Host) -> None:
        """Ask the host to end in good order; returns when it has, or when it took too long."""


DRIVERS: Mapping[str, Driver] = {"systemd": systemd, "plain": plain}


@dataclass(frozen=True, kw_only=True)
class HostSpec:
    """How to start a host. `binds` are read-only: (directory of the machine, place below /run/validate)."""

    driver: str
    hostname: str
    layers: tuple[Path, ...]
    binds: tuple[tuple[Path, str], ...] = ()
    addresses: tuple[str, ...] = ()
    wait_for: tuple[str, ...] = ()
    boot_timeout: float = 120.0


@dataclass(frozen=True, kw_only=True)
class Host:
    """A running host. `init` and `reaper` are pids on the machine; `init_watch` is a pidfd of the init."""

    name: str
    spec: HostSpec
    directory: Path
    init: int
    reaper: int
    init_in_reaper: int
    cgroup: Path
    init_watch: int = field(repr=False)
    companion: process.Companion = field(repr=False)

    @property
    def upper(self) -> Path:
        """The directory that holds what the host has written since it started."""
        return self.directory / "rw" / "up"

    def command(
        self,
        *argv: str,
        label: str,
        env: Mapping[str, str] = HOST_ENV,
        timeout: float = 60.0,
        accept: frozenset[int] | None = frozenset({0}),
        stdin: bytes = b"",
    ) -> process.Command:
        """A command that runs inside the host as its root, with nothing of the machine's environment.

        Raises `HostError` when the host has ended: its pid may be another process's by now.
        """
        self.require_running()
        inside = ("nsenter", "-t", str(self.init), *NAMESPACES, "-S", "0", "-G", "0", "-r", "-w", "--")
        return process.Command(
            argv=(*cgroup.enter(self.cgroup), *inside, *argv),
            label=f"{label} (host {self.spec.hostname})",
            env=env,
            timeout=timeout,
            accept=accept,
            stdin=stdin,
        )

    def run(
        self, *argv: str, label: str, timeout: float = 60.0, accept: frozenset[int] | None = frozenset({0})
    ) -> process.Completed:
        """Run a command inside the host to its end. Raises `ToolError`."""
        return process.run(self.command(*argv, label=label, timeout=timeout, accept=accept))

    def read(self, path: str) -> bytes | None:
        """The content of a file of the host, or None when there is none."""
        done = self.run("cat", "--", path, label=f"reading {path}", accept=frozenset({0, 1}))
        return done.stdout if done.code == 0 else None

    def cpu_seconds(self) -> float:
        """CPU time of everything that ran in the host so far."""
        return cgroup.cpu_seconds(self.cgroup)

    def running(self) -> bool:
        """Whether the host is still up."""
        return not select.select((self.init_watch,), (), (), 0)[0]

    def require_running(self) -> None:
        """Raise `HostError` when the host has ended."""
        if not self.running():
            raise HostError(ENDED, hint="Nothing that runs in a host may reboot it, power it off or kill its pid 1.")

    def copy_upper(self, target: Path) -> dict[str, float]:
        """Copy what the host has written, all at one moment, while it is frozen. Sparse files stay sparse.

        Returns what a copy cannot hold: when each path's inode was last changed, as a Unix time.
        """
        copy = ("cp", "-a", "--sparse=always", str(self.upper), str(target))
        try:
            with cgroup.frozen(self.cgroup):
                process.run(process.Command(argv=copy, label="freezing a layer", timeout=600))
                return dict(_change_times(self.upper))
        except ToolError as error:
            if "No space left on device" in error.message:
                raise no_space(self.directory.parent.parent) from error
            raise

    def take_upper(self, target: Path) -> None:
        """Shut the host down in good order and move what it has written. The host is gone afterwards."""
        DRIVERS[self.spec.driver].shut_down(self)
        self.companion.stop()
        self.upper.rename(target)


@contextmanager
def started(spec: HostSpec, cache: Cache) -> Iterator[Host]:
    """Start a host, wait until it is ready for work, and leave nothing of it after the block.

    Raises `HostError` when it does not start or does not get ready within `boot_timeout` seconds.
    """
    name = uuid.uuid4().hex[:12]
    with cache.host_directory(name) as (directory, lock):
        for part in ("rw/up", "rw/work", "mapped", "new", "dev"):
            (directory / part).mkdir(parents=True)
        group = cgroup.of_host(name)
        config = {
            "init": DRIVERS[spec.driver].INIT,
            "state": str(directory),
            "lowers": [str(layer) for layer in spec.layers],
            "lock": lock,
            "hostname": spec.hostname,
            "cgroup": str(group),
            "addresses": spec.addresses,
            "binds": [(str(source), place) for source, place in spec.binds],
        }
        log = directory / "supervisor.log"
        companion = process.Companion(
            programs.program("supervisor", json.dumps(config)), label="host", keep=(lock,), log=log
        )
        try:
            host = _await(companion, spec=spec, name=name, directory=directory, group=group, log=log)
            try:
                _settle(host)
                yield host
            finally:
                os.close(host.init_watch)
        finally:
            companion.stop()


def _await(companion: process.Companion, *, spec: HostSpec, name: str, directory: Path, group: Path, log: Path) -> Host:
    answer = companion.answer(START_TIMEOUT)
    said: dict[str, Any] = (
        json.loads(answer) if answer else {"error": log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]}
    )
    if "error" in said:
        raise HostError(
            f"the disposable host did not start: {said['error'] or 'its supervisor ended without a word'}",
            hint=advice(str(said["error"])),
        )
    try:
        init_watch = os.pidfd_open(said["init"])
    except ProcessLookupError as error:
        raise HostError(ENDED) from error
    return Host(
        name=name,
        spec=spec,
        directory=directory,
        init=said["init"],
        reaper=said["reaper"],
        init_in_reaper=said["init_in_reaper"],
        cgroup=group,
        init_watch=init_watch,
        companion=companion,
    )


def advice(message: str) -> str:
    """What to do about an error with which a host did not start."""
    if "overlay" in message or "mount_setattr" in message:
        return (
            "The cache must be on a file system that overlayfs can write to and that knows ID-mapped mounts (ext4, xfs "
            "or btrfs on Linux 5.19 or newer; not another overlay): set VALIDATE_CACHE, or mount a volume there."
        )
    return "`validate doctor` checks what a host needs from this machine."


def _settle(host: Host) -> None:
    deadline = time.monotonic() + host.spec.boot_timeout
    pause = 0.05
    while waiting := DRIVERS[host.spec.driver].settled(host, host.spec.wait_for):
        if not host.running():
            log = (host.directory / "supervisor.log").read_text(encoding="utf-8", errors="replace")
            raise HostError(f"the host went down while it booted: {log.strip()[-2000:] or waiting}")
        if time.monotonic() > deadline:
            raise HostError(
                f"the host was not ready after {host.spec.boot_timeout:.0f} s: {waiting}",
                hint="Check `host.wait_for` in the scenario; `host.boot_timeout` gives it more time.",
            )
        time.sleep(pause)
        pause = min(pause * 1.3, 0.4)  # to ask costs CPU that the booting services need


def _change_times(upper: Path) -> Iterator[tuple[str, float]]:
    start = len(str(upper)) + 1
    for root, directories, files in os.walk(upper):
        for name in (*directories, *files):
            path = f"{root}/{name}"
            yield path[start:], os.lstat(path).st_ctime


def free_megabytes(path: Path) -> int:
    """Free space on the disk below a path."""
    return shutil.disk_usage(path).free // (1 << 20)
