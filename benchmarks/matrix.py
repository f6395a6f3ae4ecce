"""What a matrix gains by several workers and by results that are known, as ratios within one run; and what kills do.

    python -m benchmarks.matrix [CELLS]          CELLS small scenarios: 1 worker, 2 workers, once more
    python -m benchmarks.matrix --kills N        a worker or the command killed N times at random points

Every run has a cache of its own, with the image of scenarios/plain-files in it. Load is what the machine does beside.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.host.lab import NEW, OLD, SPEC, TASKS, linked_cache, write_scenario
from tests.host.remains import Running, assert_nothing_left, family, read
from validator.host import cgroup, image
from validator.host.cache import Cache

COMMAND = Path(sys.executable).parent / "validate"
CELLS = 8
TRUE = "- name: nothing\n  ansible.builtin.command: 'true'\n"


def scenarios(root: Path, many: int) -> None:
    """Scenarios that share nothing but the image: each has an old release of its own."""
    for number in range(many):
        name = f"s{number}"
        old, new = (text.replace("/etc/shop.conf", f"/etc/{name}.conf") for text in (OLD, NEW))
        write_scenario(root / name, old=old, new=new, tasks=TASKS.replace("/etc/shop.conf", f"/etc/{name}.conf"))
    (root / "matrix.yml").write_text("scenarios: ['*']\n", encoding="utf-8")


def validated(root: Path, cache: Path, jobs: int) -> float:
    """Seconds of one run of the command, every cell of which has to be as expected."""
    clock = time.monotonic()
    done = subprocess.run(
        [COMMAND, "matrix", "--root", root, "--jobs", str(jobs), "--format", "json"],
        env={**os.environ, "VALIDATE_CACHE": str(cache)},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"not all cells converged: {done.stdout.decode()}{done.stderr.decode()}")
    return time.monotonic() - clock


def speed(root: Path, everybodys: Cache, many: int) -> None:
    scenarios(root, many)
    one_cache, two_cache = (linked_cache(root / f"cache-{number}", everybodys) for number in (1, 2))
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {many} cells", flush=True)
    one = validated(root, one_cache, 1)
    print(f"| one worker | {one:.1f} s | 1.00 |", flush=True)
    two = validated(root, two_cache, 2)
    print(f"| two workers | {two:.1f} s | {one / two:.2f} times as fast |", flush=True)
    again = validated(root, two_cache, 2)
    print(f"| the same once more | {again:.1f} s | {again / two:.1%} of it |")
    print(f"load {os.getloadavg()[0]:.1f}")


def kills(root: Path, everybodys: Cache, many: int) -> None:
    """Each time: nothing is left, no cell is green that did not converge, and the next run is whole."""
    chance = random.Random(many)  # noqa: S311 - the same moments in every run
    counted = {"worker": 0, "command": 0, "too late": 0}
    for number in range(many):
        place = root / str(number)
        for name in ("a", "b"):
            write_scenario(place / name)
        write_scenario(place / "bad", tasks=TRUE)
        (place / "matrix.yml").write_text("scenarios: ['*']\n", encoding="utf-8")
        cache = linked_cache(place / "cache", everybodys)
        groups = set(cgroup.leftovers())
        with Running.start(
            cache, place / "matrix.yml", "-j", "2", "--format", "json", command="matrix", option="--matrix"
        ) as running:
            moment = chance.uniform(0.5, 40)
            what = "too late"
            if running.lasts(moment):
                what = chance.choice(["worker", "command"])
                kill(running, what)
            counted[what] += 1
            running.assert_gone()
        found = verdicts(place, cache)
        if found != {"a": "converged", "b": "converged", "bad": "diverged"}:
            sys.exit(f"after kill {number} ({what} at {moment:.1f} s): {found}")
        assert_nothing_left(cache, groups)
        print(f"{number + 1}/{many}: {what} at {moment:.1f} s", flush=True)
        shutil.rmtree(place)
    print(f"{counted}: nothing was left, lost or taken for green")


def kill(running: Running, what: str) -> None:
    if what == "command":
        running.send(signal.SIGKILL)
        return
    for each in family(running.child.pid):
        if "validator.matrix.worker" in read(f"/proc/{each.pid}/cmdline"):
            os.kill(each.pid, signal.SIGKILL)
            break
    for cell in running.wait().result["cells"]:
        right = "diverged" if cell["scenario"] == "bad" else "converged"
        if cell["verdict"] not in {right, None}:
            sys.exit(f"{cell['name']} is {cell['verdict']}")


def verdicts(root: Path, cache: Path) -> dict[str, str]:
    done = subprocess.run(
        [COMMAND, "matrix", "--root", root, "--format", "json"],
        env={**os.environ, "VALIDATE_CACHE": str(cache)},
        capture_output=True,
        check=False,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return {cell["scenario"]: cell["verdict"] for cell in document["cells"]}


def main() -> None:
    everybodys = Cache.open()
    image.ensure(SPEC, everybodys)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, everybodys.using("images", SPEC.name):
        if sys.argv[1:2] == ["--kills"]:
            kills(Path(directory), everybodys, int(sys.argv[2]))
        else:
            speed(Path(directory), everybodys, int(sys.argv[1]) if len(sys.argv) > 1 else CELLS)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    main()
