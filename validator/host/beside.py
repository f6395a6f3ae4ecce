"""Commands that run beside a host, confined: they can enter the host and cannot touch the machine."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path

from validator import process
from validator.host import programs
from validator.host.machine import Host

SYSTEM_DIRECTORIES = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/ssl/certs",  # and not /etc/ssl/private: the machine's keys
    "/etc/ssl/openssl.cnf",
)
PACKAGE = Path(__file__).resolve().parents[1]


def command(
    host: Host,
    argv: tuple[str, ...],
    *,
    env: Mapping[str, str],
    cwd: str,
    binds: tuple[tuple[Path, str], ...],
    label: str,
    timeout: float,
    channel: str,
) -> process.Command:
    """The command, with read-only views of the interpreter, this package and `binds` (source, absolute place)."""
    host.require_running()
    stage = host.directory / f"beside-{uuid.uuid4().hex[:8]}"
    stage.mkdir()
    views, links = _system()
    config = {
        "init": host.init,
        "reaper": host.reaper,
        "cgroup": str(host.cgroup),
        "stage": str(stage),
        "views": [*views, *_interpreter(), *((str(source), place) for source, place in binds)],
        "links": links,
        "argv": argv,
        "env": dict(env),
        "cwd": cwd,
    }
    return process.Command(
        argv=programs.program("confine"),
        stdin=json.dumps(config).encode(),
        label=label,
        timeout=timeout,
        accept=None,
        channel=channel,
    )


def _system() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Views of the system's programs and libraries; on a merged-/usr system most of them are links."""
    views, links = [], []
    for name in (*SYSTEM_DIRECTORIES, *SYSTEM_FILES):
        path = Path(name)
        if path.is_symlink():
            links.append((name, str(path.readlink())))
        elif path.exists():
            views.append((name, name))
    return views, links


def _interpreter() -> list[tuple[str, str]]:
    """Views of the environment this program runs in, but for what another view shows already."""
    shown: list[Path] = [Path("/usr")]
    for path in sorted({Path(sys.prefix), Path(sys.base_prefix).resolve(), PACKAGE}, key=lambda each: len(each.parts)):
        if not any(path.is_relative_to(above) for above in shown):
            shown.append(path)
    return [(str(path), str(path)) for path in shown[1:]]
