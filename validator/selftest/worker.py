"""One fault, run in a process of its own: `python -m validator.selftest.worker JOB LIFELINE`.

The process ends, and its host with it, when the lifeline does: whoever started it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

from validator import plan, process, record
from validator.errors import Interrupted, ScenarioError, UsageError, ValidatorError
from validator.host.cache import Cache
from validator.progress import Silent
from validator.scenario import load
from validator.scenario.load import Loaded
from validator.selftest import mutants
from validator.validate import validate


def main(job: Path, lifeline: int) -> int:
    """Run the fault that `job` names; leave its record, or what went wrong, beside it."""
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    asked = json.loads(job.read_text(encoding="utf-8"))
    loaded = load.load(Path(asked["scenario"]))
    started = time.monotonic()
    answer: dict[str, object] = {}
    try:
        with process.signals_raise():
            cache = Cache.open()
            mutant = next((each for each in mutants.derive(loaded) if each.id == asked["mutant"]), None)
            if mutant is None or _digest(loaded, cache) != asked["digest"]:
                raise UsageError("the scenario's files were changed while its self-test ran")
            faulty = mutants.write(mutant, loaded, Path(asked["into"]))
            ran = validate(faulty, cache, Silent(), fail_fast=True, keep=False).run
            answer["run"] = json.loads(record.dump(ran))
    except Interrupted:
        return 130
    except ScenarioError as error:
        answer["refused"] = str(error.problems[0])
    except ValidatorError as error:
        answer["error"] = error.message
    answer["seconds"] = time.monotonic() - started
    unfinished = job.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(answer), encoding="utf-8")
    unfinished.replace(job.with_suffix(".answer"))
    return 0


def _digest(loaded: Loaded, cache: Cache) -> str:
    """What the scenario consists of now: a fault is compared with the healthy run of the same files."""
    with cache.host_directory(f"plan-{uuid.uuid4().hex[:8]}") as (staging, _):
        return plan.make(loaded, staging).digest


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
