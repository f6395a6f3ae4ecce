"""How long cells took, in seconds: kept in the cache to order them, and in a file that machines share to shard them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from validator import files, process
from validator.errors import UsageError
from validator.host.cache import Cache
from validator.scenario.paths import written

SCHEMA = "convergence-validator/timings/1"


def load(file: Path) -> dict[str, float]:
    """A file of timings. Raises `UsageError` when it is none."""
    try:
        found = _read(file)
    except OSError as error:
        raise UsageError(
            f"{written(file)} cannot be read: {error.strerror}", hint="`validate matrix --save-timings FILE` makes one."
        ) from error
    except ValueError as error:
        raise UsageError(f"{written(file)} is no file of timings: {error}") from error
    return found


def save(file: Path, seconds: Mapping[str, float]) -> None:
    """Write a file of timings; it is complete or as it was. Raises `UsageError` when it cannot be written."""
    text = json.dumps({"schema": SCHEMA, "seconds": dict(sorted(seconds.items()))}, indent=1) + "\n"
    files.write(text, file)


def recall(cache: Cache) -> dict[str, float]:
    """What this cache knows."""
    try:
        return _read(_kept(cache))
    except (OSError, ValueError):
        return {}


def note(cache: Cache, cell: str, seconds: float) -> None:
    """Remember how long a cell took. Several runs may do so at a time."""
    with process.locked(_kept(cache).with_name(".timings.lock")):
        save(_kept(cache), {**recall(cache), cell: round(seconds, 1)})


def _kept(cache: Cache) -> Path:
    return cache.root / "timings.json"


def _read(file: Path) -> dict[str, float]:
    data = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or not isinstance(data.get("seconds"), dict):
        raise ValueError(f"a document with schema {SCHEMA} is wanted")
    found = {}
    for name, seconds in data["seconds"].items():
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
            raise ValueError(f"{name}: {seconds!r} is no number of seconds")
        found[str(name)] = float(seconds)
    return found
