"""Cells dealt out to several machines. Pure: the same cells and timings give the same shards everywhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from validator.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The `number`-th (from 1) of `of` parts."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse(text: str) -> Shard:
    """`2/5` as a shard. Raises `UsageError`."""
    found = re.fullmatch(r"([1-9]\d{0,4})/([1-9]\d{0,4})", text)
    if found is None or int(found[1]) > int(found[2]):
        raise UsageError(f"{text!r} is no shard", hint="The second of five is 2/5.")
    return Shard(number=int(found[1]), of=int(found[2]))


def deal(names: Sequence[str], of: int, seconds: Mapping[str, float]) -> tuple[tuple[str, ...], ...]:
    """Every cell in exactly one of `of` parts that take about the same time: the longest first, each to the part that
    has least. A cell without a timing counts like the mean of the others."""
    known = [seconds[name] for name in names if name in seconds]
    usual = sum(known) / len(known) if known else 1.0
    parts: list[list[str]] = [[] for _ in range(of)]
    loads = [0.0] * of
    for name in sorted(names, key=lambda name: (-seconds.get(name, usual), name)):
        least = min(range(of), key=lambda part: (loads[part], len(parts[part]), part))
        parts[least].append(name)
        loads[least] += seconds.get(name, usual)
    return tuple(tuple(name for name in names if name in set(part)) for part in parts)
