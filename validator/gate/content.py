"""What a scenario consists of: results made of anything else say nothing about it. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from validator.record import PhaseName


@dataclass(frozen=True, kw_only=True)
class Content:
    """A scenario as its files are now. `phases` are those whose evidence a verdict needs; `image` is a name."""

    name: str
    title: str
    file: str
    digest: str
    terms: str
    image: str
    phases: tuple[PhaseName, ...]
