"""What pydantic found wrong with a YAML file, as problems that name the place in the file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from validator.errors import Problem
from validator.scenario.text import Document, Location


def problem(
    document: Document, error: ErrorDetails, *, parts: Mapping[str, type[BaseModel]], whole: type[BaseModel]
) -> Problem:
    """One mistake. `parts` are the models below each key and `whole` the file's: their keys are suggested."""
    location = tuple(part for part in error["loc"] if part != "[key]")
    kind = error["type"]
    if kind == "extra_forbidden":
        return document.problem(location, f"unknown key{_suggestion(location, parts, whole)}")
    if kind == "missing":
        return document.problem(location, "this key is missing")
    message = error["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list")
    given = (
        f" (it is {error['input']!r})"
        if isinstance(error["input"], str | int | float | bool) and kind != "value_error"
        else ""
    )
    return document.problem(location, f"{message[:1].lower()}{message[1:]}{given}")


def _suggestion(location: Location, parts: Mapping[str, type[BaseModel]], whole: type[BaseModel]) -> str:
    part = parts.get(str(next((name for name in reversed(location[:-1]) if isinstance(name, str)), "")), whole)
    keys = list(part.model_fields)
    close = difflib.get_close_matches(str(location[-1]), keys, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known here: {', '.join(keys)}"
