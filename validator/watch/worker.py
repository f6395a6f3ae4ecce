"""One run in a process of its own: `python -m validator.watch.worker JOB LIFELINE`.

A run that a save has overtaken is ended by ending its process: then nothing of it can stay. The process ends by itself,
and its host with it, when the lifeline does: whoever started it is gone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from rich.console import Console

from validator import process, record
from validator.errors import Exit, Interrupted, ValidatorError
from validator.host.cache import Cache
from validator.render.live import Live
from validator.scenario import load
from validator.validate import validate

PATIENCE = 5.0  # seconds in which a run may clean up after itself when nobody waits for it any more


def main(job: Path, lifeline: int) -> int:
    """Run what `job` names; leave its record, or what the author must mend, beside it."""
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    asked = json.loads(job.read_text(encoding="utf-8"))
    answer: dict[str, object] = {}
    try:
        with process.signals_raise(), Live(Console(stderr=True)) as progress:
            loaded = load.load(Path(asked["scenario"]))
            ran = validate(loaded, Cache.open(), progress, keep_upgraded=True, upgraded=asked["upgraded"])
        answer = {
            "run": json.loads(record.dump(ran.run)),
            "record": str(ran.path) if ran.path.name else "",
            "upgraded": ran.upgraded,
        }
    except Interrupted:
        return Exit.INTERRUPTED
    except ValidatorError as error:
        answer = {"trouble": error.message, "hint": error.hint}
    unfinished = job.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(answer), encoding="utf-8")
    unfinished.replace(job.with_suffix(".answer"))
    return Exit.CONVERGED


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
