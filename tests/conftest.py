"""What all tests share: the command as a user runs it, and a look at what it may have left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).parent / "validate"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How the command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON result; fails when standard output holds anything else."""
        document: dict[str, Any] = json.loads(self.out)
        return document


Validate = Callable[..., Ran]


@pytest.fixture
def validate() -> Validate:
    """Run the installed command with arguments; `env` adds variables, `cwd` and `timeout` as in subprocess."""

    def run(
        *arguments: str | Path, env: dict[str, str] | None = None, cwd: Path = PROJECT, timeout: float = 900
    ) -> Ran:
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, "COLUMNS": "100", **(env or {})},
            timeout=timeout,
            check=False,
        )
        return Ran(code=done.returncode, out=done.stdout, err=done.stderr)

    return run
