"""What a check says. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from validator.record import Fix, PhaseName, Place

Severity = Literal["error", "warning", "info"]
Whose = Literal["", "clash", "missed", "declared"]
Meaning = Literal["diverged", "inconclusive", "unproven", "note"]
Known = Literal["seen", "named", "measured"]


@dataclass(frozen=True, kw_only=True)
class Left:
    """An Ansible task that touched what a finding is about, and how that is known.

    `seen`: witnesses saw it at the task's borders; `named`: its arguments say so; `measured`: without the task the
    finding is gone. `did` says what it did (`wrote`, `removed`, `stopped`, ...), `item` for which item of its loop.
    """

    task: str
    place: Place | None
    item: JsonValue = None
    did: str = ""
    known: Known = "named"


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """Something that happened only because of the finding it is listed under."""

    subject: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Waived:
    """Why a finding is accepted, by whom, and until which day (`YYYY-MM-DD`)."""

    reason: str
    owner: str
    expires: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing a check found.

    `means` says what it does to the verdict: `diverged`; `inconclusive` (nothing can be said, whatever else was
    found); `unproven` (it is not converged, but a divergence found elsewhere stands); `note` (nothing). A note that
    somebody should act upon `warns`. One that is `waived` is a note that would mean more without its waiver.
    `whose` a change of Puppet's is: a `clash` with what a task wrote, `missed` by every task, or `declared` beforehand.
    `left_by` is the task that touched it last, `undone` one whose work that task undid.
    """

    rule: str
    means: Meaning
    phase: PhaseName | None
    subject: str
    message: str
    declared_at: Place | None = None
    left_by: Left | None = None
    hint: str = ""
    evidence: dict[str, JsonValue] = field(default_factory=dict)
    consequences: tuple[Consequence, ...] = ()
    warns: bool = False
    waived: Waived | None = None
    whose: Whose = ""
    undone: Left | None = None
    fix: Fix | None = None

    @property
    def severity(self) -> Severity:
        """How loud to be."""
        if self.means != "note":
            return "error"
        return "warning" if self.warns and self.waived is None else "info"
