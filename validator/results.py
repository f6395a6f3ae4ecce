"""Results that were kept: JSON results as they are, records judged again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from validator import comparison, record, verdict
from validator.comparison import Summary
from validator.errors import Problem, ScenarioError, UsageError

_SUMMARY = TypeAdapter(Summary)
HINT = "Give what `--format json` printed, or a record.json: the paths under `records` of a result."


def load(path: Path) -> Summary:
    """What can be compared of a kept result. Raises `UsageError` or `ScenarioError` when there is none in the file."""
    try:
        # Read once: it may be a pipe.
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=HINT) from error
    except ValueError as error:
        raise UsageError(f"{path} is no text: {error}", hint=HINT) from error
    schema = _schema(path, text)
    try:
        if schema == record.SCHEMA:
            return comparison.of(verdict.judge(record.load_text(text)), str(path))
        return replace(_SUMMARY.validate_json(text), file=str(path))
    except ValidationError as error:
        raise ScenarioError(
            tuple(
                Problem(file=str(path), line=1, column=1, key=".".join(map(str, each["loc"])), message=each["msg"])
                for each in error.errors()
            ),
            hint="It is damaged, or was not written by the validator.",
        ) from error


def _schema(path: Path, text: str) -> str:
    """The schema of a file, which is one that can be compared."""
    try:
        data = json.loads(text)
    # A few thousand brackets are enough for the second.
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON, or not all of it: {error}", hint=HINT) from error
    found = data.get("schema") if isinstance(data, dict) else type(data).__name__
    for schema in (verdict.SCHEMA, record.SCHEMA):
        if found == schema:
            return schema
    raise UsageError(
        f"{path} is neither a result nor a record of this version "
        f"(schema {found!r}, wanted {verdict.SCHEMA!r} or {record.SCHEMA!r})",
        hint=HINT,
    )
