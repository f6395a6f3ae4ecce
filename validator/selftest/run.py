"""The self-test: the scenario as it is, then each fault, several at a time."""

from __future__ import annotations

import fnmatch
import json
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validator import edited, process, record
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


@dataclass(kw_only=True)
class _Running:
    mutant: Mutant
    job: Path
    into: Path
    companion: process.Companion
    since: float


def _outcomes(
    loaded: Loaded, cache: Cache, progress: Progress, *, wanted: Wanted, chosen: tuple[Mutant, ...], healthy: Run
) -> dict[str, Outcome]:
    waiting, running = list(chosen), list[_Running]()
    outcomes: dict[str, Outcome] = {}
    with ExitStack() as stack:
        staging, _ = stack.enter_context(cache.host_directory(f"selftest-{uuid.uuid4().hex[:8]}"))
        try:
            while waiting or running:
                while waiting and len(running) < max(wanted.jobs, 1):
                    running.append(_start(loaded, waiting.pop(0), staging, wanted.keep, healthy.subject.digest))
                for each in [each for each in running if not each.companion.running()]:
                    running.remove(each)
                    each.companion.stop()
                    outcome = _outcome(loaded, each, healthy)
                    outcomes[each.mutant.id] = outcome
                    progress.phase_ends(
                        f"{len(outcomes)}/{len(chosen)}",
                        f"{outcome.answer}: {each.mutant.id}: {outcome.by}",
                        seconds=outcome.seconds,
                        cached=False,
                    )
                if running:
                    progress.doing("; ".join(each.mutant.id for each in running))
                    time.sleep(POLL)
        finally:
            for each in running:
                each.companion.stop(timeout=30.0)
    return outcomes


def _start(loaded: Loaded, mutant: Mutant, staging: Path, keep: Path | None, digest: str) -> _Running:
    name = mutant.id.replace("/", "_").replace(":", "-")
    into = (keep or staging) / name
    try:
        into.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{into} cannot be made: {error.strerror}", hint="Name an empty directory.") from error
    job = staging / f"{name}.job"
    asked = {
        "scenario": str(loaded.file.absolute()),
        "mutant": mutant.id,
        "into": str(into.absolute()),
        "digest": digest,
    }
    job.write_text(json.dumps(asked), encoding="utf-8")
    companion = process.Companion(
        (sys.executable, "-m", "validator.selftest.worker", str(job)),
        label="self-test",
        log=job.with_suffix(".log"),
        inherit=("VALIDATE_CACHE", "XDG_CACHE_HOME", "HOME", "PYTHONPATH"),
    )
    return _Running(mutant=mutant, job=job, into=into.absolute(), companion=companion, since=time.monotonic())


def _outcome(loaded: Loaded, ended: _Running, healthy: Run) -> Outcome:
    seconds = time.monotonic() - ended.since
    answer = ended.job.with_suffix(".answer")
    if not answer.exists():
        log = ended.job.with_suffix(".log").read_text(encoding="utf-8", errors="replace").strip()
        return Outcome(
            mutant=ended.mutant, answer="broken", by=log[-500:] or "it ended without a word", seconds=seconds
        )
    said: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    answer.unlink()
    if "refused" in said:
        return Outcome(mutant=ended.mutant, answer="caught", by=f"scenario: {said['refused']}", seconds=seconds)
    if "run" not in said:
        return Outcome(mutant=ended.mutant, answer="broken", by=str(said.get("error")), seconds=seconds)
    home = written(edited.tasks_file(loaded).parent)
    faulty = score.homeward(record.load_text(json.dumps(said["run"])), str(ended.into / edited.COPY), home)
    return score.judged(ended.mutant, healthy, faulty, judge(faulty), seconds=seconds)
