"""What a person can do next with a result: one line each, a label and the command to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from validator.verdict import Result

ROOT = PurePosixPath("scenarios")


def steps(result: Result) -> Iterator[tuple[str, str]]:
    """The commands, each with a word for what it is about. Nothing where nothing is left to do."""
    if result.verdict == "diverged" and result.kind == "upgrade" and not result.searched:
        yield "fixes", f"validate fix {shlex.quote(name(result))}"
    if result.verdict != "converged" and result.file and (moment := _moment(result)):
        yield "shell", f"validate shell {shlex.quote(name(result))} --at {moment}"


def _moment(result: Result) -> str:
    """As far as the run came: the host as the tasks left it, before Puppet mends it; empty where there is none."""
    reached = {phase.name for phase in result.phases}
    if result.kind not in {"upgrade", "upgrade-idempotence"} or "old" not in reached:
        return ""
    if "upgrade" in reached:
        return "fault" if "fault" in reached else "upgrade"
    unsettled = any(finding.phase == "old" and finding.means == "inconclusive" for finding in result.findings)
    return "image" if unsettled else "old"


def name(result: Result) -> str:
    """What the scenario is called on the command line: its name below `scenarios`, else its directory."""
    directory = PurePosixPath(result.file).parent
    if not result.file or directory == ROOT / result.scenario:
        return result.scenario
    return f"./{directory}" if len(directory.parts) < 2 else str(directory)  # noqa: PLR2004 - without a slash it is a name
