"""What a run is doing, on standard error: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

QUIET_FOR = 20.0  # seconds between lines in a log while one phase goes on


class Live:
    """A listener for `validator.progress`, to be used as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._phase = ""
        self._since = self._last = 0.0
        self._bar: Progress | None = None

    def __enter__(self) -> Live:
        if self._console.is_terminal:
            columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def phase_starts(self, name: str, what: str) -> None:
        """A phase begins."""
        self._phase = name
        self._since = self._last = time.monotonic()
        if self._bar is None:
            self._print(f"{name}: {what}")
        else:
            for task in self._bar.task_ids:
                self._bar.remove_task(task)
            self._bar.add_task("")
            self._show(what)

    def doing(self, what: str) -> None:
        """Within the phase."""
        if self._bar is not None:
            self._show(what)
        elif time.monotonic() - self._last > QUIET_FOR:
            self._last = time.monotonic()
            self._print(f"{self._phase}: {what[:160]} ({self._last - self._since:.0f} s)")

    def phase_ends(self, name: str, what: str, *, seconds: float, cached: bool) -> None:
        """A phase is over."""
        took = "cached" if cached else f"{seconds:.1f} s"
        self._print(f"{name}: done, {took}: {what}")

    def _show(self, what: str) -> None:
        if self._bar is not None and self._bar.task_ids:
            room = max(20, self._console.width - 14)
            self._bar.update(self._bar.task_ids[-1], description=f"{self._phase}: {what}"[:room])

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)
