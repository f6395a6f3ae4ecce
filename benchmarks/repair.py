"""How often the broken corpus is explained and mended: `python benchmarks/repair.py [PATTERN ...]`.

For each case whose expected.yml says what it must come to: whether the first cause is the injected fault, whether blame
names the task that is at fault (`blame` there; null: no task is), and what the fix came to when it was tried. Cases
with `mendable: false` cannot be mended by a task. Needs root and the images; an hour for all of them on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).parent / "validate"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one case came to. `fix` is the status of the first cause's fix; `zero`: with all fixes it converges."""

    case: str
    cause: bool
    blame: bool
    mendable: bool
    fix: str
    zero: bool
    seconds: float


def cases(patterns: list[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The cases that diverge, with what they must come to."""
    for place in ("tests/corpus", "tests/variants"):
        for file in sorted((PROJECT / place).glob("*/*/expected.yml")):
            expected = yaml.safe_load(file.read_text(encoding="utf-8"))
            name = str(file.parent.relative_to(PROJECT))
            if "blame" in expected and (not patterns or any(pattern in name for pattern in patterns)):
                yield file.parent, expected


def run(case: Path, expected: dict[str, Any]) -> Row:
    """Validate a case, and look for fixes."""
    started = time.monotonic()
    name = str(case.relative_to(PROJECT))
    done = subprocess.run(
        [COMMAND, "scenario", name, "--fix", "--format", "json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1, 3) or not done.stdout:
        raise SystemExit(f"{name} ended with status {done.returncode}:\n{done.stderr}")
    result = json.loads(done.stdout)
    first: dict[str, Any] = next((finding for finding in result["findings"] if finding["severity"] == "error"), {})
    wanted = expected.get("first", {})
    left_by = first.get("left_by")
    found = [finding["fix"] for finding in result["findings"] if finding.get("fix")]
    return Row(
        case=name,
        cause={key: first.get(key) for key in wanted} == wanted,
        blame=(left_by["task"] if left_by else None) == expected["blame"],
        mendable=expected.get("mendable", True),
        fix=(first.get("fix") or {}).get("status", "-"),
        zero=bool(found) and all(fix["status"] == "verified" for fix in found),
        seconds=time.monotonic() - started,
    )


def main() -> None:
    rows: list[Row] = []
    print(f"{'case':<58} cause blame fix        zero  seconds")
    for case, expected in cases(sys.argv[1:]):
        row = run(case, expected)
        rows.append(row)
        yes = {True: "yes", False: "NO"}
        zero = yes[row.zero] if row.mendable else "(none can)"
        print(
            f"{row.case:<58} {yes[row.cause]:<5} {yes[row.blame]:<5} {row.fix:<10} {zero:<10} {row.seconds:6.0f}",
            flush=True,
        )
    mendable = [row for row in rows if row.mendable]
    for what, number, of in (
        ("the first cause is the injected fault", sum(row.cause for row in rows), len(rows)),
        ("blame names the right task", sum(row.blame for row in rows), len(rows)),
        (
            "a verified fix brings it to zero, of those that a task can mend",
            sum(row.zero for row in mendable),
            len(mendable),
        ),
    ):
        print(f"{what}: {number} of {of} ({100 * number / max(of, 1):.0f}%)")


if __name__ == "__main__":
    main()
