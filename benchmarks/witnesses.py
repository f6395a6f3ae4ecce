"""What the witnesses cost beside the phases they watch, as ratios within one run.

    python benchmarks/witnesses.py [SCENARIO ...]

A phase's CPU is everything that ran in the host meanwhile, read from its cgroup. The witnesses' CPU is that of the
validator and of the programs it runs while it looks at units, reads the journal, freezes and compares the disk, and
looks at the host between tasks. What those programs use inside the host is in both numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path

from validator.host.cache import Cache
from validator.progress import Silent
from validator.record import Phase
from validator.scenario import load
from validator.validate import validate


def row(name: str, phase: str, watched: float, witness: float) -> str:
    """A line of the table."""
    return f"| {name} | {phase} | {watched:.2f} | {witness:.2f} | {witness / watched:.1%} |"


def main() -> None:
    cache = Cache.open()
    print("| scenario | phase | CPU s | witnesses, CPU s | ratio |")
    print("|---|---|---|---|---|")
    for name in sys.argv[1:] or ["plain-files", "apache-vhost", "newton-ocata"]:
        run = validate(load.find(name, Path("scenarios")), cache, Silent()).run
        live: list[Phase] = [phase for phase in run.phases if not phase.cached]
        for phase in live:
            print(row(name, phase.name, phase.cpu_seconds, phase.witness_cpu_seconds))
        watched, witness = (
            sum(phase.cpu_seconds for phase in live),
            sum(phase.witness_cpu_seconds for phase in live),
        )
        print(row(name, "all", watched, witness))


if __name__ == "__main__":
    main()
