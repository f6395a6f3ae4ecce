"""Jobs in processes of their own: one side starts and watches them, the other does one and answers.

    python -m MODULE JOB LIFELINE

A job is a JSON file; its answer is another one, which is complete or not there. A worker ends, and its hosts with it,
when the lifeline does: whoever started it is gone, or wants no answer any more.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from validator import process
from validator.errors import Interrupted, ScenarioError, ValidatorError

# Where the cache is, and how the archive is reached when a worker builds an image.
INHERITED = (
    *("VALIDATE_CACHE", "XDG_CACHE_HOME", "HOME", "PYTHONPATH"),
    *("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"),
)
STOPPING = 30.0  # seconds for a worker to take its host down
SHOWN = 500  # characters of a worker's last words

Asked = dict[str, Any]
Answer = dict[str, Any]
Saying = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A job that is over. `trouble` says why there is no answer: what the worker said last, or how it ended."""

    name: str
    answer: Answer | None
    seconds: float
    trouble: str = ""


@dataclass(kw_only=True)
class _Running:
    job: Path
    companion: process.Companion
    since: float


class Workers:
    """Processes that run `python -m MODULE`, each with one job; none outlives the block."""

    def __init__(self, module: str, directory: Path, *, label: str) -> None:
        self._module, self._directory, self._label = module, directory, label
        self._running: dict[str, _Running] = {}
        self._started = 0

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> tuple[str, ...]:
        """The names of the jobs that are being done."""
        return tuple(self._running)

    def start(self, name: str, asked: Mapping[str, object]) -> None:
        """Start a job; `name` is for the caller."""
        self._started += 1
        job = self._directory / f"{self._started}.job"
        job.write_text(json.dumps(asked), encoding="utf-8")
        companion = process.Companion(
            (sys.executable, "-m", self._module, str(job)),
            label=self._label,
            log=job.with_suffix(".log"),
            inherit=INHERITED,
        )
        self._running[name] = _Running(job=job, companion=companion, since=time.monotonic())

    def doing(self, name: str) -> str:
        """What a worker said last that it is at."""
        try:
            return self._running[name].job.with_suffix(".doing").read_text(encoding="utf-8")
        except OSError:
            return ""

    def ended(self) -> tuple[Ended, ...]:
        """The jobs that have ended since the last call."""
        return tuple(self._end(name) for name, each in tuple(self._running.items()) if not each.companion.running())

    def stop(self) -> None:
        """End all that still run, at the same time."""
        for each in self._running.values():
            each.companion.cut()
        for each in self._running.values():
            each.companion.stop(timeout=STOPPING)
        self._running.clear()

    def _end(self, name: str) -> Ended:
        each = self._running.pop(name)
        seconds = time.monotonic() - each.since
        each.companion.stop()
        try:
            answer: Answer = json.loads(each.job.with_suffix(".answer").read_text(encoding="utf-8"))
        except OSError:
            return Ended(name=name, answer=None, seconds=seconds, trouble=_last_words(each))
        return Ended(name=name, answer=answer, seconds=seconds)


def _last_words(ended: _Running) -> str:
    said = ended.job.with_suffix(".log").read_text(encoding="utf-8", errors="replace").strip()
    code = ended.companion.code or 0
    how = f"it was killed by {signal.Signals(-code).name}" if code < 0 else "it ended without a word"
    return said[-SHOWN:] or how


def serve(do: Callable[[Asked, Saying], Answer]) -> int:
    """The other side: do the job that the command line names; leave the answer, or what went wrong, beside it.

    Returns the exit status of the process.
    """
    job, lifeline = Path(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    started = time.monotonic()
    try:
        with process.signals_raise():
            answer = _answer(do, json.loads(job.read_text(encoding="utf-8")), job.with_suffix(".doing"))
            answer["seconds"] = time.monotonic() - started
            unfinished = job.with_suffix(".unfinished")
            unfinished.write_text(json.dumps(answer), encoding="utf-8")
            unfinished.replace(job.with_suffix(".answer"))
    except Interrupted:
        return 130
    return 0


def _answer(do: Callable[[Asked, Saying], Answer], asked: Asked, doing: Path) -> Answer:
    def say(what: str) -> None:
        doing.write_text(what, encoding="utf-8")

    try:
        return do(asked, say)
    except ScenarioError as error:
        return {"refused": str(error.problems[0]), "hint": error.hint}
    except ValidatorError as error:
        return {"error": error.message, "hint": error.hint}


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
