"""What fixes are made of, in clear: values of the catalog, files as Puppet leaves them, what its providers run.

Never part of a record: that is redacted, and a fix takes secrets from variables. Gathered while the host still runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from validator import phases
from validator.bench import Bench
from validator.host.layer import Entry, Stack
from validator.record import PathChange, Phase
from validator.work import Work

LARGEST = 512 * 1024  # bytes of a file whose content may go into a task
KINDS: Mapping[str, Literal["file", "directory", "link"]] = {"file": "file", "directory": "directory", "link": "link"}


@dataclass(frozen=True, kw_only=True)
class FileState:
    """A path of a host. `content` is None for what is no file, no UTF-8 text, or too large for a task."""

    kind: Literal["file", "directory", "link", "other"]
    mode: str
    owner: str
    group: str
    link: str = ""
    content: str | None = None


@dataclass(frozen=True, kw_only=True)
class Clear:
    """Values in clear: `parameters` of resources by reference, `files` as Puppet leaves them, `fresh` as they are on a
    host that Puppet alone deployed (None: the path is not there), and the commands that providers ran, by resource.

    `files` and `fresh` hold what Puppet changed and what differs between the two hosts.
    """

    parameters: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    files: Mapping[str, FileState | None] = field(default_factory=dict)
    fresh: Mapping[str, FileState | None] = field(default_factory=dict)
    executed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def gather(work: Work, bench: Bench, fresh: Stack | None, upgraded: Stack, traced: Iterable[str]) -> Clear:
    """Everything that fixes may need, from a host that has been through all its phases.

    `upgraded` is the host as the tasks left it. Where Puppet changed one of the resources in `traced`, whose types no
    task module knows, it is applied once more on a fork of that host, to see which commands its providers run.
    """
    changed = {change.path for phase in work.phases if phase.name in {"converge", "again"} for change in _seen(phase)}
    differing = {change.path for change in work.agreement.disk.changes} if work.agreement else set()
    return Clear(
        parameters=bench.in_clear or {},
        files=_files(bench.stack, changed | differing),
        fresh=_files(fresh, differing) if fresh is not None else {},
        executed=_executed(work, upgraded) if any(traced) else {},
    )


def _seen(phase: Phase) -> tuple[PathChange, ...]:
    return phase.disk.changes if phase.disk is not None else ()


def _files(stack: Stack, paths: Iterable[str]) -> dict[str, FileState | None]:
    users, groups = _names(stack, "etc/passwd"), _names(stack, "etc/group")
    return {path: _state(stack.entry(path.lstrip("/")), users, groups) for path in sorted(paths)}


def _names(stack: Stack, path: str) -> dict[int, str]:
    entry = stack.entry(path)
    lines = entry.real.read_text(encoding="utf-8", errors="replace").splitlines() if entry else []
    fields = [line.split(":") for line in lines]
    return {int(each[2]): each[0] for each in fields if len(each) > 2 and each[2].isdigit()}  # noqa: PLR2004


def _state(entry: Entry | None, users: Mapping[int, str], groups: Mapping[int, str]) -> FileState | None:
    if entry is None:
        return None
    return FileState(
        kind="file" if entry.is_file else "directory" if entry.is_directory else "link" if entry.link else "other",
        mode=entry.permissions,
        owner=users.get(entry.owner, str(entry.owner)),
        group=groups.get(entry.group, str(entry.group)),
        link=entry.link,
        content=_content(entry) if entry.is_file and entry.size <= LARGEST else None,
    )


def _content(entry: Entry) -> str | None:
    try:
        return entry.real.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None


def _executed(work: Work, upgraded: Stack) -> dict[str, tuple[str, ...]]:
    """The commands that providers run on the host as the tasks left it, by resource."""
    work.progress.doing("on a fork of the upgraded host: which commands Puppet's providers run")
    with work.host(upgraded.layers, "again") as fork:
        fork.executed = {}
        for step in work.scenario.new.steps or (None,):
            phases.apply(fork, work.scenario.new, work.plan.new, step=step, number=1, debug=True)
        return dict(fork.executed)
