"""Kill what runs a matrix at random points: `python -m benchmarks.kills N [SEED]`.

On one machine the process of a cell or the command; on a cluster its scheduler, one of its two workers, or the command.
Each time nothing may be left, no cell is lost, told twice or green that did not converge, and the next run is whole.
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
from collections import Counter
from pathlib import Path
from typing import Any

from tests.conftest import COMMAND
from tests.host.clusters import LocalCluster, Node
from tests.host.lab import SPEC, linked_cache, write_scenario
from tests.host.remains import Running, assert_nothing_left, eventually, family, left_of, read
from validator.host import cgroup, image
from validator.host.cache import Cache

TRUE = "- name: nothing\n  ansible.builtin.command: 'true'\n"
SECONDS = 25.0  # what three cells take, two at a time, whose old release is known
VICTIMS = ("cell", "command", "scheduler", "worker", "command on a cluster")
RIGHT = {"a": "converged", "b": "converged", "bad": "diverged"}


def main() -> None:
    many, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    chance = random.Random(seed)  # noqa: S311 - the same moments in every run
    everybodys = Cache.open()
    image.ensure(SPEC, everybodys)
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, everybodys.using("images", SPEC.name):
        states = made(Path(directory), everybodys)
        for number in range(many):
            victim, moment = VICTIMS[number % len(VICTIMS)], chance.uniform(0.5, SECONDS)
            place = Path(directory) / str(number)
            in_time = killed(victim, moment, place, states, everybodys)
            counted[victim if in_time else "too late"] += 1
            print(f"{number + 1}/{many}: {victim} at {moment:.1f} s{'' if in_time else ': it had ended'}", flush=True)
            shutil.rmtree(place)
    print(f"{dict(counted)}: nothing was left, lost or taken for green")


def made(root: Path, everybodys: Cache) -> Path:
    """The states of the scenarios, so that each cell is at its tasks at once."""
    cache = linked_cache(root / "seed", everybodys)
    write_scenario(root / "shop")
    env = {**os.environ, "VALIDATE_CACHE": str(cache)}
    subprocess.run([COMMAND, "scenario", root / "shop"], env=env, check=True, capture_output=True)
    return cache / "states"


def killed(victim: str, moment: float, place: Path, states: Path, everybodys: Cache) -> bool:
    """One kill, and all that must hold after it; false when the command had ended before."""
    for name in ("a", "b"):
        write_scenario(place / name)
    write_scenario(place / "bad", tasks=TRUE)
    (place / "matrix.yml").write_text("scenarios: ['a', 'b', 'bad']\n", encoding="utf-8")
    cache = linked_cache(place / "cache", everybodys)
    for state in states.glob("[!.]*"):
        (cache / "states" / state.name).symlink_to(state)
    groups = set(cgroup.leftovers())
    if victim in {"cell", "command"}:
        in_time = alone(victim, moment, place, cache)
    else:
        with LocalCluster(root=place / "cluster", everybodys=everybodys) as cluster:
            for _ in range(2):
                cluster.worker(states)
            in_time = together(victim, moment, place, cache, cluster)
    found = told(subprocess.run(argv(place), env=env_of(cache), capture_output=True, check=False).stdout)
    if found != RIGHT:
        sys.exit(f"after {victim} at {moment:.1f} s: {found}")
    assert_nothing_left(cache, groups)
    return in_time


def alone(victim: str, moment: float, place: Path, cache: Path) -> bool:
    """On this machine."""
    with started(place, cache) as running:
        if not running.lasts(moment):
            return False
        if victim == "command":
            running.send(signal.SIGKILL)
        else:
            for each in family(running.child.pid):
                if "validator.matrix.worker" in read(f"/proc/{each.pid}/cmdline"):
                    os.kill(each.pid, signal.SIGKILL)
                    break
            require_right(running.wait().out)
        running.assert_gone()
    return True


def together(victim: str, moment: float, place: Path, cache: Path, cluster: LocalCluster) -> bool:
    """On a cluster."""
    workers = cluster.workers
    with started(place, cache, "--scheduler", cluster.address, "--store", str(place / "store")) as running:
        in_time = running.lasts(moment)
        if in_time and victim == "command on a cluster":
            running.send(signal.SIGKILL)
        elif in_time:
            (cluster.scheduler if victim == "scheduler" else workers[0]).kill()
            ran = running.wait()
            if victim == "scheduler" and not ran.out:  # before it had answered: nothing was run
                if ran.code != 3 or "Traceback" in ran.err:
                    sys.exit(f"status {ran.code} without a scheduler: {ran.err}")
            elif require_right(ran.out) != RIGHT and victim == "worker":
                sys.exit(f"what a killed worker had did not finish elsewhere: {ran.out}")
        for node in workers:
            require_clean(node)
    return in_time


def require_clean(node: Node) -> None:
    """Nothing but itself is left on a worker's machine."""

    def left() -> list[str]:
        return [each for each in left_of(node.cache) if "dask" not in each]

    eventually(lambda: not left(), lambda: f"left on a worker: {left()}", seconds=60)
    Cache(root=node.cache).sweep()
    hosts = node.cache / "hosts"
    eventually(lambda: not list(hosts.iterdir()), lambda: f"hosts are left: {list(hosts.iterdir())}")


def started(place: Path, cache: Path, *arguments: str) -> Running:
    more = ("-j", "2", "--format", "json", *arguments)
    return Running.start(cache, place / "matrix.yml", *more, command="matrix", option="--matrix")


def require_right(out: str) -> dict[str, str | None]:
    """What a result says; each cell is there once, with the right verdict or with none."""
    found = told(out.encode())
    if found.keys() != RIGHT.keys() or any(verdict not in {RIGHT[name], None} for name, verdict in found.items()):
        sys.exit(f"a result is wrong: {found}")
    return found


def told(out: bytes) -> dict[str, str | None]:
    cells: list[dict[str, Any]] = json.loads(out)["cells"]
    if len(cells) != len(RIGHT):
        sys.exit(f"{len(cells)} cells were told")
    return {cell["scenario"]: cell["verdict"] for cell in cells}


def argv(place: Path) -> list[str | Path]:
    return [COMMAND, "matrix", "--matrix", place / "matrix.yml", "--format", "json"]


def env_of(cache: Path) -> dict[str, str]:
    return {**os.environ, "VALIDATE_CACHE": str(cache)}


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    main()
