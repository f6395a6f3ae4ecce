"""The story of a watch: a run, a wait for a save, the shortest run that can answer for it; until somebody ends it."""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from validator import comparison, process, record, sources
from validator.cycle import Cycle, as_left
from validator.errors import ScenarioError, UsageError, ValidatorError
from validator.host.cache import Cache
from validator.scenario import load
from validator.scenario.load import Loaded
from validator.scenario.paths import written
from validator.sources import Files
from validator.verdict import Result, judge
from validator.watch.ears import Ears
from validator.watch.waker import Waker

GRACE = 20.0  # seconds in which a run that was overtaken may clean up after itself
STDERR = 2


@dataclass(frozen=True, kw_only=True)
class Base:
    """The last whole run whose upgraded host was saved: what a provisional run can start from."""

    loaded: Loaded
    files: Files
    upgraded: str

    def serves(self, loaded: Loaded, files: Files) -> bool:
        """Whether the upgrade tasks, and all before them, are still what they were."""
        return loaded.fault is None and sources.only_new(sources.changed(self.files, files), self.loaded, loaded)


class Watch:
    """A watch on the scenario at `file`. `show` gets each cycle, `tell` what happens in between."""

    def __init__(self, file: Path, cache: Cache, *, show: Callable[[Cycle], None], tell: Callable[[str], None]) -> None:
        self._file, self._cache, self._show, self._tell = file, cache, show, tell
        self._number = 0
        self._loaded: Loaded | None = None
        self._base: Base | None = None
        self._last: Result | None = None  # the last that proves anything
        self._answered: tuple[int, Files] | None = None  # the last cycle that had a result, and the files then

    def run(self) -> NoReturn:
        """Go on until a signal ends it (`Interrupted`)."""
        changed: frozenset[Path] = frozenset()
        whole = True
        with Waker() as waker:
            while True:
                trouble = self._load()
                ears = Ears(waker, self._roots())
                if not whole and trouble is None and (known := self._answered_by(ears.files)):
                    self._tell(f"the files are again as they were in cycle {known}, and so is the answer")
                    changed = frozenset()
                elif self._turn(ears, changed, whole=whole, trouble=trouble):
                    changed = frozenset()
                else:
                    self._tell("something was saved, or asked for, meanwhile: that run is ended, and another begins")
                while not ears.happened:
                    ears.wait()
                changed |= ears.changed
                whole = ears.asked

    def _answered_by(self, files: Files) -> int | None:
        """The number of the last cycle with a result, when it was about these very files."""
        number, known = self._answered or (None, {})
        return None if sources.changed(known, files) else number

    def _load(self) -> ScenarioError | UsageError | None:
        try:
            self._loaded = load.load(self._file)
        except (ScenarioError, UsageError) as error:
            return error
        return None

    def _roots(self) -> tuple[Path, ...]:
        """What the scenario was made of when it could last be loaded; its whole directory as long as it never could."""
        if self._loaded is None:
            return (self._file.absolute().parent,)
        return tuple(dict.fromkeys(source.path for source in sources.of(self._loaded)))

    def _turn(self, ears: Ears, changed: Iterable[Path], *, whole: bool, trouble: ValidatorError | None) -> bool:
        """One cycle, shown at its end; False when a save, or a key, has ended it before."""
        started, clock = time.time(), time.monotonic()
        base = None if whole or trouble is not None else self._serving(ears.files)
        answer = self._ran(ears, base) if trouble is None else {"trouble": trouble.message, "hint": trouble.hint}
        if answer is None:
            return False
        self._number += 1
        cycle = Cycle(
            number=self._number,
            started=started,
            seconds=time.monotonic() - clock,
            changed=tuple(sorted(map(written, changed))),
            trouble=str(answer.get("trouble", "")),
            hint=str(answer.get("hint", "")),
        )
        if "run" in answer:
            cycle = self._judged(cycle, answer, provisional=base is not None)
            self._answered = (self._number, ears.files)
        self._show(cycle)
        if base is None and self._loaded is not None and answer.get("upgraded"):
            self._base = Base(loaded=self._loaded, files=ears.files, upgraded=str(answer["upgraded"]))
        return True

    def _serving(self, files: Files) -> Base | None:
        """The upgraded host that a provisional run can start from, if there is one."""
        base = self._base
        if base is None or self._loaded is None or not base.serves(self._loaded, files):
            return None
        return base if self._cache.has_state(base.upgraded) else None

    def _ran(self, ears: Ears, base: Base | None) -> dict[str, Any] | None:
        """What a run in a process of its own has answered; None when it was overtaken."""
        with self._cache.host_directory(f"watch-{uuid.uuid4().hex[:8]}") as (directory, _):
            job = directory / "job"
            asked = {"scenario": str(self._file), "upgraded": base.upgraded if base is not None else ""}
            job.write_text(json.dumps(asked), encoding="utf-8")
            command = process.Command(
                argv=(
                    sys.executable,
                    "-P",
                    "-m",
                    "validator.watch.worker",
                    str(job),
                ),  # -P: the author's files are no modules
                label="a run",
                env=os.environ,  # it is this program, and tells of its progress on this terminal
                cwd=Path.cwd(),
                lifeline=True,
            )
            with process.attached(command, stdout=STDERR, stderr=STDERR, grace=GRACE) as child:
                while not ears.wait(child.ended):
                    if ears.happened:
                        return None
                code = child.code()
            if ears.happened:
                return None
            answer = job.with_suffix(".answer")
            if not answer.exists():
                return {"trouble": f"the run ended with status {code} and without an answer"}
            found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
            return found

    def _judged(self, cycle: Cycle, answer: dict[str, Any], *, provisional: bool) -> Cycle:
        """The cycle with its result, and what became of the findings of the one before."""
        run = record.load_text(json.dumps(answer["run"]))
        remarks: tuple[str, ...] = ()
        upgraded_at = None
        if provisional:
            upgrade = run.phase("upgrade")
            upgraded_at = upgrade.started if upgrade is not None else cycle.started
            run, remarks = as_left(run)
        result = judge(run, records=(Path(answer["record"]),) if answer["record"] else ())
        compared = None
        if result.verdict != "inconclusive":  # else what is gone may only not have been looked at
            before, self._last = self._last, result
            compared = comparison.compare(comparison.of(before), comparison.of(result)) if before is not None else None
        return replace(cycle, upgraded_at=upgraded_at, result=result, compared=compared, remarks=remarks)
