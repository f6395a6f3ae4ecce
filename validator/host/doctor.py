"""What a disposable host needs from this machine, looked at one by one, in plain words."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from validator import process
from validator.errors import ValidatorError
from validator.host import cgroup, machine
from validator.host.cache import Cache

KERNEL = (5, 19)  # ID-mapped layers below an overlay (Linux 5.19, fs/overlayfs)
SPACE = 4096  # megabytes that a scenario with a database and its image take
PROGRAMS = {"mmdebstrap": "mmdebstrap", "nsenter": "util-linux", "cp": "coreutils"}
NEXT = "Mend what is missing above first."


@dataclass(frozen=True, kw_only=True)
class Sign:
    """One thing that was looked at. `to_do` is empty when it is fine."""

    what: str
    fine: bool
    found: str
    to_do: str = ""


def examine() -> tuple[Sign, ...]:
    """Look at everything; the last sign is a host that was really started and thrown away."""
    return tuple(sign for look in (_root, _kernel, _groups, _programs, _ansible, _cache, _host) for sign in look())


def _root() -> Iterator[Sign]:
    uid = os.geteuid()
    yield Sign(
        what="privileges",
        fine=uid == 0,
        found="root" if uid == 0 else f"uid {uid}",
        to_do="" if uid == 0 else "Run as root, e.g. with sudo.",
    )


def _kernel() -> Iterator[Sign]:
    release = platform.release()
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    fine = sys.platform == "linux" and numbers >= KERNEL
    yield Sign(
        what="kernel",
        fine=fine,
        found=f"{platform.system()} {release}",
        to_do="" if fine else "Linux 5.19 or newer is needed.",
    )


def _groups() -> Iterator[Sign]:
    try:
        place = cgroup.hierarchy()
    except ValidatorError as error:
        yield Sign(what="cgroup v2", fine=False, found=error.message, to_do=error.hint)
        return
    fine = os.access(place, os.W_OK)
    yield Sign(
        what="cgroup v2",
        fine=fine,
        found=str(place),
        to_do="" if fine else f"{place} must be writable: mount it read-write (a container needs --privileged).",
    )


def _programs() -> Iterator[Sign]:
    for name, package in PROGRAMS.items():
        found = shutil.which(name, path=process.SYSTEM_PATH)
        yield Sign(
            what=name,
            fine=found is not None,
            found=found or "not found",
            to_do="" if found else f"apt-get install {package}",
        )


def _ansible() -> Iterator[Sign]:
    program = Path(sys.executable).parent / "ansible-playbook"
    yield Sign(
        what="ansible-playbook",
        fine=program.exists(),
        found=str(program) if program.exists() else "not in this environment",
        to_do="" if program.exists() else "Install ansible-core into the environment that `validate` runs from.",
    )


def _cache() -> Iterator[Sign]:
    try:
        cache = Cache.open()
    except ValidatorError as error:
        yield Sign(what="cache", fine=False, found=error.message, to_do=error.hint)
        return
    free = machine.free_megabytes(cache.root)
    fine = free >= SPACE
    yield Sign(
        what="cache",
        fine=fine,
        found=f"{cache.root}, {free} MB free",
        to_do="" if fine else f"Free {SPACE} MB there, or set VALIDATE_CACHE to a larger disk.",
    )


def _host() -> Iterator[Sign]:
    """A host over the machine's own root: everything a real one needs but an image."""
    checks: tuple[Callable[[], object], ...] = (process.require_root, Cache.open)
    try:
        for check in checks:
            check()
        spec = machine.HostSpec(driver="plain", hostname="probe", layers=(Path("/"),))
        with machine.started(spec, Cache.open()) as host:
            host.run(
                "/bin/sh",
                "-c",
                ": > /probe && chown 33:33 /probe && mv /probe /probe2 && rm /probe2",
                label="writing in a probe host",
            )
    except (ValidatorError, OSError) as error:
        yield Sign(
            what="a disposable host",
            fine=False,
            found=str(error),
            to_do=error.hint or NEXT if isinstance(error, ValidatorError) else NEXT,
        )
    else:
        yield Sign(what="a disposable host", fine=True, found="started, written to, thrown away")
