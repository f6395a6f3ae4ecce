# SPDX-License-Identifier: GPL-3.0-or-later
# This file imports ansible-core, which is GPL-3.0-or-later; the licence is in LICENSES/GPL-3.0-or-later.txt.
"""Runs tasks inside a disposable host, seen from the confined controller beside it."""

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


class Connection(ConnectionBase):
    transport = "validator_host"
    has_pipelining = True
    has_tty = False

    def _connect(self):
        self._connected = True
        return self

    def _run(self, command, data=None, stdin=subprocess.PIPE, stdout=subprocess.PIPE):
        argv = ["nsenter", "-t", str(self.get_option("init_pid")), *NAMESPACES, "/bin/sh", "-c", command]
        try:
            child = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=ENV)
        except OSError as error:
            raise AnsibleConnectionFailure(f"the disposable host cannot be entered: {error}") from error
        out, err = child.communicate(data)
        return child.returncode, out, err

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
