"""What a person can do next with a result. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from validator.verdict import Result

SCENARIOS = PurePosixPath("scenarios")  # where `validate` looks for a name


def lines(result: Result) -> Iterator[str]:
    """The command that opens a shell in the host of a run that did not converge, as far as the run came."""
    moment = _moment(result)
    if result.verdict != "converged" and result.file and moment:
        yield f"shell: validate shell {shlex.quote(name_of(result.file))} --at {moment}"


def _moment(result: Result) -> str:
    reached = {phase.name for phase in result.phases}
    if result.kind not in {"upgrade", "upgrade-idempotence"} or "old" not in reached:
        return ""
    if "upgrade" in reached:
        return "fault" if "fault" in reached else "upgrade"
    unsettled = any(finding.phase == "old" and finding.means == "inconclusive" for finding in result.findings)
    return "image" if unsettled else "old"


def name_of(file: str) -> str:
    """The scenario as the command line takes it: a name below the usual directory, or a path."""
    directory = PurePosixPath(file).parent
    if directory.parent == SCENARIOS:
        return directory.name
    return str(directory) if "/" in str(directory) else f"./{directory}"
