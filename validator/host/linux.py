"""The system calls that Python has no function for, and mounts made of them.

Used by the small programs that stand between the validator and a host (`supervisor`, `confine`). They run
before anything else is set up, so this module imports the standard library only.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

# Numbers of include/uapi/asm-generic/unistd.h, the same on every architecture since Linux 5.2 and 5.12.
_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC, _MOVE_MOUNT_F_EMPTY_PATH = 1, 0o2000000, 4
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID, _MOUNT_ATTR_NODEV, _MOUNT_ATTR_IDMAP = 1, 2, 4, 0x100000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

# Owner ids of a host as the machine sees them: above what useradd, subuid and systemd-nspawn give out
# (systemd: docs/UIDS-GIDS.md; nspawn's range ends at 1878982655).
FIRST_ID, ID_COUNT = 1_895_825_408, 65536

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def unshare(flags: int) -> None:
    """Leave the named namespaces for new ones (unshare(2)). Raises `OSError`."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Enter the namespace behind a descriptor (setns(2)). Raises `OSError`."""
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), "setns")


def mount(source: str, target: str | Path, kind: str, flags: int = 0, data: str = "") -> None:
    """Mount a file system (mount(2)). Raises `OSError` naming the target."""
    result = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode() or None
    )
    _check(result, f"mount {kind or 'bind'} on {target}")


def unmount(target: str | Path) -> None:
    """Detach a mount and all below it. Raises `OSError`."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmount {target}")


def private_mounts() -> None:
    """Enter a mount namespace of one's own that sends nothing back to the machine's."""
    unshare(NEWNS)
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def attach(
    source: str | Path, target: str | Path, *, owners: int | None, read_only: bool, recursive: bool = False
) -> None:
    """Show `source` at `target`, with owner ids translated through the user namespace `owners`.

    Without `owners` (a descriptor), ids are not translated. Raises `OSError`; EINVAL usually means that the
    file system below does not support ID-mapped mounts (mount_setattr(2)).
    """
    at_flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    tree = _check(
        _libc.syscall(
            ctypes.c_long(_SYS_OPEN_TREE),
            ctypes.c_int(_AT_FDCWD),
            ctypes.c_char_p(os.fsencode(source)),
            ctypes.c_uint(at_flags),
        ),
        f"open_tree {source}",
    )
    try:
        attributes = (_MOUNT_ATTR_RDONLY if read_only else 0) | (_MOUNT_ATTR_IDMAP if owners is not None else 0)
        if attributes:
            request = struct.pack("QQQQ", attributes, 0, 0, owners or 0)
            flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
            _check(
                _libc.syscall(
                    ctypes.c_long(_SYS_MOUNT_SETATTR),
                    ctypes.c_int(tree),
                    ctypes.c_char_p(b""),
                    ctypes.c_uint(flags),
                    ctypes.c_char_p(request),
                    ctypes.c_size_t(len(request)),
                ),
                f"mount_setattr {source}",
            )
        _check(
            _libc.syscall(
                ctypes.c_long(_SYS_MOVE_MOUNT),
                ctypes.c_int(tree),
                ctypes.c_char_p(b""),
                ctypes.c_int(_AT_FDCWD),
                ctypes.c_char_p(os.fsencode(target)),
                ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH),
            ),
            f"move_mount {target}",
        )
    finally:
        os.close(tree)


def new_user_namespace() -> int:
    """A user namespace that maps ids 0..65535 to `FIRST_ID`.. on the machine; returns its descriptor."""
    ready_read, ready_write = os.pipe()
    done_read, done_write = os.pipe()
    holder = os.fork()
    if holder == 0:
        try:
            os.close(done_write)
            unshare(NEWUSER)
            os.write(ready_write, b"x")
            os.read(done_read, 1)
        finally:
            os._exit(0)
    os.close(ready_write)
    os.close(done_read)
    try:
        if os.read(ready_read, 1) != b"x":
            raise OSError("the kernel refused a new user namespace (see /proc/sys/user/max_user_namespaces)")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{holder}/{name}").write_text(f"0 {FIRST_ID} {ID_COUNT}\n", encoding="ascii")
        return os.open(f"/proc/{holder}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready_read)
        os.close(done_write)
        os.waitpid(holder, 0)


def become_root_of(user_namespace: int) -> None:
    """Enter a user namespace as its root, with nothing left of the machine's identity. Raises `OSError`."""
    setns(user_namespace, NEWUSER)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    # A change of identity makes a process undumpable: its /proc entry would then be closed to its own root.
    _libc.prctl(_PR_SET_DUMPABLE, 1)


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that made it ends (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def make_devices(directory: Path) -> None:
    """Fill an empty directory with device nodes of its own.

    The machine's nodes are never bound into a host: binding shares mode and owner, and a getty that
    changed /dev/null's mode inside has already broken a machine.
    """
    mount("dev", directory, "tmpfs", MS_NOSUID, "mode=755,size=4m")
    for name in ("pts", "shm", "mqueue"):
        (directory / name).mkdir()
    mask = os.umask(0)
    nodes = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
    for name, major, minor in nodes:
        os.mknod(directory / name, 0o20666, os.makedev(major, minor))
    os.umask(mask)
    links = (
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("fd/0", "stdin"),
        ("fd/1", "stdout"),
        ("fd/2", "stderr"),
    )
    for target, name in links:
        (directory / name).symlink_to(target)


def mount_terminals_and_memory(devices: Path) -> None:
    """The parts of /dev that need a user namespace of their own: pseudo terminals and shared memory."""
    mount("devpts", devices / "pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    mount("shm", devices / "shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")


def pivot_to(root: Path) -> None:
    """Make `root` the root directory and let go of the old one. Raises `OSError`."""
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def raise_loopback() -> None:
    """Bring up `lo` in this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def set_hostname(name: str) -> None:
    """Name this UTS namespace."""
    socket.sethostname(name)


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor above standard error except `kept`."""
    low = 3
    for number in sorted({*kept, os.sysconf("SC_OPEN_MAX")}):
        if number >= low:
            os.closerange(low, number)
            low = number + 1


def exit_status(wait_status: int) -> int:
    """The exit status a shell would show for a wait(2) status."""
    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else 128 - code
