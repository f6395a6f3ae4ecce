"""Plain lists: a plan, the cache, what the doctor found."""

from __future__ import annotations

import time
from collections.abc import Iterable

from validator.host.cache import Kept
from validator.host.doctor import Sign
from validator.keep import Kept as KeptHost
from validator.plan import Step

MEGABYTE = 1 << 20
HOUR = 3600
DAY = 86400


def plan(steps: Iterable[Step]) -> str:
    """The steps of a run, one a line."""
    lines = []
    for step in steps:
        state = f"  [{step.state}]" if step.state else ""
        lines.append(f"{step.name:<9} {'cached' if step.cached else 'to do':<7} {step.what}{state}")
    return "\n".join(lines) + "\n"


def cache(kept: Iterable[Kept]) -> str:
    """What is kept: kind, size, days unused, name, what it is."""
    lines = []
    for each in kept:
        size, idle = each.bytes / MEGABYTE, (time.time() - each.used) / DAY
        lines.append(f"{each.kind:<7} {size:8.1f} MB  {idle:5.1f} days  {each.name}  {each.about}")
    return "".join(f"{line}\n" for line in lines)


def hosts(kept: Iterable[KeptHost]) -> str:
    """The hosts that stay: name, hours so far and left, scenario, state file."""
    lines = []
    for each in kept:
        so_far, left = (time.time() - each.since) / HOUR, (each.until - time.time()) / HOUR
        lines.append(f"{each.hostname}  {so_far:.1f} h, {left:.1f} h left  {each.scenario}  {each.state}")
    return "".join(f"{line}\n" for line in lines)


def doctor(signs: Iterable[Sign]) -> str:
    """Each thing looked at, and what to do about what is missing."""
    lines = []
    for sign in signs:
        lines.append(f"{'ok     ' if sign.fine else 'MISSING'} {sign.what}: {sign.found}")
        if sign.to_do:
            lines.append(f"        to do: {sign.to_do}")
    return "\n".join(lines) + "\n"
