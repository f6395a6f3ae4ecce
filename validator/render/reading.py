"""A JSON result read back into the result that it was made of. Pure.

What would not be written exactly so again was edited, damaged, or is of another version: it is refused. What JSON does
not have (`observed`) is not there afterwards either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from validator.render import json
from validator.verdict import Result

_RESULT = TypeAdapter(Result)


def result(document: Mapping[str, Any]) -> Result:
    """The result in a document. Raises `ValueError` that says what is wrong with it."""
    try:
        found = _RESULT.validate_python(_fields(document))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it has not the shape of a result: {type(error).__name__} {error}") from error
    require_same(document, json.document(found))
    return found


def require_same(document: Mapping[str, Any], again: Mapping[str, Any]) -> None:
    """Raise `ValueError` when a document is not what is written of what was read from it."""
    written = _plain(again)
    differing = [key for key in dict.fromkeys((*written, *document)) if written.get(key) != document.get(key)]
    differing += [key for key in written if key not in document]
    if differing:
        named = ", ".join(f"`{key}`" for key in dict.fromkeys(differing))
        raise ValueError(f"the validator would write other {named}: it was edited, or is of another version")


def _plain(value: Any) -> Any:
    """A value as it is after it has been written and read."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a result by their names there."""
    return {
        **{name: value for name, value in document.items() if name != "exit_code"},
        "findings": [_finding(each) for each in document["findings"]],
        "drift": [_drift(each) for each in document["drift"]],
        "restarts": [
            {**_round(each), "who": {"name": each["who"], "place": _place(each["place"])}}
            for each in document["restarts"]
        ],
        "timeline": [_round(_placed(each)) for each in document["timeline"]],
    }


def _finding(each: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **each,
        "warns": each["severity"] == "warning",
        "declared_at": _place(each["declared_at"]),
        **{name: None if each[name] is None else _placed(each[name]) for name in ("left_by", "undone", "fix")},
    }


def _drift(each: Mapping[str, Any]) -> dict[str, Any]:
    digests, metadata = each["digests"], each["metadata"]
    return {
        **each,
        "digests": None if digests is None else {"is_": digests["is"], "should": digests["should"]},
        "metadata": {"is_": metadata["is"], "should": metadata["should"], "patch": metadata["patch"]},
    }


def _round(each: Mapping[str, Any]) -> dict[str, Any]:
    return {**each, "round": each["loop"]}


def _placed(each: Mapping[str, Any]) -> dict[str, Any]:
    return {**each, "place": _place(each["place"])}


def _place(written: str | None) -> dict[str, Any] | None:
    """A place; of `file:3` the line, so that it is written alike."""
    if written is None:
        return None
    file, colon, line = written.rpartition(":")
    # Only what is written alike again is a line.
    if colon and line.isdecimal() and str(int(line)) == line:
        return {"file": file, "line": int(line)}
    return {"file": written}
