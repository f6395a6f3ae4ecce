"""One fault, run in a process of its own (`validator.workers`)."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

from validator import plan, record, workers
from validator.errors import ScenarioError, UsageError
from validator.host.cache import Cache
from validator.progress import Silent
from validator.scenario import load
from validator.scenario.load import Loaded
from validator.selftest import mutants
from validator.validate import validate

CHANGED = "the scenario's files were changed while its self-test ran"


def run(asked: workers.Asked, _saying: workers.Saying) -> workers.Answer:
    """Run the fault that is asked for; the answer is its record."""
    cache = Cache.open()
    try:
        loaded = load.load(Path(asked["scenario"]))
    except ScenarioError as error:  # it is not the fault that has been refused
        raise UsageError(CHANGED) from error
    mutant = next((each for each in mutants.derive(loaded) if each.id == asked["mutant"]), None)
    if mutant is None or _digest(loaded, cache) != asked["digest"]:
        raise UsageError(CHANGED)
    faulty = mutants.write(mutant, loaded, Path(asked["into"]))
    ran = validate(faulty, cache, Silent(), fail_fast=True, keep=False).run
    return {"run": json.loads(record.dump(ran))}


def _digest(loaded: Loaded, cache: Cache) -> str:
    """What the scenario consists of now: a fault is compared with the healthy run of the same files."""
    with cache.host_directory(f"plan-{uuid.uuid4().hex[:8]}") as (staging, _):
        return plan.make(loaded, staging).digest


if __name__ == "__main__":
    sys.exit(workers.serve(run))
