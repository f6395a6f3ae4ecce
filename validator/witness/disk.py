"""What a phase really changed on disk, from the layers below and above it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from validator.host.layer import Change, Entry, Stack, changes
from validator.record import DiskSeen, PathChange, Side
from validator.redact import Redactor
from validator.witness import content

PACKAGES = "var/lib/dpkg/status"
SHOWN = 50  # names of left-out paths that are kept for each rule


@dataclass(frozen=True, kw_only=True)
class NoiseRule:
    """Paths whose changes say nothing about a release, and why. `**` crosses directories, `*` does not."""

    name: str
    patterns: tuple[str, ...]
    reason: str


RULES = (
    NoiseRule(name="logs", patterns=("var/log/**",), reason="every run logs"),
    NoiseRule(
        name="caches",
        patterns=("var/cache/**", "**/.cache/**", "**/.cache", "**/__pycache__/**", "**/__pycache__"),
        reason="made anew when missing",
    ),
    NoiseRule(
        name="temporary",
        patterns=("tmp/**", "var/tmp/**", "run/**", "root/.ansible/**", "root/.ansible"),
        reason="scratch files of tools",
    ),
    NoiseRule(
        name="databases",
        patterns=("var/lib/mysql/**", "var/lib/rabbitmq/**", "var/lib/postgresql/**"),
        reason="a server's own storage",
    ),
    NoiseRule(
        name="puppet",
        patterns=("var/lib/puppet/**", "opt/puppetlabs/puppet/cache/**", "etc/puppet/ssl/**", "etc/puppet/devices"),
        reason="Puppet's own state",
    ),
    NoiseRule(
        name="timers",
        patterns=("var/lib/apt/**", "var/lib/logrotate/**"),
        reason="written by the distribution's timers (apt-daily, logrotate) when the clock says so",
    ),
    NoiseRule(
        name="system",
        patterns=(
            "var/lib/systemd/**",
            "var/lib/dbus/**",
            "etc/machine-id",
            "etc/.pwd.lock",
            "**/*-",
            "var/lib/sudo/**",
            "var/backups/**",
        ),
        reason="kept by the system itself",
    ),
)


def observe(
    before: Stack,
    after: Stack,
    redactor: Redactor,
    *,
    noise: Iterable[NoiseRule] = (),
    times: Mapping[str, float] | None = None,
    both_ways: bool = False,
) -> DiskSeen:
    """Every change between two states but for noise, which is counted by rule.

    `times` says when a path of the upper layer was last changed, in content or metadata, as a Unix time. `both_ways`
    asks for the patches that lead back to `before` as well.
    """
    rules = (*RULES, *noise)
    left_out: dict[str, list[str]] = {}
    looked_at = 0

    def is_noise(path: str) -> bool:
        nonlocal looked_at
        rule = noise_rule(path, rules)
        if rule is None:
            looked_at += 1
        else:
            left_out.setdefault(rule, []).append(f"/{path}")
        return rule is not None

    found = tuple(changes(before, after, leave_out=is_noise))
    for change in found:  # first all, then any: a secret of one file may stand in another one's diff
        for entry in (change.before, change.after):
            known = _bytes(entry)
            if known is not None:
                content.teach(known, path=f"/{change.path}", redactor=redactor)
    status = next((change for change in found if change.path == PACKAGES), None)
    return DiskSeen(
        changes=tuple(_described(change, redactor, times or {}, both_ways=both_ways) for change in found),
        noise={rule: len(paths) for rule, paths in left_out.items()},
        left_out={rule: tuple(paths[:SHOWN]) for rule, paths in left_out.items()},
        looked_at=looked_at,
        packages=content.packages(_bytes(status.before), _bytes(status.after)) if status else (),
    )


def noise_rule(path: str, rules: tuple[NoiseRule, ...]) -> str | None:
    """The name of the first rule that leaves a path (relative to the host's root) out."""
    return next(
        (rule.name for rule in rules if any(_pattern(pattern).fullmatch(path) for pattern in rule.patterns)), None
    )


class Written:
    """What is being written to a host's disk, told from the stat of every path of its upper layer.

    Each look names the paths that changed since the one before. Exact for files, whose inode says when they were
    last changed; of a directory only its owner and mode count.
    """

    def __init__(self, upper: Path, noise: Iterable[NoiseRule] = ()) -> None:
        self._upper, self._rules = upper, (*RULES, *noise)
        self._is_noise: dict[str, bool] = {}
        self._seen = self._scan()

    def look(self) -> tuple[str, ...]:
        """The paths that were written since the last look."""
        now, before = self._scan(), self._seen
        self._seen = now
        written = {path for path, sign in now.items() if before.get(path) != sign} | (before.keys() - now.keys())
        return tuple(f"/{path}" for path in sorted(written))

    def _scan(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        waiting = [""]
        while waiting:
            directory = waiting.pop()
            with suppress(FileNotFoundError), os.scandir(self._upper / directory) as entries:
                for entry in entries:
                    path = f"{directory}/{entry.name}".lstrip("/")
                    if self._leaves_out(path):
                        continue
                    with suppress(FileNotFoundError):  # written and removed while we look
                        known = entry.stat(follow_symlinks=False)
                        sign: tuple[int, ...] = (known.st_mode, known.st_uid, known.st_gid)
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(path)
                        else:
                            sign = (*sign, known.st_ino, known.st_size, known.st_ctime_ns)
                        found[path] = sign
        return found

    def _leaves_out(self, path: str) -> bool:
        known = self._is_noise.get(path)
        if known is None:
            # A directory all of whose content is noise need not be entered.
            known = any(noise_rule(name, self._rules) for name in (path, f"{path}/x"))
            self._is_noise[path] = known
        return known


def _described(change: Change, redactor: Redactor, times: Mapping[str, float], *, both_ways: bool) -> PathChange:
    differs = change.kind in {"added", "removed", "type", "content"}
    old, new = change.before, change.after
    is_file = any(entry is not None and entry.is_file for entry in (old, new))
    path = f"/{change.path}"
    return PathChange(
        path=path,
        kind=change.kind,
        aspects=change.aspects(),
        before=_side(old),
        after=_side(new),
        content=content.compare(_bytes(old), _bytes(new), path=path, redactor=redactor, both_ways=both_ways)
        if differs and is_file
        else None,
        changed_at=times.get(change.path, 0.0),
    )


def _side(entry: Entry | None) -> Side | None:
    if entry is None:
        return None
    kind: Literal["file", "directory", "link", "device", "other"] = "other"
    if entry.is_file:
        kind = "file"
    elif entry.is_directory:
        kind = "directory"
    elif entry.link:
        kind = "link"
    elif entry.device:
        kind = "device"
    return Side(
        kind=kind,
        mode=entry.permissions,
        owner=entry.owner,
        group=entry.group,
        size=0 if kind == "directory" else entry.size,
        modified=entry.modified_ns / 1e9,
        link=entry.link,
        digest=_digest(entry) if kind == "file" else "",
    )


def _digest(entry: Entry) -> str:
    with entry.real.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes(entry: Entry | None) -> bytes | None:
    """A file's content, up to what is compared; more than that makes it too large to compare."""
    if entry is None or not entry.is_file:
        return None
    with entry.real.open("rb") as file:
        return file.read(content.LARGEST + 1)


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.lstrip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))
