"""What happened on a host between the borders of tasks."""

from __future__ import annotations

import time

from validator.bench import Bench
from validator.record import TaskName, TaskSpan, UnitState
from validator.tools import ansible
from validator.witness import disk, services


class Spans:
    """Looks at the host at every border, while no task runs, and keeps what differs."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._written = disk.Written(bench.host.upper, bench.noise)
        self._units = self._look()
        self._open: tuple[TaskName, float] | None = None
        self._closed: list[TaskSpan] = []

    def border(self, border: ansible.Border) -> None:
        """A task ends, another may start."""
        self._close(border.time)
        self._open = (border.task, border.time) if border.task is not None else None

    def closed(self) -> tuple[TaskSpan, ...]:
        """All spans. One that is still open was cut off, and ends now."""
        if self._open is not None and self._bench.host.running():
            self._close(time.time())
        return tuple(self._closed)

    def _close(self, end: float) -> None:
        units, paths = self._look(), self._written.look()
        if self._open is not None:
            task, start = self._open
            self._closed.append(
                TaskSpan(
                    name=task.name,
                    place=task.place,
                    start=start,
                    end=end,
                    units=services.differing(self._units, units),
                    paths=paths,
                )
            )
        self._open, self._units = None, units

    def _look(self) -> tuple[UnitState, ...]:
        if not self._bench.has_services or not self._bench.host.running():
            return ()
        return services.look(self._bench.host, self._bench.units)
