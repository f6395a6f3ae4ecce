"""A host that stays between two commands: one process keeps it, and nothing of it outlives that process.

    python -m validator.keep JOB-JSON

The process writes a *state file* that says how the host is reached and holds a lock on it. It ends, and the host with
it, on SIGTERM, when the state file is gone, when the host has ended, and when its time is up: a host that was forgotten
does not stay.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import uuid
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from validator import plan, process
from validator.errors import Exit, HostError, Interrupted, UsageError, ValidatorError
from validator.host import cgroup
from validator.host.cache import Cache
from validator.host.image import PROXIES
from validator.host.machine import HOST_ENV, NAMESPACES, Host
from validator.progress import Silent
from validator.scenario import load
from validator.scenario.load import Loaded
from validator.work import Work

SCHEMA = "convergence-validator/host/1"
NOTE = "kept.json"  # in the host's directory: the same as the state file
START_TIMEOUT = 7200.0  # an image may have to be built first
PAUSE = 0.5
HOUR = 3600.0
INHERITED = ("HOME", "VALIDATE_CACHE", "XDG_CACHE_HOME", *sorted(PROXIES))


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a state file says. Pids are the machine's; `_started` belongs to each (see `process.started_at`).

    `since` and `until` are Unix times.
    """

    scenario: str
    hostname: str
    keeper: int
    keeper_started: int
    init: int
    init_started: int
    cgroup: str
    state: str
    since: float
    until: float
    schema: str = SCHEMA


_KEPT = TypeAdapter(Kept)


def start(loaded: Loaded, state: Path, *, hours: float) -> Kept:
    """Start a host in the state of a scenario's old release, and the process that keeps it.

    Raises `UsageError` when there is one already, or where the state file cannot be; `HostError` and others for what
    keeps it from starting.
    """
    if read(state) is not None:
        raise UsageError(f"{state} is the state of a host that runs", hint="`validate host stop` ends it.")
    if not state.absolute().parent.is_dir():
        raise UsageError(f"{state} cannot be written: its directory is missing")
    job = {"scenario": str(loaded.file), "state": str(state.absolute()), "hours": hours}
    said = process.start_apart(
        (sys.executable, "-P", "-m", "validator.keep", json.dumps(job)),
        cwd=Path.cwd(),
        log=_log(state),
        inherit=INHERITED,
        timeout=START_TIMEOUT,
    )
    answer: dict[str, Any] = json.loads(said) if said else {"error": _log(state).read_text(encoding="utf-8").strip()}
    if "error" in answer:
        error = HostError(str(answer["error"] or "the host's keeper ended without a word"), hint=answer.get("hint", ""))
        error.exit_code = Exit(answer.get("code", Exit.CANNOT_JUDGE))
        raise error
    return _KEPT.validate_python(answer)


def read(state: Path) -> Kept | None:
    """The host of a state file; None when there is none, or none any more."""
    if not state.exists():
        return None
    with process.locked(state, wait=False) as lock:
        if lock is not None:  # nobody keeps it
            return None
    return _load(state)


def stop(state: Path) -> bool:
    """End the host of a state file and remove that. False when it had ended before."""
    kept = read(state)
    ended = kept is not None and process.end(kept.keeper, kept.keeper_started)
    for file in (state, _log(state)):
        file.unlink(missing_ok=True)
    return ended


def all_kept(cache: Cache) -> tuple[Kept, ...]:
    """Every host that is kept, whoever started it. (`Cache.open` has removed what dead keepers left.)"""
    found = (_load(note) for note in sorted((cache.root / "hosts").glob(f"*/{NOTE}")))
    return tuple(kept for kept in found if kept is not None and _lives(kept))


def enter(kept: Kept) -> process.Command:
    """A shell in the host."""
    inside = ("nsenter", "-t", str(kept.init), *NAMESPACES, "-S", "0", "-G", "0", "-r", "-w", "--", "/bin/sh", "-l")
    env = {**HOST_ENV, "TERM": os.environ.get("TERM", "dumb")}
    return process.Command(argv=(*cgroup.enter(Path(kept.cgroup)), *inside), label="a shell in the host", env=env)


def _load(file: Path) -> Kept | None:
    try:
        return _KEPT.validate_json(file.read_bytes())
    except (OSError, ValueError):
        return None


def _lives(kept: Kept) -> bool:
    return process.started_at(kept.keeper) == kept.keeper_started


def _log(state: Path) -> Path:
    return state.with_suffix(".log")


def main(job: str) -> int:
    """Keep one host until it is to end. The first line on standard output says how it is reached, or what is wrong."""
    asked = json.loads(job)
    try:
        with process.signals_raise():
            _Keeper(load.load(Path(asked["scenario"])), Path(asked["state"]), hours=asked["hours"]).keep()
    except Interrupted:
        return Exit.INTERRUPTED
    except ValidatorError as error:
        _say({"error": error.message, "hint": error.hint, "code": int(error.exit_code)})
        return error.exit_code
    return Exit.CONVERGED


class _Keeper:
    """One host and its state file."""

    def __init__(self, loaded: Loaded, state: Path, *, hours: float) -> None:
        self._loaded, self._state = loaded, state
        self._until = time.time() + hours * HOUR
        self._lock = -1
        self._started = False

    def keep(self) -> None:
        """Start the host, say so, and wait until it is to end."""
        cache = Cache.open()
        with ExitStack() as held:
            lock = held.enter_context(process.locked(self._state, wait=False))
            if lock is None:
                raise UsageError(f"{self._state} is the state of a host that is being started")
            self._lock = lock
            held.callback(self._remove)
            staging, _ = held.enter_context(cache.host_directory(f"keep-{uuid.uuid4().hex[:8]}"))
            work = Work(plan.make(self._loaded, staging), cache, Silent(), fail_fast=True)
            work.do(self._story)
        if work.troubles:
            raise HostError(work.troubles[0].message, hint=work.troubles[0].hint)
        if not self._started:
            raise HostError(
                "the old release does not settle, so there is no host to upgrade",
                hint="`validate scenario` says what is wrong with it.",
            )

    def _story(self, work: Work, held: ExitStack) -> None:
        root = work.image(work.plan.image, held)
        layers = (work.old_state(root, held), root)
        with work.host(layers, "upgrade") as bench:
            kept = asdict(self._about(bench.host))
            for file in (self._state, bench.host.directory / NOTE):
                file.write_text(json.dumps(kept), encoding="utf-8")
            self._started = True
            _say(kept)
            while bench.host.running() and time.time() < self._until and self._is_ours():
                time.sleep(PAUSE)

    def _about(self, host: Host) -> Kept:
        return Kept(
            scenario=str(self._loaded.file.absolute()),
            hostname=host.spec.hostname,
            keeper=os.getpid(),
            keeper_started=process.started_at(os.getpid()) or 0,
            init=host.init,
            init_started=process.started_at(host.init) or 0,
            cgroup=str(host.cgroup),
            state=str(self._state),
            since=time.time(),
            until=self._until,
        )

    def _is_ours(self) -> bool:
        """Whether the state file is there, and is the one that was written."""
        try:
            return self._state.stat().st_ino == os.fstat(self._lock).st_ino
        except OSError:
            return False

    def _remove(self) -> None:
        if self._is_ours():
            self._state.unlink(missing_ok=True)
        if self._started:
            _log(self._state).unlink(missing_ok=True)


def _say(message: dict[str, object]) -> None:
    """One line; who asked may be gone, and nobody reads on."""
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(message), flush=True)  # noqa: T201 - the protocol with `start`
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
