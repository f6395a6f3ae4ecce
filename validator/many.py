"""`validate matrix`: from what the command line asks for to the combined result."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from validator import __version__
from validator.errors import UsageError
from validator.host.cache import Cache
from validator.matrix import declared, selection, shards, since, timings
from validator.matrix import jobs as of_engine
from validator.matrix.declared import Declared
from validator.matrix.model import MATRIX_FILE
from validator.matrix.result import MatrixResult
from validator.matrix.run import Executor, Wanted, processors, today
from validator.matrix.run import run as run_cells
from validator.matrix.selection import Selection
from validator.progress import Progress
from validator.render.matrix.ci import ENGINES
from validator.scenario.paths import written


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which cells: of a file or of the command line, by patterns, a shard (`I/N`), a git revision."""

    root: Path
    file: Path | None = None
    scenarios: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    shard: str | None = None
    timings: Path | None = None
    revision: str | None = None


@dataclass(frozen=True, kw_only=True)
class How:
    """How many at a time (as many as there are processors, or cells when a cluster runs them), whether anew, whether up
    to the first that is not fine.

    `scheduler` is the address of a cluster, `store` the URL that its workers share; `warn` is told what is wrong there.
    """

    jobs: int | None = None
    fresh: bool = False
    fail_fast: bool = False
    scheduler: str | None = None
    store: str | None = None
    warn: Callable[[str], None] = lambda _: None


def run(asked: Asked, progress: Progress, how: How) -> MatrixResult:
    """Run the cells that are asked for. Raises `ScenarioError` or `UsageError` before anything runs."""
    started, clock = time.time(), time.monotonic()
    matrix, wanted = _declared(asked), _wanted(asked)
    day = today()
    cache = Cache.open()
    found = selection.select(matrix, wanted, cache, day)
    cluster = _cluster(how, found)
    jobs = how.jobs or (processors() if cluster is None else len(found.cells))
    outcomes = run_cells(
        found.cells,
        found.identities,
        cache,
        progress,
        wanted=Wanted(jobs=jobs, day=day, fresh=how.fresh, fail_fast=how.fail_fast),
        executor=cluster,
    )
    return MatrixResult(
        outcomes=outcomes,
        started=started,
        seconds=time.monotonic() - clock,
        validator=__version__,
        jobs=jobs,
        file=written(matrix.file) if matrix.file is not None else "",
        shard=wanted.shard,
        since=asked.revision or "",
        unchanged=found.unchanged,
    )


def _cluster(how: How, found: Selection) -> AbstractContextManager[Executor] | None:
    if how.scheduler is None:
        if how.store is not None:
            raise UsageError("--store goes with --scheduler: it is what the workers of a cluster share")
        return None
    try:
        from validator.matrix.cluster import Cluster  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            f"--scheduler needs Dask ({error})", hint="Install it: pip install 'convergence-validator[cluster]'."
        ) from error
    store = how.store or ""
    if store and "://" not in store:
        store = str(Path(store).absolute())
    return Cluster(how.scheduler, found.identities, store=store, warn=how.warn)


def select(asked: Asked) -> tuple[Declared, Selection]:
    """The matrix, and the cells of it that are asked for as they are now."""
    matrix = _declared(asked)
    return matrix, selection.select(matrix, _wanted(asked), Cache.open(), today())


def listing(asked: Asked) -> str:
    """The names of the cells, one a line, with what is expected of them where that is not to converge."""
    lines = []
    for cell in _cells(asked):
        lines.append(cell.name if cell.expect == "converged" else f"{cell.name}  (expected: {cell.expect})")
    return "".join(f"{line}\n" for line in lines)


def jobs(asked: Asked, engine: str, at_most: int | None) -> str:
    """The cells as jobs of a CI engine."""
    most = of_engine.limit(engine, at_most)
    if asked.shard is not None:
        raise UsageError("--emit makes the shards itself", hint="Leave --shard out.")
    where = [f"--root={asked.root}"] if asked.root != Path("scenarios") else []
    where += [f"--matrix={asked.file}"] if asked.file is not None else []
    where += [f"--scenario={each}" for each in asked.scenarios] + [f"--image={each}" for each in asked.images]
    selecting = list(asked.patterns)
    if asked.revision is not None:
        # A branch may have moved on when the job begins.
        selecting.append(f"--only-changed={since.revision_of(asked.root, asked.revision)}")
    balanced = [f"--timings={asked.timings}"] if asked.timings is not None else []
    names = [cell.name for cell in _cells(asked)]
    made = of_engine.jobs(names, most, always=where, selecting=[*selecting, *balanced])
    return ENGINES[engine](made, of_engine.whole(always=where, selecting=selecting))


def save_timings(asked: Asked, file: Path) -> None:
    """Write what is known of how long cells take: of the file that was given, and of the cache."""
    known = timings.load(asked.timings) if asked.timings is not None else {}
    timings.save(file, {**known, **timings.recall(Cache.open())})


def _cells(asked: Asked) -> tuple[declared.Coordinates, ...]:
    matrix, wanted = _declared(asked), _wanted(asked)
    if asked.revision is None:
        return selection.named(matrix, wanted)
    found: Selection = selection.select(matrix, wanted, Cache.open(), today())
    return tuple(cell.at for cell in found.cells)


def _declared(asked: Asked) -> Declared:
    if asked.scenarios:
        if asked.file is not None:
            raise UsageError("--matrix and --scenario exclude each other: a matrix is declared in one place")
        return declared.of_command_line(asked.scenarios, asked.images, asked.root)
    if asked.images:
        raise UsageError("--image goes with --scenario", hint="Images of a matrix file are chosen so: '*@IMAGE+*'.")
    return declared.read(asked.file or asked.root / MATRIX_FILE)


def _wanted(asked: Asked) -> selection.Asked:
    return selection.Asked(
        patterns=asked.patterns,
        shard=shards.parse(asked.shard) if asked.shard is not None else None,
        seconds=timings.load(asked.timings) if asked.timings is not None else {},
        revision=asked.revision,
    )
