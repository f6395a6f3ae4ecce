"""A person at a terminal: what they see, type and do with its window."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

from tests.conftest import COMMAND, PROJECT

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Terminal:
    """The command on a pseudo terminal of its own, which is its controlling one."""

    def __init__(self, cache: Path, *arguments: str | Path) -> None:
        self.fd, theirs = pty.openpty()
        self.resize(30, 100)
        self.child = subprocess.Popen(
            ["/usr/bin/setsid", "--ctty", COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=PROJECT,
            env={**os.environ, "VALIDATE_CACHE": str(cache), "TERM": "xterm"},
        )
        os.close(theirs)
        self.code: int | None = None

    @property
    def pid(self) -> int:
        return self.child.pid

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def until(self, pattern: str, *, seconds: float = 120.0) -> str:
        """What is shown until a pattern is matched."""
        seen, deadline = "", time.monotonic() + seconds
        while not re.search(pattern, seen):
            assert time.monotonic() < deadline, f"{pattern!r} was not shown:\n{seen}"
            if select.select([self.fd], [], [], 0.2)[0]:
                seen += ESCAPES.sub("", self._read())
        return seen

    def rest(self) -> str:
        """What is shown until the command ends, whose exit status is in `code` then."""
        seen = ""
        while chunk := self._read():
            seen += ESCAPES.sub("", chunk)
        self.code = self.child.wait(60)
        return seen

    def close(self) -> None:
        """Close the window."""
        os.close(self.fd)
        self.fd = -1

    def _read(self) -> str:
        try:
            return os.read(self.fd, 1 << 16).decode("utf-8", "replace")
        except OSError:  # nobody has it open any more
            return ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.fd >= 0:
            self.close()
        self.child.wait(60)
