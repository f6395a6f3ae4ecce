"""What can go wrong, and with which exit status the command then ends.

Every message says what happened and where; `hint` says what to do next. Nothing below the command line
calls `sys.exit`: it raises one of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses of the command: part of its contract."""

    CONVERGED = 0
    DIVERGED = 1
    USAGE = 2
    CANNOT_JUDGE = 3
    INTERRUPTED = 130


class ValidatorError(Exception):
    """The validator could not do its work; never a statement about the scenario's verdict."""

    exit_code: Exit = Exit.CANNOT_JUDGE

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ValidatorError):
    """The command was called in a way that cannot work."""

    exit_code = Exit.USAGE


class MachineError(ValidatorError):
    """This machine lacks something: privileges, a kernel feature, a package, disk space."""


class ImageError(ValidatorError):
    """A base image could not be built."""


class HostError(ValidatorError):
    """A disposable host could not be started, reached or frozen."""


class ToolError(ValidatorError):
    """A driven tool could not be run to its end, or left no readable evidence."""


@dataclass(frozen=True, kw_only=True, order=True)
class Problem:
    """One mistake in a file that a person wrote. `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.file}:{self.line}:{self.column}: {key}{self.message}"


class ScenarioError(ValidatorError):
    """A scenario is not usable; carries every problem found in it."""

    exit_code = Exit.USAGE

    def __init__(self, problems: tuple[Problem, ...], *, hint: str = "") -> None:
        super().__init__("\n".join(str(problem) for problem in sorted(problems)), hint=hint)
        self.problems = problems


class Interrupted(BaseException):
    """SIGINT or SIGTERM arrived. Not an `Exception`, so that no handler on the way swallows it."""

    def __init__(self, signal_name: str) -> None:
        super().__init__(signal_name)
        self.signal_name = signal_name
