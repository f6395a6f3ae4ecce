"""The story of many: cells that are known from before, then the others, several at a time, each in its own process."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from validator import record
from validator.errors import ValidatorError
from validator.host.cache import Cache
from validator.matrix import identity, kept, schedule, timings, worker
from validator.matrix.cells import Cell
from validator.matrix.identity import Identity
from validator.matrix.result import Outcome
from validator.matrix.schedule import Need, Room
from validator.progress import Progress
from validator.verdict import judge
from validator.workers import Ended, Workers

POLL = 0.1  # seconds between looks at the workers
DYING = 30  # looks at what a worker that was killed has left
DAMAGED = "its worker left no result"


class Executor(Protocol):
    """Where cells are run: each in a process of its own, on this machine or on others."""

    @property
    def running(self) -> tuple[str, ...]:
        """The names of those that were started and have not been told as ended."""

    def start(self, name: str, asked: Mapping[str, object]) -> None:
        """Start one."""

    def doing(self, name: str) -> str:
        """What one is at, as far as that is known."""

    def ended(self) -> tuple[Ended, ...]:
        """Those that have ended since the last call; each is told once."""

    def stop(self) -> None:
        """End all that run."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How many cells at a time; whether to run those anew whose results are known; whether to stop at the first that
    is not as expected. `day` decides which waivers hold, for as long as the matrix takes."""

    jobs: int
    day: date
    fresh: bool = False
    fail_fast: bool = False


def processors() -> int:
    """How many cells run at a time when nothing else is said."""
    return len(os.sched_getaffinity(0))


def today() -> date:
    """The day by which waivers hold, in every time zone the same."""
    return datetime.now(tz=UTC).date()


def run(
    cells: Sequence[Cell],
    identities: Mapping[str, Identity],
    cache: Cache,
    progress: Progress,
    *,
    wanted: Wanted,
    executor: AbstractContextManager[Executor] | None = None,
) -> tuple[Outcome, ...]:
    """Run cells to their verdicts, or take those that are known; one outcome for each, in their order.

    What goes wrong with one cell is its outcome, and no other's. Raises only what concerns all of them.
    """
    with cache.host_directory(f"matrix-{uuid.uuid4().hex[:8]}") as (staging, _):
        local = Workers("validator.matrix.worker", staging, label="matrix")
        with executor or local as place:
            elsewhere = executor is not None
            return _Story(cells, identities, cache, progress, wanted=wanted, executor=place, elsewhere=elsewhere).tell()


class _Story:
    """A matrix as it goes."""

    def __init__(
        self,
        cells: Sequence[Cell],
        identities: Mapping[str, Identity],
        cache: Cache,
        progress: Progress,
        *,
        wanted: Wanted,
        executor: Executor,
        elsewhere: bool,
    ) -> None:
        self._cells = {cell.name: cell for cell in cells}
        self._identities, self._cache, self._progress, self._wanted = identities, cache, progress, wanted
        self._executor, self._elsewhere = executor, elsewhere
        self._outcomes: dict[str, Outcome] = {}

    def tell(self) -> tuple[Outcome, ...]:
        known = {} if self._wanted.fresh else self._known()
        what = f"{len(self._cells)} cells, {len(known)} of them known, {self._wanted.jobs} at a time"
        self._progress.phase_starts("matrix", what)
        for name, outcome in known.items():
            self._note(name, outcome)
        self._run_others()
        return tuple(self._outcomes.get(name) or self._not_run(cell) for name, cell in self._cells.items())

    def _known(self) -> dict[str, Outcome]:
        found = {}
        for name, cell in self._cells.items():
            about = self._identities[name]
            recalled = kept.recall(self._cache, cell.at, about, identity.facts(about, self._cache))
            if recalled is not None:
                found[name] = Outcome(
                    cell=cell.at, title=cell.loaded.title, how="cached", result=recalled.result, made=recalled.made
                )
        return found

    def _run_others(self) -> None:
        waiting = [name for name in self._cells if name not in self._outcomes]
        seconds = timings.recall(self._cache)
        usual = sum(seconds.values()) / len(seconds) if seconds else 0.0
        budget = self._memory()
        while (waiting or self._executor.running) and not self._is_over:
            room = Room(jobs=self._wanted.jobs, budget=budget, available=self._memory())
            needs = {name: self._need(name, seconds.get(name, usual)) for name in (*waiting, *self._executor.running)}
            following = schedule.following(waiting, self._executor.running, needs, room)
            if following is not None:
                waiting.remove(following)
                self._start(following)
                continue
            for ended in self._executor.ended():
                self._note(ended.name, self._outcome(ended))
            self._progress.doing("; ".join(self._now(name) for name in self._executor.running))
            time.sleep(POLL)

    def _memory(self) -> int:
        """Memory for cells, in MB; that of other machines is theirs to know."""
        return sys.maxsize if self._elsewhere else available_memory()

    @property
    def _is_over(self) -> bool:
        """Whether one that is not as expected ends it all."""
        return self._wanted.fail_fast and any(each.answer != "as expected" for each in self._outcomes.values())

    def _need(self, name: str, seconds: float) -> Need:
        about = self._identities[name]
        images = (each for each in about.images if not self._cache.has("images", each))
        states = (each for each in about.states if not self._cache.has_state(each))
        return Need(memory=schedule.MEGABYTES[about.services], makes=frozenset((*images, *states)), seconds=seconds)

    def _start(self, name: str) -> None:
        cell = self._cells[name]
        self._executor.start(name, worker.asked(cell, self._identities[name].inputs, self._wanted.day))

    def _now(self, name: str) -> str:
        doing = self._executor.doing(name)
        return f"{name}: {doing}" if doing else name

    def _note(self, name: str, outcome: Outcome) -> None:
        self._outcomes[name] = outcome
        self._progress.phase_ends(
            f"{len(self._outcomes)}/{len(self._cells)}",
            f"{outcome.said}: {name}{'' if outcome.answer == 'as expected' else f' ({outcome.answer})'}",
            seconds=outcome.seconds,
            cached=outcome.how == "cached",
        )

    def _outcome(self, ended: Ended) -> Outcome:
        cell, said = self._cells[ended.name], ended.answer
        failed = Outcome(cell=cell.at, title=cell.loaded.title, how="error", seconds=ended.seconds)
        if said is None:
            self._clean_up()
            return replace(failed, message=f"{DAMAGED}: {ended.trouble}", hint="Run the same command again.")
        if "run" not in said:
            return replace(failed, message=str(said.get("refused") or said.get("error")), hint=str(said.get("hint")))
        try:
            return self._judged(cell, said["run"], said["facts"], ended.seconds)
        except ValidatorError as error:  # the record could not be kept
            return replace(failed, message=error.message, hint=error.hint)

    def _clean_up(self) -> None:
        """Remove what a worker that was killed left behind; its host needs a moment to end."""
        for _ in range(DYING):
            self._cache.sweep()
            time.sleep(POLL)

    def _judged(self, cell: Cell, said: object, facts: Mapping[str, object] | None, seconds: float) -> Outcome:
        about = self._identities[cell.name]
        observed = record.load_text(json.dumps(said))
        result = judge(observed)
        path: Path | None = None
        if facts is not None:
            path = kept.keep(self._cache, cell.at, about, facts, observed, judged=result)
        timings.note(self._cache, cell.name, seconds)
        return Outcome(
            cell=cell.at,
            title=cell.loaded.title,
            how="ran",
            result=replace(result, records=(str(path),) if path else ()),
            seconds=seconds,
            made=time.time(),
        )

    def _not_run(self, cell: Cell) -> Outcome:
        return Outcome(cell=cell.at, title=cell.loaded.title, how="not run", message="another cell ended the matrix")


def available_memory() -> int:
    """Memory that can be had without swapping, in MB."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) // 1024
    return 0
