"""The author's files, changed as tried: all or none, and only if nobody changed them meanwhile."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from validator.errors import UsageError
from validator.fixes.run import Changed


def write(files: Mapping[Path, Changed]) -> None:
    """Write every file, each by rename so that none is ever half there. Raises `UsageError` and writes nothing when
    one of them is not what it was when the fix was tried, or cannot be written."""
    for path, changed in files.items():
        try:
            found = path.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        if found != changed.before:
            raise UsageError(f"{path} was changed while the fix was tried", hint="Run the same command again.")
    ready: dict[Path, Path] = {}
    try:
        for path, changed in files.items():
            unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            ready[unfinished] = path
            shutil.copy2(path, unfinished)
            unfinished.write_text(changed.after, encoding="utf-8")
        for unfinished, path in ready.items():
            unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"the files cannot be written: {error}") from error
    finally:
        for unfinished in ready:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
