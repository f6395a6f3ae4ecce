"""What a phase really changed on disk, from the layers below and above it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from validator.host.layer import Stack, changes
from validator.record import DiskSeen, PathChange


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


def observe(before: Stack, after: Stack, noise: Iterable[NoiseRule] = ()) -> DiskSeen:
    """Every change between two states but for noise; noise is counted by rule."""
    rules = (*RULES, *noise)
    counted: Counter[str] = Counter()

    def is_noise(path: str) -> bool:
        rule = next(
            (rule.name for rule in rules if any(_pattern(pattern).fullmatch(path) for pattern in rule.patterns)),
            None,
        )
        if rule is not None:
            counted[rule] += 1
        return rule is not None

    found = tuple(
        PathChange(path=f"/{change.path}", kind=change.kind, aspects=change.aspects())
        for change in changes(before, after, leave_out=is_noise)
    )
    return DiskSeen(changes=found, noise=dict(counted))


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.lstrip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))
