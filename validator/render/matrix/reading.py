"""The JSON result of a matrix read back into what it was made of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from validator.matrix.declared import Coordinates
from validator.matrix.result import SCHEMA, MatrixResult, Outcome
from validator.render import reading
from validator.render.matrix import json
from validator.render.matrix.parts import Links
from validator.verdict import Result

_MATRIX = TypeAdapter(MatrixResult)
_OUTCOME = TypeAdapter(Outcome)
_CELL = TypeAdapter(Coordinates)


@dataclass(frozen=True, kw_only=True)
class Read:
    """A combined result, and where its cells' reports are, from where it is itself."""

    result: MatrixResult
    links: Links


def read(document: object) -> Read:
    """What a document says. Raises `ValueError` for what the validator would not have written exactly so."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise ValueError(f"it is no result of a matrix of this version (schema {found!r}, wanted {SCHEMA!r})")
    try:
        outcomes = tuple(_outcome(cell) for cell in document["cells"])
        fields = {name: value for name, value in document.items() if name not in {"cells", "counts", "exit_code"}}
        made = {"since": document["since"] or "", "combined": document["combined"] or 0, "outcomes": outcomes}
        result = _MATRIX.validate_python({**fields, **made})
        links = {cell["name"]: cell["reports"] for cell in document["cells"]}
        again = json.document(result, links)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it has not the shape of one: {type(error).__name__} {error}") from error
    reading.require_same(document, again)
    return Read(result=result, links=links)


def _outcome(cell: Mapping[str, Any]) -> Outcome:
    at = {"scenario": cell["scenario"], "image": cell["image"], "variant": cell["variant"], "expect": cell["expected"]}
    found: Result | None = None
    if cell["result"] is not None:
        try:
            found = reading.result(cell["result"])
        except ValueError as error:
            raise ValueError(f"{cell['name']}: {error}") from error
        if (found.scenario, found.kind) != (cell["name"], "upgrade"):
            raise ValueError(f"{cell['name']}: its result is one of {found.scenario}, {found.kind}")
    if (found is None) == (cell["how"] in {"ran", "cached"}):
        raise ValueError(
            f"{cell['name']}: {cell['how']!r} and {'no' if found is None else 'a'} result exclude each other"
        )
    fields = {name: cell[name] for name in ("title", "how", "seconds", "made", "message", "hint")}
    return _OUTCOME.validate_python({**fields, "cell": _CELL.validate_python(at), "result": found})
