"""Files that somebody reads: complete, or as they were."""

from __future__ import annotations

import time
from pathlib import Path

from validator.errors import UsageError


def write(text: str, file: Path) -> None:
    """Write a file. Raises `UsageError` when it cannot be written."""
    unfinished = file.with_name(f".{file.name}.{time.time_ns()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
