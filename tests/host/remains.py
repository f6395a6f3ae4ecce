"""What belongs to a run of the command, and what is left of it afterwards: processes, mounts, namespaces, cgroups."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import COMMAND, PROJECT, Ran
from validator.host import cgroup

AT_ONCE = 5.0  # seconds in which nothing may be left of a run that was killed
KINDS = ("net", "pid")


def eventually(holds: Callable[[], bool], otherwise: Callable[[], str], *, seconds: float = AT_ONCE) -> None:
    """Fail with `otherwise` unless `holds` becomes true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.05)


@dataclass(frozen=True)
class Process:
    """A process that cannot be taken for a later one with its pid."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether it is there; a zombie is not."""
        return stat_of(self.pid)[1:] == [str(self.started)]


def stat_of(pid: int) -> list[str]:
    """Parent and start time of a live process; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in {"Z", "X"} else [fields[1], fields[19]]


def processes() -> Iterator[int]:
    """The pids of the machine."""
    for path in Path("/proc").glob("[0-9]*"):
        yield int(path.name)


def family(pid: int) -> set[Process]:
    """A process and all that descend from it."""
    parents = {each: about for each in processes() if (about := stat_of(each))}
    found, grown = {pid}, True
    while grown:
        children = {each for each, about in parents.items() if int(about[0]) in found} - found
        found |= children
        grown = bool(children)
    return {Process(each, parents[each][1]) for each in found if each in parents}


def read(path: str | Path) -> str:
    """A file of /proc, empty when its process has gone."""
    try:
        return Path(path).read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def left_of(cache: Path) -> list[str]:
    """Processes and mounts, in any mount namespace, that belong to a cache."""
    word = str(cache)
    found = []
    for pid in processes():
        if pid != os.getpid() and word in read(f"/proc/{pid}/cmdline"):
            found.append(f"process {pid}: {read(f'/proc/{pid}/cmdline')[:200]}")
        found += [f"mount of {pid}: {line}" for line in read(f"/proc/{pid}/mountinfo").splitlines() if word in line]
    return found


def namespaces(members: set[Process]) -> dict[str, int]:
    """The network and pid namespaces of some processes, but for the machine's own, each with a descriptor.

    The descriptor keeps the kernel from giving the namespace's number to another one.
    """
    found: dict[str, int] = {}
    for member in members:
        for kind in KINDS:
            name = _namespace(member.pid, kind)
            if name and name not in found and name != _namespace(os.getpid(), kind):
                held = os.open(f"/proc/{member.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
                found[str(Path(f"/proc/self/fd/{held}").readlink())] = held
    return found


def users_of(wanted: Iterable[str]) -> list[str]:
    """What keeps namespaces alive: processes in them, other processes' descriptors of them, mounts of them."""
    names = set(wanted)
    found = []
    for pid in processes():
        links = [f"ns/{kind}" for kind in KINDS]
        if pid != os.getpid():
            links += [f"fd/{path.name}" for path in listed(f"/proc/{pid}/fd")]
        found += [f"{pid} {link} is {name}" for link in links if (name := _link(f"/proc/{pid}/{link}")) in names]
    mounts = read("/proc/self/mountinfo").splitlines()
    return found + [line for line in mounts if any(name in line for name in names)]


def listed(directory: str) -> list[Path]:
    """What is in a directory of /proc; nothing when its process has gone."""
    try:
        return list(Path(directory).iterdir())
    except OSError:
        return []


def _namespace(pid: int, kind: str) -> str:
    return _link(f"/proc/{pid}/ns/{kind}")


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""


def is_empty(group: Path) -> bool:
    """Whether a cgroup is there without a process."""
    return "populated 0" in read(group / "cgroup.events")


def assert_nothing_left(cache: Path, known: set[Path]) -> None:
    """Nothing is left of any run in a cache; of cgroups, nothing empty that is not `known`."""
    assert not list((cache / "hosts").glob("*"))
    assert not list(cache.glob("states/.*.unfinished"))
    eventually(lambda: not left_of(cache), lambda: f"left behind: {left_of(cache)}")
    eventually(
        lambda: not [group for group in set(cgroup.leftovers()) - known if is_empty(group)],
        lambda: f"cgroups left behind: {set(cgroup.leftovers()) - known}",
    )


@dataclass
class Running:
    """The command while it runs, and all that belongs to it."""

    child: subprocess.Popen[bytes]
    cache: Path
    out: Path
    err: Path
    seen: set[Process] = field(default_factory=set)
    namespaces: dict[str, int] = field(default_factory=dict)
    groups: set[Path] = field(default_factory=set)

    @classmethod
    def start(
        cls,
        cache: Path,
        scenario: Path,
        *arguments: str,
        command: str = "scenario",
        option: str | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> Running:
        """Start to validate a scenario, or what else the command does with one; `option` names it where it has to."""
        out, err = (cache / f"{name}-{time.monotonic_ns()}" for name in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            child = subprocess.Popen(
                [COMMAND, command, *([option] if option else []), str(scenario), *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=PROJECT,
                env={**os.environ, "VALIDATE_CACHE": str(cache)},
            )
        return cls(child=child, cache=cache, out=out, err=err)

    @property
    def errors(self) -> str:
        """Standard error so far."""
        return self.err.read_text(encoding="utf-8")

    @property
    def commands(self) -> list[str]:
        """The command lines of all that belongs to it now."""
        return [read(f"/proc/{each.pid}/cmdline") for each in family(self.child.pid)]

    def wait_until(self, holds: Callable[[Running], bool], *, seconds: float = 120.0) -> None:
        """Wait for something to happen while the command runs; then note all that belongs to it."""
        deadline = time.monotonic() + seconds
        while not holds(self):
            assert self.child.poll() is None, f"it ended with {self.child.returncode}:\n{self.errors}"
            assert time.monotonic() < deadline, f"it did not come to that:\n{self.errors}\n{self.commands}"
            time.sleep(0.05)
        self.note()

    def lasts(self, seconds: float) -> bool:
        """Let it run for so long; then note all that belongs to it. Whether it still runs."""
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.note()
            return True
        return False

    def note(self) -> None:
        """Note all that belongs to it now."""
        self.seen = family(self.child.pid)
        self.namespaces = namespaces(self.seen)
        self.groups = {cgroup.of_host(path.name) for path in (self.cache / "hosts").glob("*")}

    def send(self, number: signal.Signals) -> int:
        """Send a signal to the command alone and wait for its end."""
        self.child.send_signal(number)
        return self.child.wait(30)

    def wait(self) -> Ran:
        """Wait for its end."""
        code = self.child.wait(300)
        return Ran(code=code, out=self.out.read_text(encoding="utf-8"), err=self.errors)

    def assert_gone(self) -> None:
        """Nothing that was noted is left, at once."""
        eventually(lambda: not self.left(), lambda: f"left behind: {self.left()}")

    def left(self) -> list[str]:
        """What is left of it."""
        return [
            *(f"process {each.pid}: {read(f'/proc/{each.pid}/cmdline')}" for each in self.seen if each.alive),
            *left_of(self.cache),
            *users_of(self.namespaces),
            *(f"cgroup {group}" for group in self.groups if group.exists()),
        ]

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        for held in self.namespaces.values():
            os.close(held)
