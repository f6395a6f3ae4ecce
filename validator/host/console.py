"""A person, or a script, inside a host: a shell on a terminal of the host's own, or on pipes.

The machine's terminal never gets into a host: what runs there could type on it (TIOCSTI) or find out about it. The
shell gets a pseudo terminal of the host's devpts, and bytes are carried between the two.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping

from validator import process, relay
from validator.errors import Interrupted
from validator.host import linux
from validator.host.machine import HOST_ENV, Host

SHELLS = ("/bin/bash", "/bin/sh")
STDIN, STDOUT, STDERR = 0, 1, 2
TIOCSPTLCK, TIOCGPTPEER = 0x40045431, 0x5441  # asm-generic/ioctls.h; Python has no names for them
TTY_GROUP = 5  # Debian's


def is_terminal() -> bool:
    """Whether a person is at standard input."""
    return os.isatty(STDIN)


def run(host: Host, env: Mapping[str, str]) -> int:
    """A shell in the host until it ends. Returns its exit status.

    On a terminal it is interactive. Else it reads commands from standard input, and its output and its errors go
    where this process's go. Raises `Interrupted` when the terminal, or the reader of the output, is gone.
    """
    shell = next((each for each in SHELLS if _has(host, each)), SHELLS[-1])
    try:
        return _on_terminal(host, shell, env) if is_terminal() else _on_pipes(host, shell, env)
    except relay.HungUpError as error:
        raise Interrupted("SIGHUP") from error


def _has(host: Host, program: str) -> bool:
    return host.run("test", "-x", program, label="looking for a shell", accept=None).code == 0


def _on_terminal(host: Host, shell: str, env: Mapping[str, str]) -> int:
    env = {**HOST_ENV, "TERM": os.environ.get("TERM", "dumb"), **env}
    # The session must be one of the host's pid namespace: only there can the shell control jobs.
    command = host.command("setsid", "--ctty", shell, label="shell", env=env)
    with _Ends() as ends:
        ours, theirs = ends.terminal(host)
        with (
            relay.raw(STDIN, ours),
            process.attached(command, stdin=theirs, stdout=theirs, stderr=theirs) as child,
        ):
            ends.close(theirs)
            relay.relay(STDIN, ours, {ours: STDOUT}, child.ended)
            return child.code()


def _on_pipes(host: Host, shell: str, env: Mapping[str, str]) -> int:
    command = host.command(shell, label="shell", env={**HOST_ENV, **env})
    with _Ends() as ends:
        (commands, to_child), (out, out_of_child), (errors, errors_of_child) = (ends.pipe() for _ in range(3))
        with process.attached(command, stdin=commands, stdout=out_of_child, stderr=errors_of_child) as child:
            ends.close(commands, out_of_child, errors_of_child)
            relay.relay(STDIN, to_child, {out: STDOUT, errors: STDERR}, child.ended)
            return child.code()


class _Ends:
    """Descriptors that are closed with the block, those that are left."""

    def __init__(self) -> None:
        self._open: list[int] = []

    def __enter__(self) -> _Ends:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(*self._open)

    def close(self, *ends: int) -> None:
        for end in ends:
            self._open.remove(end)
            os.close(end)

    def pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self._open += ends
        return ends

    def terminal(self, host: Host) -> tuple[int, int]:
        """Both ends of a new pseudo terminal of the host's devpts; the second belongs to the host's root."""
        host.require_running()
        ours = os.open(f"/proc/{host.init}/root/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        self._open.append(ours)
        fcntl.ioctl(ours, TIOCSPTLCK, b"\0\0\0\0")
        theirs = fcntl.ioctl(ours, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        self._open.append(theirs)
        # Its owner is who opened it, the machine's root, whom the host does not know.
        os.fchown(theirs, linux.FIRST_ID, linux.FIRST_ID + TTY_GROUP)
        return ours, theirs
