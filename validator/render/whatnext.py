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


def name(result: Result) -> str:
    """What the scenario is called on the command line: its name below `scenarios`, else its directory."""
    directory = PurePosixPath(result.file).parent
    if not result.file or directory == ROOT / result.scenario:
        return result.scenario
    return f"./{directory}" if len(directory.parts) < 2 else str(directory)  # noqa: PLR2004 - without a slash it is a name
