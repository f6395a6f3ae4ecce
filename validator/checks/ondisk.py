"""What the upgrade, and a fault after it, changed on disk: by path, with the time and the task of each change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from validator.findings import Left
from validator.record import PackageChange, PathChange, Phase, Run, Task
from validator.redact import MARK

SLACK = 0.02  # seconds; the clock of a file system stands still between two ticks of up to 10 ms
DIFFERS = {"added", "removed", "type", "content"}
PATH_ARGUMENTS = ("path", "dest", "name", "src")
PACKAGE_MODULES = {"apt", "dnf", "dnf5", "package", "yum", "zypper"}
PACKAGE_ARGUMENTS = ("name", "pkg", "package", "deb")
UPGRADES = [True, "dist", "full", "safe", "yes"]  # values of apt's `upgrade` that do something
PACKAGE_LISTS = "/var/lib/dpkg/info"  # dpkg writes NAME.list or NAME:ARCHITECTURE.list when it unpacks a package


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A change of a path. `at` is the Unix time of its last change, `content_at` that of the last one of its content.

    They differ when only the mode or the owner was changed afterwards, and the record shows it.
    """

    change: PathChange
    at: float
    content_at: float

    @property
    def differs(self) -> bool:
        """Whether more than the mode, owner or group is different."""
        return self.change.kind in DIFFERS


@dataclass(frozen=True, kw_only=True)
class SeenPackage:
    """A package that is not as it was. `trace` is the path that shows when that happened, if there is one."""

    change: PackageChange
    at: float
    trace: str


class Disk:
    """The changes, by path. `option_files` remembers, for a type, which of them hold its options."""

    def __init__(self, run: Run) -> None:
        self.option_files: dict[str, list[str]] = {}
        self._phases = tuple(phase for name in ("upgrade", "fault") if (phase := run.phase(name)) is not None)
        self._seen: dict[str, list[Seen]] = defaultdict(list)
        for phase in self._phases:
            for change in phase.disk.changes if phase.disk else ():
                if change.kind != "touched":
                    at, content_at = _times(phase, change)
                    self._seen[plain(change.path)].append(Seen(change=change, at=at, content_at=content_at))

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def at(self, path: str) -> tuple[Seen, ...]:
        """The changes of one path, one for each phase that made any."""
        return tuple(self._seen.get(plain(path), ()))

    def below(self, directory: str) -> Iterator[str]:
        """The changed paths in a directory and all that is in it."""
        prefix = f"{plain(directory).rstrip('/')}/"
        return (path for path in self._seen if path.startswith(prefix))

    def package(self, name: str) -> Iterator[SeenPackage]:
        """What happened to a package."""
        for phase in self._phases:
            for change in phase.disk.packages if phase.disk else ():
                if change.name.partition(":")[0] == name.partition(":")[0]:
                    yield self._package(phase, change)

    def _package(self, phase: Phase, change: PackageChange) -> SeenPackage:
        stem = f"{PACKAGE_LISTS}/{change.name.partition(':')[0]}"
        lists = [
            seen
            for path in self.below(PACKAGE_LISTS)
            if path == f"{stem}.list" or (path.startswith(f"{stem}:") and path.endswith(".list"))
            for seen in self.at(path)
        ]
        if lists:
            last = max(lists, key=lambda seen: seen.at)
            return SeenPackage(change=change, at=last.at, trace=last.change.path)
        task = _package_task(phase, change.name)
        return SeenPackage(change=change, at=task.end if task else phase.started + phase.seconds, trace="")

    def writer(self, path: str, at: float) -> Left | None:
        """The task that wrote a path at a time: seen at its borders, or else the last one that names the path."""
        spans = [span for phase in self._phases for run in phase.ansible for span in run.spans if path in span.paths]
        within = [span for span in spans if span.start - SLACK <= at <= span.end + SLACK]
        for span in within[-1:]:
            return Left(task=span.name, place=span.place, did=f"wrote {path}", known="seen")
        for task in reversed([task for phase in self._phases for run in phase.ansible for task in run.tasks]):
            if task.args == MARK and task.changed:
                break  # its arguments are hidden (no_log): it may well have been this one
            if task.status == "ok" and _names(task, PATH_ARGUMENTS, plain(path)):
                return Left(task=task.name, place=task.place)
        return next((Left(task=span.name, place=span.place) for span in spans[-1:]), None)

    def package_writer(self, name: str) -> Left | None:
        """The last task that names a package."""
        for phase in reversed(self._phases):
            if (task := _package_task(phase, name)) is not None:
                return Left(task=task.name, place=task.place)
        return None


def plain(path: str) -> str:
    """A path without what does not matter in it: a slash at the end, two slashes in a row."""
    return str(PurePosixPath(path)).replace("//", "/", 1)


def _times(phase: Phase, change: PathChange) -> tuple[float, float]:
    spans = [span for run in phase.ansible for span in run.spans if change.path in span.paths]
    modified = change.after.modified if change.after is not None else 0.0
    at = change.changed_at
    if not at and spans:
        at = modified if spans[-1].start <= modified <= spans[-1].end else spans[-1].end
    if not at:
        # A file can be older than the phase that put it there (`cp -p`): then its own time says nothing.
        at = modified if modified and modified >= phase.started else phase.started + phase.seconds
    # A chmod after the service was restarted does not make the content newer. Only a time at which the path is known
    # to have been written counts: any other may have been brought along by a copy.
    seen = any(span.start - SLACK <= modified <= span.end + SLACK for span in spans)
    later = change.kind == "content" and bool(change.aspects) and seen and modified < at
    return at, modified if later else at


def _package_task(phase: Phase, name: str) -> Task | None:
    """The last task that names the package, or upgrades them all."""
    tasks = [task for run in phase.ansible for task in run.tasks if task.status == "ok" and task.changed]
    tasks = [task for task in tasks if task.module.rpartition(".")[2] in PACKAGE_MODULES]
    named = [task for task in tasks if _names(task, PACKAGE_ARGUMENTS, name.partition(":")[0])]
    every = [
        task
        for task in tasks
        if isinstance(task.args, dict)
        and (task.args.get("upgrade") in UPGRADES or _names(task, PACKAGE_ARGUMENTS, "*"))
    ]
    return next(iter((named or every)[-1:]), None)


def _names(task: Task, arguments: tuple[str, ...], name: str) -> bool:
    if not isinstance(task.args, dict):
        return False
    values = [task.args.get(argument) for argument in arguments]
    flat = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return any(isinstance(each, str) and name in {each.split("=")[0], plain(each)} for each in flat if each)
