"""Which cell is started next, if any. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MEGABYTES = {False: 350, True: 1400}  # what a cell takes, with Ansible and Puppet; with a service manager and services


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a cell takes: memory (MB), what it has to make first that others may need too, and seconds."""

    memory: int
    makes: frozenset[str]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many cells may run, the memory (MB) that was free at the start, and that is free now."""

    jobs: int
    budget: int
    available: int


def following(waiting: Sequence[str], running: Sequence[str], needs: Mapping[str, Need], room: Room) -> str | None:
    """The next cell: the longest first, but rather one that need not wait for what a running one makes.

    One cell always runs. More do as long as memory lasts, by what they are reckoned to take and by what is free.
    """
    if len(running) >= room.jobs:
        return None
    left = room.budget - sum(needs[name].memory for name in running)
    fitting = [name for name in waiting if not running or needs[name].memory <= min(left, room.available)]
    being_made = frozenset[str]().union(*(needs[name].makes for name in running))
    order = sorted(fitting, key=lambda name: (bool(needs[name].makes & being_made), -needs[name].seconds, name))
    return order[0] if order else None
