"""The self-test: the scenario as it is, then each fault, several at a time."""

from __future__ import annotations

import fnmatch
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from validator import edited, record
from validator.errors import UsageError, ValidatorError
from validator.host.cache import Cache
from validator.progress import Progress
from validator.record import Run
from validator.scenario.load import Loaded
from validator.scenario.paths import written
from validator.selftest import kept, mutants, score
from validator.selftest.mutants import Mutant
from validator.selftest.score import Outcome, SelfTestResult
from validator.validate import validate
from validator.verdict import judge
from validator.workers import Ended, Workers

POLL = 0.1  # seconds between looks at the workers


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which faults to run, how many at a time, and where to leave the faulty files."""

    only: tuple[str, ...] = ()
    limit: int | None = None
    jobs: int = 1
    keep: Path | None = None


def selftest(loaded: Loaded, cache: Cache, progress: Progress, wanted: Wanted) -> SelfTestResult:
    """Seed faults into a scenario and count those that are caught; keeps the score when all were run.

    Raises `UsageError` when no fault is asked for, `ValidatorError` when the scenario itself is not converged: then
    nothing can be learned from its faults.
    """
    started, clock = time.time(), time.monotonic()
    derived = mutants.derive(loaded)
    chosen = choose(derived, wanted)
    if not chosen:
        raise UsageError("no fault matches", hint="`validate selftest NAME --list` shows those there are.")
    healthy = validate(loaded, cache, progress).run
    verdict = judge(healthy).verdict
    if verdict != "converged":
        raise ValidatorError(
            f"{loaded.name} is {verdict} as it is: its faults would show nothing",
            hint=f"Run `validate scenario {loaded.name}` and mend that first.",
        )
    foreseen = {mutant.id: score.foreseen(mutant, healthy) for mutant in chosen}
    progress.phase_starts("selftest", f"{len(chosen)} of {len(derived)} faults, {wanted.jobs} at a time")
    to_run = tuple(mutant for mutant in chosen if foreseen[mutant.id] is None)
    ran = _outcomes(loaded, cache, progress, wanted=wanted, chosen=to_run, healthy=healthy)
    outcomes = tuple(foreseen[mutant.id] or ran[mutant.id] for mutant in chosen)
    result = SelfTestResult(
        scenario=loaded.name,
        where=written(loaded.file.parent.resolve()),
        title=loaded.title,
        digest=healthy.subject.digest,
        derived=len(derived),
        outcomes=outcomes,
        seconds=time.monotonic() - clock,
        when=started,
    )
    if result.complete:
        kept.keep(cache, result.digest, result.kept)
    return result


def choose(derived: Sequence[Mutant], wanted: Wanted) -> tuple[Mutant, ...]:
    """Those that are asked for; with a limit, of each operator in turn, spread over the file."""
    chosen = [
        mutant
        for mutant in derived
        if not wanted.only or any(fnmatch.fnmatchcase(mutant.id, pattern) for pattern in wanted.only)
    ]
    if wanted.limit is None or wanted.limit >= len(chosen):
        return tuple(chosen)
    turns: dict[str, list[Mutant]] = {}
    for mutant in chosen:
        turns.setdefault(mutant.operator, []).append(mutant)
    queues = [_spread(each) for each in turns.values()]
    picked: set[str] = set()
    while len(picked) < wanted.limit:
        for queue in queues:
            if queue and len(picked) < wanted.limit:
                picked.add(queue.pop(0).id)
    return tuple(mutant for mutant in chosen if mutant.id in picked)


def _spread(items: list[Mutant]) -> list[Mutant]:
    """First, last, middle, then the middles between: so that any number of them covers the file."""
    order: list[int] = []
    spans = [(0, len(items) - 1)]
    for number in (0, len(items) - 1):
        if number not in order:
            order.append(number)
    while spans:
        low, high = spans.pop(0)
        middle = (low + high) // 2
        if middle not in order:
            order.append(middle)
        if high - low > 1:
            spans += [(low, middle), (middle, high)]
    return [items[number] for number in order]


def _outcomes(
    loaded: Loaded, cache: Cache, progress: Progress, *, wanted: Wanted, chosen: tuple[Mutant, ...], healthy: Run
) -> dict[str, Outcome]:
    waiting = list(chosen)
    known = {mutant.id: mutant for mutant in chosen}
    outcomes: dict[str, Outcome] = {}
    with cache.host_directory(f"selftest-{uuid.uuid4().hex[:8]}") as (staging, _):
        into = {mutant.id: _place(mutant, wanted.keep or staging) for mutant in chosen}
        with Workers("validator.selftest.worker", staging, label="self-test") as workers:
            while waiting or workers.running:
                while waiting and len(workers.running) < max(wanted.jobs, 1):
                    mutant = waiting.pop(0)
                    _make(into[mutant.id])
                    workers.start(
                        mutant.id,
                        {
                            "scenario": str(loaded.file.absolute()),
                            "mutant": mutant.id,
                            "into": str(into[mutant.id]),
                            "digest": healthy.subject.digest,
                        },
                    )
                for each in workers.ended():
                    outcome = _outcome(loaded, known[each.name], each, into[each.name], healthy)
                    outcomes[each.name] = outcome
                    progress.phase_ends(
                        f"{len(outcomes)}/{len(chosen)}",
                        f"{outcome.answer}: {each.name}: {outcome.by}",
                        seconds=outcome.seconds,
                        cached=False,
                    )
                if workers.running:
                    progress.doing("; ".join(workers.running))
                    time.sleep(POLL)
    return outcomes


def _place(mutant: Mutant, directory: Path) -> Path:
    return (directory / mutant.id.replace("/", "_").replace(":", "-")).absolute()


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{directory} cannot be made: {error.strerror}", hint="Name an empty directory.") from error


def _outcome(loaded: Loaded, mutant: Mutant, ended: Ended, into: Path, healthy: Run) -> Outcome:
    said, seconds = ended.answer, ended.seconds
    if said is None:
        return Outcome(mutant=mutant, answer="broken", by=ended.trouble, seconds=seconds)
    if "refused" in said:
        return Outcome(mutant=mutant, answer="caught", by=f"scenario: {said['refused']}", seconds=seconds)
    if "run" not in said:
        return Outcome(mutant=mutant, answer="broken", by=str(said.get("error")), seconds=seconds)
    home = written(edited.tasks_file(loaded).parent)
    faulty = score.homeward(record.load_text(json.dumps(said["run"])), str(into / edited.COPY), home)
    return score.judged(mutant, healthy, faulty, judge(faulty), seconds=seconds)
