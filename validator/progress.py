"""How a run says what it is doing, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener. Calls come in order: a phase starts, is doing things, ends. Texts are redacted."""

    def phase_starts(self, name: str, what: str) -> None:
        """A phase begins."""

    def doing(self, what: str) -> None:
        """Within the phase: what happens now (a task, a package, a boot)."""

    def phase_ends(self, name: str, what: str, *, seconds: float, cached: bool) -> None:
        """A phase is over; `what` sums it up."""


class Silent:
    """A listener that shows nothing."""

    def phase_starts(self, name: str, what: str) -> None:
        """A phase begins."""

    def doing(self, what: str) -> None:
        """Within the phase."""

    def phase_ends(self, name: str, what: str, *, seconds: float, cached: bool) -> None:
        """A phase is over."""
