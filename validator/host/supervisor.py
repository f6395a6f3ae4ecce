"""The program between the validator and one host: makes its namespaces, starts its init, outlives nothing.

    python -I -S -c '...main()' CONFIG-JSON LIFELINE-FD

Three processes: this *supervisor* watches the lifeline and its own child; the *reaper*, pid 1 of an outer pid
namespace in which Ansible's controller runs too; the host's *init*, pid 1 of the host's own pid namespace.
The reaper and the init die with their parent (PR_SET_PDEATHSIG), and a pid namespace dies with its pid 1: so
whichever process is killed, SIGKILL included, nothing stays. What may stay is an empty cgroup and the state
directory; both are removed here when possible and swept at the next start otherwise.

With `init: cage` there is no host: a command runs on the machine's own root with mounts, devices and pids of
its own (an image is built this way).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from validator.host import linux

SYSTEMD = "/lib/systemd/systemd"
READY = "ready\n"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the validator asks for. Paths are the machine's; `binds` are (source, place under /run/validate)."""

    init: str  # systemd, plain or cage
    state: str
    lowers: tuple[str, ...] = ()
    lock: int = 0
    hostname: str = ""
    cgroup: str = ""
    binds: tuple[tuple[str, str], ...] = ()
    addresses: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()


def main() -> None:
    """Run one host to its end."""
    raw = json.loads(sys.argv[1])
    config = Config(
        **{
            **raw,
            "lowers": tuple(raw.get("lowers", ())),
            "binds": tuple((source, place) for source, place in raw.get("binds", ())),
            "argv": tuple(raw.get("argv", ())),
            "addresses": tuple(raw.get("addresses", ())),
        }
    )
    lifeline = int(sys.argv[2])
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # the lifeline says when to end
    sys.exit(cage(config, lifeline) if config.init == "cage" else host(config, lifeline))


def host(config: Config, lifeline: int) -> int:
    """Start the host, report its pids as one JSON line, and stay until it or the validator ends."""
    try:
        owners = linux.new_user_namespace()
        make_cgroup(Path(config.cgroup))
        report_read, report_write = os.pipe()
        linux.unshare(linux.NEWPID)
        reaper = fork_dying_with_parent()
        if reaper == 0:
            os.close(report_read)
            run_reaper(config, owners, report_write)
        os.close(report_write)
        os.close(owners)
        inner = os.fdopen(report_read).readline()
        if inner == READY:
            init = int(Path(f"/proc/{reaper}/task/{reaper}/children").read_text(encoding="ascii").split()[0])
            say({"init": init, "reaper": reaper, "init_in_reaper": pids_of(init)[-2]})
        else:
            say({"error": inner.strip() or "the host's init ended before it was ready"})
    except OSError as error:
        say({"error": explain(error)})
        return 1
    code = watch(reaper, lifeline)
    remove_cgroup(Path(config.cgroup))
    return code


def cage(config: Config, lifeline: int) -> int:
    """Run a command of the machine with pids, mounts and devices of its own."""
    linux.unshare(linux.NEWPID)
    child = fork_dying_with_parent()
    if child == 0:
        os.close(lifeline)
        linux.private_mounts()
        devices = Path(config.state)
        linux.make_devices(devices)
        linux.mount_terminals_and_memory(devices)
        linux.mount(str(devices), "/dev", "", linux.MS_BIND | linux.MS_REC)
        linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
        inner = os.fork()
        if inner == 0:
            for default in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(default, signal.SIG_DFL)
            os.execvp(config.argv[0], config.argv)
        os._exit(reap_until(inner))
    return watch(child, lifeline)


def run_reaper(config: Config, owners: int, report: int) -> None:
    """Pid 1 of the outer pid namespace: attach what the host is made of, start its init, reap."""
    try:
        join = os.open(f"{config.cgroup}/init/cgroup.procs", os.O_WRONLY)
        linux.private_mounts()
        # From here on all names are relative: the host's root may not walk the machine's directories.
        os.chdir(config.state)
        attach_layers(config, owners)
        linux.make_devices(Path("dev"))
        linux.become_root_of(owners)
        linux.unshare(linux.NEWNS | linux.NEWUTS | linux.NEWIPC | linux.NEWPID | linux.NEWNET)
        init = fork_dying_with_parent()
        if init == 0:
            run_init(config, join, report)
        linux.close_all_but({config.lock})  # it stays: a sweep sees by it that the host lives
    except OSError as error:
        os.write(report, f"{explain(error)}\n".encode())
        os._exit(1)
    os._exit(reap_until(init))


def attach_layers(config: Config, owners: int) -> None:
    """Show every layer with the host's ids. Layers and the upper directory keep their owners on disk."""
    for number, lower in enumerate(config.lowers):
        place = Path(f"lower{number}")
        place.mkdir(exist_ok=True)
        linux.attach(lower, place, owners=owners, read_only=True)
    linux.attach("rw", "mapped", owners=owners, read_only=False)
    for number, (source, _) in enumerate(config.binds):
        place = Path(f"bind{number}")
        place.mkdir(exist_ok=True)
        linux.attach(source, place, owners=owners, read_only=True)


def run_init(config: Config, join: int, report: int) -> None:
    """Pid 1 of the host: mount its root, become its init."""
    try:
        os.write(join, b"0")  # needs the opener's rights, not ours: cgroup.procs checks who opened it
        linux.unshare(linux.NEWCGROUP)
        mount_root(config)
        linux.set_hostname(config.hostname)
        linux.raise_loopback()
        linux.pivot_to(Path("new"))
        add_addresses(config.addresses)
        os.setsid()
        os.write(report, READY.encode())
        linux.close_all_but(())
        if config.init == "systemd":
            null = os.open("/dev/null", os.O_RDWR)
            for standard in (0, 1):
                os.dup2(null, standard)
            os.execve(
                SYSTEMD,
                ["systemd", "--system", "--log-level=info", "--show-status=0"],
                {"container": "validator", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        reap_for_ever()
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(report, f"{explain(error)}\n".encode())
        print(explain(error), file=sys.stderr)
        os._exit(1)


def mount_root(config: Config) -> None:
    """The overlay and the kernel's file systems. Relative names also because mount(2) takes one page of options."""
    lowers = ":".join(f"lower{number}" for number in range(len(config.lowers)))
    options = f"lowerdir={lowers},upperdir=mapped/up,workdir=mapped/work,userxattr"
    linux.mount("validate", "new", "overlay", 0, options)
    new = Path("new")
    quiet = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount("dev", new / "dev", "", linux.MS_BIND | linux.MS_REC)
    linux.mount_terminals_and_memory(new / "dev")
    linux.mount("proc", new / "proc", "proc", quiet)
    linux.mount("sysfs", new / "sys", "sysfs", quiet | linux.MS_RDONLY)
    linux.mount("run", new / "run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    if config.init == "systemd":
        linux.mount("cgroup2", new / "sys/fs/cgroup", "cgroup2", quiet)
    for number, (_, place) in enumerate(config.binds):
        target = new / "run/validate" / place
        target.mkdir(parents=True)
        linux.mount(f"bind{number}", target, "", linux.MS_BIND | linux.MS_REC)


def pids_of(pid: int) -> tuple[int, ...]:
    """A process's pid in each pid namespace that holds it, the machine's first (proc(5), NSpid)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("NSpid:"):
            return tuple(int(number) for number in line.split()[1:])
    raise OSError(f"/proc/{pid}/status has no NSpid")


def add_addresses(addresses: tuple[str, ...]) -> None:
    """Addresses besides loopback, on an interface that leads nowhere: both its ends are in the host.

    Raises `OSError` when the image's `ip` refuses one.
    """
    lines = [f"address add {address} dev host0" for address in addresses]
    if lines:
        lines = ["link add host0 type veth peer name host1", "link set host0 up", "link set host1 up", *lines]
    for line in lines:
        child = os.fork()
        if child == 0:
            os.execvp("ip", ["ip", *line.split()])
        if os.waitpid(child, 0)[1] != 0:
            raise OSError(0, "refused (see `host.addresses`)", f"ip {line}")


def make_cgroup(top: Path) -> None:
    """A cgroup for the host's init, delegated to its root, and one beside it for what enters from outside.

    systemd wants the root of its tree for itself; freezing `top` stops both.
    """
    for group in (top, top / "init", top / "exec"):
        group.mkdir()
    for name in (".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"):
        os.chown(top / "init" / name, linux.FIRST_ID, linux.FIRST_ID)


def remove_cgroup(top: Path) -> bool:
    """Remove the host's cgroups, waiting up to two seconds for the last of its processes to be gone; false if not."""
    deadline = time.monotonic() + 2
    for directory, _, _ in os.walk(top, topdown=False):
        while True:
            try:
                Path(directory).rmdir()
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.01)
            else:
                break
    return True


def fork_dying_with_parent() -> int:
    """fork(2), with a child that cannot miss its parent's death."""
    alive_read, alive_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        linux.die_with_parent()
        os.close(alive_write)
        if os.read(alive_read, 1) != b"x":  # the parent died before the line above took effect
            os._exit(1)
        os.close(alive_read)
        return 0
    os.close(alive_read)
    os.write(alive_write, b"x")
    os.close(alive_write)
    return pid


def watch(child: int, lifeline: int) -> int:
    """Wait for the child; kill it when the lifeline reaches end-of-file."""
    exit_watch = os.pidfd_open(child)
    poll = select.poll()
    poll.register(exit_watch, select.POLLIN)
    poll.register(lifeline, select.POLLIN)
    if any(descriptor == lifeline for descriptor, _ in poll.poll()):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return linux.exit_status(status)


def reap_until(child: int) -> int:
    """Wait for children until `child` has ended; its exit status."""
    while True:
        pid, status = os.wait()
        if pid == child:
            return linux.exit_status(status)


def reap_for_ever() -> None:
    """All that the init of a host without services does."""
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigtimedwait({signal.SIGCHLD}, 1)


def explain(error: OSError) -> str:
    """An `OSError` in one line: what was tried, and what the kernel said."""
    return f"{error.filename or 'system call'}: {error.strerror or error}"


def say(message: dict[str, int | str]) -> None:
    """One line to the validator."""
    print(json.dumps(message), flush=True)
