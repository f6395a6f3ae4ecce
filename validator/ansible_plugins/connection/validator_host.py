# SPDX-License-Identifier: GPL-3.0-or-later
# This file imports ansible-core, which is GPL-3.0-or-later; the licence is in LICENSES/GPL-3.0-or-later.txt.
"""Runs tasks inside a disposable host, seen from the confined controller beside it or from the machine."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: validator_host
short_description: run tasks inside a disposable host
description: Enters the namespaces of the host's init with nsenter(1); files travel through cat(1).
options:
  init_pid:
    description: Pid of the host's init as the controller sees it.
    type: int
    required: true
    vars: [{name: validator_init_pid}]
  init_started:
    description: When that process started, in clock ticks after the machine's boot (proc(5)). Another process with
      the same pid is not entered.
    type: int
    vars: [{name: validator_init_started}]
  from_outside:
    description: Whether the controller is on the machine itself and not in the host's user namespace.
    type: bool
    default: false
    vars: [{name: validator_from_outside}]
  cgroup:
    description: The host's cgroup, for what enters from outside.
    type: path
    vars: [{name: validator_cgroup}]
extends_documentation_fragment: [connection_pipelining]
"""

ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/sh",
    "TERM": "dumb",
}
NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w")
OUTSIDE = ("-U", "-S", "0", "-G", "0")
JOIN = ("/bin/sh", "-c", 'echo $$ > "$0/exec/cgroup.procs" && exec "$@"')


class Connection(ConnectionBase):
    transport = "validator_host"
    has_pipelining = True
    has_tty = False

    def _connect(self):
        self._connected = True
        return self

    def _run(self, command, data=None, stdin=subprocess.PIPE, stdout=subprocess.PIPE):
        argv = [*self._enter(), "/bin/sh", "-c", command]
        try:
            child = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=ENV)
        except OSError as error:
            raise AnsibleConnectionFailure(f"the disposable host cannot be entered: {error}") from error
        out, err = child.communicate(data)
        return child.returncode, out, err

    def _enter(self):
        pid = self.get_option("init_pid")
        if not self.get_option("from_outside"):
            return ["nsenter", "-t", str(pid), *NAMESPACES]
        self._require_host(pid)
        return [*JOIN, str(self.get_option("cgroup")), "nsenter", "-t", str(pid), *OUTSIDE, *NAMESPACES]

    def _require_host(self, pid):
        """On the machine a pid may be another process's by now, and its namespaces the machine's own."""
        try:
            started = int(
                Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
            )
            namespaces = {each: Path(f"/proc/{each}/ns/user").readlink() for each in ("self", pid)}
        except (OSError, IndexError) as error:
            raise AnsibleConnectionFailure("the disposable host has ended") from error
        if started != self.get_option("init_started") or namespaces["self"] == namespaces[pid]:
            raise AnsibleConnectionFailure("the disposable host has ended")

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._run(cmd, in_data)

    def put_file(self, in_path, out_path):
        if not Path(in_path).exists():
            raise AnsibleFileNotFound(f"there is no file {in_path}")
        with Path(in_path).open("rb") as source:
            code, _, err = self._run(f"cat > {shlex.quote(out_path)}", stdin=source)
        if code:
            raise AnsibleError(f"{out_path} could not be written in the host: {err.decode(errors='replace')}")

    def fetch_file(self, in_path, out_path):
        with Path(out_path).open("wb") as target:
            code, _, err = self._run(f"cat {shlex.quote(in_path)}", stdout=target)
        if code:
            raise AnsibleError(f"{in_path} could not be read in the host: {err.decode(errors='replace')}")

    def close(self):
        self._connected = False
