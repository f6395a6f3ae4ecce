"""What a scenario consists of: results made of anything else say nothing about it. Data only."""

from __future__ import annotations

from dataclasses import dataclass

from validator.record import PhaseName


@dataclass(frozen=True, kw_only=True)
class Content:
    """A scenario, or a cell of a matrix, as its files are now. `line` counts the checklist's lines, from 0.

    `phases` are those whose evidence a verdict needs; `image` is a name. `missing` says why there is nothing that the
    line is about; then there is no digest.
    """

    line: int

    name: str
    title: str
    file: str
    digest: str
    terms: str
    image: str
    phases: tuple[PhaseName, ...]
    missing: str = ""
