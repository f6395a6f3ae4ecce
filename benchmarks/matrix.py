"""What a matrix gains by several workers and by results that are known, as ratios within one run.

    python -m benchmarks.matrix [CELLS]          CELLS small scenarios: 1 worker, 2 workers, once more
    python -m benchmarks.matrix FILE [CELLS...]  the cells of a matrix file, or those whose names match

Every run has a cache of its own, with all images but no states in it. Load is what the machine does beside.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.host.lab import NEW, OLD, SPEC, TASKS, linked_cache, write_scenario
from validator import plan
from validator.host import image
from validator.host.cache import Cache
from validator.matrix import cells, declared

COMMAND = Path(sys.executable).parent / "validate"
CELLS = 8


def scenarios(root: Path, many: int) -> None:
    """Scenarios that share nothing but the image: each has an old release of its own."""
    for number in range(many):
        name = f"s{number}"
        old, new = (text.replace("/etc/shop.conf", f"/etc/{name}.conf") for text in (OLD, NEW))
        write_scenario(root / name, old=old, new=new, tasks=TASKS.replace("/etc/shop.conf", f"/etc/{name}.conf"))
    (root / "matrix.yml").write_text("scenarios: ['*']\n", encoding="utf-8")


def validated(matrix: Path, asked: list[str], cache: Path, jobs: int) -> tuple[float, int]:
    """Seconds of one run of the command, every cell of which has to have a verdict, and how many cells there are."""
    clock = time.monotonic()
    done = subprocess.run(
        [COMMAND, "matrix", *asked, "--matrix", matrix, "--jobs", str(jobs), "--format", "json"],
        env={**os.environ, "VALIDATE_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        check=False,
    )
    seconds = time.monotonic() - clock
    answered: list[dict[str, Any]] = json.loads(done.stdout)["cells"] if done.stdout else []
    for cell in answered:
        if cell["answer"] != "as expected":
            print(f"{cell['name']}: {cell['how']}, {cell['verdict']}: {cell['message']}", flush=True)
    if not answered or any(cell["verdict"] is None for cell in answered):
        sys.exit(f"not all cells were judged: status {done.returncode}")
    return seconds, len(answered)


def images(matrix: Path, asked: list[str], everybodys: Cache) -> None:
    """Build what is missing before anything is measured."""
    found = declared.read(matrix)
    wanted = cells.load_all(found, declared.chosen(declared.coordinates(found), asked))
    specs: dict[str, image.ImageSpec] = {}
    with everybodys.host_directory(f"benchmark-{os.getpid()}") as (staging, _):
        for number, cell in enumerate(wanted):
            place = staging / str(number)
            place.mkdir()
            planned = plan.make(cell.loaded, place)
            specs.update({spec.name: spec for spec in (planned.image, planned.fresh_image)})
    for spec in specs.values():
        image.ensure(spec, everybodys)


def speed(matrix: Path, asked: list[str], root: Path, everybodys: Cache) -> None:
    images(matrix, asked, everybodys)
    one_cache, two_cache = (linked_cache(root / f"cache-{number}", everybodys) for number in (1, 2))
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors", flush=True)
    one, many = validated(matrix, asked, one_cache, 1)
    print(f"| {many} cells, one worker | {one:.1f} s | 1.00 |", flush=True)
    two, _ = validated(matrix, asked, two_cache, 2)
    print(f"| two workers | {two:.1f} s | {one / two:.2f} times as fast |", flush=True)
    again, _ = validated(matrix, asked, two_cache, 2)
    print(f"| the same once more | {again:.1f} s | {again / two:.1%} of it |")
    print(f"load {os.getloadavg()[0]:.1f}")


def main() -> None:
    everybodys = Cache.open()
    image.ensure(SPEC, everybodys)
    what, *asked = sys.argv[1:] or [str(CELLS)]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, everybodys.using("images", SPEC.name):
        root = Path(directory)
        if what.isdecimal():
            scenarios(root, int(what))
        speed(root / "matrix.yml" if what.isdecimal() else Path(what), asked, root, everybodys)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    main()
