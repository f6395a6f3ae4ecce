"""A matrix as jobs of a CI engine: one a cell, or, where that would be too many, one a shard. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from validator.errors import UsageError

# How many jobs an engine makes of one matrix; 0 is any number.
# https://docs.github.com/actions/reference/limits, https://docs.gitlab.com/ci/yaml/#parallelmatrix
LIMITS = {"github": 256, "gitlab": 200, "zuul": 0, "plain": 0}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job: what it is called, and the arguments of `validate matrix` that make it."""

    name: str
    arguments: tuple[str, ...]

    @property
    def line(self) -> str:
        """The arguments for a shell."""
        return shlex.join(self.arguments)


def limit(engine: str, at_most: int | None) -> int:
    """How many jobs there may be; 0 is any number. Raises `UsageError` for an unknown engine, or for too many."""
    if engine not in LIMITS:
        raise UsageError(f"there is no engine {engine!r}", hint=f"Choose one of: {', '.join(LIMITS)}.")
    most = LIMITS[engine]
    if at_most is not None and most and at_most > most:
        raise UsageError(f"{engine} makes {most} jobs of a matrix at most; --at-most {at_most} is more")
    return at_most or most


def jobs(cells: Sequence[str], most: int, *, always: Sequence[str], selecting: Sequence[str]) -> tuple[Job, ...]:
    """The jobs. `always` are arguments of each; `selecting` those that a shard needs to deal the same cells out."""
    if not most or len(cells) <= most:
        return tuple(Job(name=cell, arguments=(*always, cell)) for cell in cells)
    shards = (f"{number}/{most}" for number in range(1, most + 1))
    return tuple(
        Job(name=f"shard {shard.replace('/', ' of ')}", arguments=(*always, *selecting, "--shard", shard))
        for shard in shards
    )


def whole(*, always: Sequence[str], selecting: Sequence[str]) -> Job:
    """What `validate matrix --combine` is asked to put the results of all jobs together."""
    return Job(name="every cell", arguments=(*always, *selecting))
