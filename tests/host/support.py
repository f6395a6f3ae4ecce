"""Small scenarios, caches of their own, and a look at what a run has left behind, for tests that start hosts."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.conftest import COMMAND, PROJECT, Ran, Validate
from validator.host import cgroup
from validator.host.cache import Cache
from validator.host.image import ImageSpec

HOSTNAME = "shop.example.test"
IMAGE = {"suite": "bookworm", "packages": ["puppet-agent", "python3"]}  # the image of scenarios/plain-files
SPEC = ImageSpec(suite="bookworm", packages=("puppet-agent", "python3"), hostname=HOSTNAME, services=False)
AT_ONCE = 5.0  # seconds in which nothing may be left of a run that was killed

OLD = "file { '/etc/shop.conf': content => \"version=1\\n\", mode => '0644' }\n"
NEW = "file { '/etc/shop.conf': content => \"version=2\\n\", mode => '0640' }\n"
TASKS = """\
- name: version 2
  ansible.builtin.copy:
    dest: /etc/shop.conf
    content: "version=2\\n"
    owner: root
    mode: "0640"
"""


def write_scenario(
    directory: Path, *, old: str = OLD, new: str = NEW, tasks: str = TASKS, **parts: dict[str, object] | str
) -> Path:
    """A scenario on a plain host that converges as it is. `parts` are added to those of scenario.yml."""
    directory.mkdir(parents=True, exist_ok=True)
    document: dict[str, object] = {
        "title": "a file moves to version 2",
        "image": IMAGE,
        "host": {"driver": "plain", "hostname": HOSTNAME},
        "old": {"manifest": "old.pp", "modules": []},
        "upgrade": {"tasks": "upgrade.yml"},
        "new": {"manifest": "new.pp", "modules": []},
    }
    for name, value in parts.items():
        before = document.get(name)
        document[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    (directory / "scenario.yml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    (directory / "old.pp").write_text(old, encoding="utf-8")
    (directory / "new.pp").write_text(new, encoding="utf-8")
    (directory / "upgrade.yml").write_text(tasks, encoding="utf-8")
    return directory


def fingerprint(directory: Path) -> dict[str, str]:
    """Every path below a directory with all that can be said of it but when it was last read."""
    found = {}
    for path in sorted((directory, *directory.rglob("*"))):
        about = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        link = str(path.readlink()) if path.is_symlink() else ""
        found[str(path)] = f"{about.st_mode:o} {about.st_uid}:{about.st_gid} {about.st_mtime_ns} {content}{link}"
    return found


def linked_cache(root: Path, other: Cache) -> Path:
    """A cache directory whose images and packages are those of another one."""
    root.mkdir()
    for kind in ("images", "packages"):
        (root / kind).symlink_to(other.root / kind)
    for kind in ("states", "runs", "hosts"):
        (root / kind).mkdir()
    return root


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A cache of its own whose images are everybody's, and room for scenarios."""

    root: Path
    cache: Path
    validate: Validate

    def scenario(self, name: str = "shop", **texts: dict[str, object] | str) -> Path:
        """Write a scenario (see `write_scenario`)."""
        return write_scenario(self.root / name, **texts)  # type: ignore[arg-type]  # texts and parts share a type

    def run(self, scenario: Path, *arguments: str | Path, **how: str) -> Ran:
        """Validate a scenario to its end; it must be untouched afterwards, and nothing may be left of the run."""
        before, groups = fingerprint(scenario), set(cgroup.leftovers())
        ran = self.validate("scenario", scenario, *arguments, env={"VALIDATE_CACHE": str(self.cache), **how})
        assert fingerprint(scenario) == before
        assert "Traceback" not in ran.err, ran.err
        self.assert_clean(groups)
        return ran

    def json(self, scenario: Path, *arguments: str | Path) -> Ran:
        """The same with `--format json`."""
        return self.run(scenario, "--format", "json", *arguments)

    def assert_clean(self, known: set[Path]) -> None:
        """Nothing is left of any run in this cache; of cgroups, nothing empty that is not `known`."""
        assert not list((self.cache / "hosts").glob("*"))
        assert not list(self.cache.glob("*/.*.unfinished"))
        eventually(lambda: not left_of(self.cache), lambda: f"left behind: {left_of(self.cache)}")
        eventually(
            lambda: not [group for group in set(cgroup.leftovers()) - known if is_empty(group)],
            lambda: f"cgroups left behind: {set(cgroup.leftovers()) - known}",
        )


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


def namespaces(members: set[Process]) -> set[str]:
    """The network, mount and pid namespaces of some processes that are not the machine's own."""
    return {
        link
        for member in members
        for kind in ("net", "mnt", "pid")
        if (link := _namespace(member.pid, kind)) and link != _namespace(os.getpid(), kind)
    }


def users_of(wanted: set[str]) -> list[str]:
    """What keeps a namespace alive: processes in it, and mounts of it."""
    inside = [
        f"{pid} in {link}"
        for pid in processes()
        for kind in ("net", "mnt", "pid")
        if (link := _namespace(pid, kind)) in wanted
    ]
    return inside + [line for line in read("/proc/self/mountinfo").splitlines() if any(name in line for name in wanted)]


def _namespace(pid: int, kind: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
    except OSError:
        return ""


def is_empty(group: Path) -> bool:
    """Whether a cgroup is there without a process."""
    return "populated 0" in read(group / "cgroup.events")


@dataclass
class Running:
    """The command while it runs, and all that belongs to it."""

    child: subprocess.Popen[bytes]
    cache: Path
    out: Path
    err: Path
    seen: set[Process] = field(default_factory=set)
    namespaces: set[str] = field(default_factory=set)
    groups: set[Path] = field(default_factory=set)

    @classmethod
    def start(cls, lab: Lab, scenario: Path, *arguments: str) -> Running:
        """Start to validate a scenario."""
        out, err = lab.root / f"out-{time.monotonic_ns()}", lab.root / f"err-{time.monotonic_ns()}"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            child = subprocess.Popen(
                [COMMAND, "scenario", str(scenario), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=PROJECT,
                env={**os.environ, "VALIDATE_CACHE": str(lab.cache)},
            )
        return cls(child=child, cache=lab.cache, out=out, err=err)

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
