"""The JSON Schema of the combined result of a matrix. Every key is always there and none else."""

from __future__ import annotations

from typing import get_args

from validator.matrix.result import SCHEMA, Answer, How
from validator.render.schema import DIALECT, Schema, result_schema
from validator.verdict import EXITS, Verdict

TEXT: Schema = {"type": "string"}
WORD: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number", "minimum": 0}


def matrix_result_schema() -> Schema:
    """The schema of what `validate matrix --format json` prints."""
    counts = ("cells", "as_expected", "unexpected", "not_judged", "not_run", "cached")
    natural: Schema = {"type": "integer", "minimum": 1}
    return {
        "$schema": DIALECT,
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "Result of a matrix of the convergence validator",
        **_object(
            {
                "schema": {"const": SCHEMA},
                "exit_code": {"enum": [0, 1, 3]},
                "validator": WORD,
                "file": TEXT,
                "started": SECONDS,
                "seconds": SECONDS,
                "jobs": natural,
                "shard": _or_null(_object({"number": natural, "of": natural})),
                "combined": _or_null(natural),
                "since": _or_null(WORD),
                "counts": _object(dict.fromkeys(counts, COUNT)),
                "cells": {"type": "array", "items": _cell()},
                "unchanged": {"type": "array", "items": WORD},
            }
        ),
    }


def _cell() -> Schema:
    cause = _object({"rule": WORD, "subject": TEXT, "message": TEXT})
    return {
        **_object(
            {
                "name": WORD,
                "scenario": WORD,
                "image": WORD,
                "variant": WORD,
                "title": TEXT,
                "how": _one_of(How),
                "verdict": _or_null(_one_of(Verdict)),
                "expected": _one_of(Verdict),
                "answer": _one_of(Answer),
                "exit_code": {"enum": [*sorted(int(code) for code in EXITS.values()), None]},
                "message": TEXT,
                "hint": TEXT,
                "causes": {"type": "array", "items": cause},
                "seconds": SECONDS,
                "made": _or_null(SECONDS),
                "digest": TEXT,
                "records": {"type": "array", "items": WORD},
                "reports": {"type": "object", "additionalProperties": WORD},
                "result": _or_null(result_schema()),
            }
        ),
        # A verdict is there when the cell was run, now or before, and only then can it be as expected.
        "if": {"properties": {"how": {"enum": ["ran", "cached"]}}},
        "then": {
            "properties": {
                "verdict": _one_of(Verdict),
                "made": SECONDS,
                "answer": {"not": {"const": "not run"}},
                "result": {"type": "object"},
            }
        },
        "else": {
            "properties": {
                "verdict": {"const": None},
                "made": {"const": None},
                "result": {"const": None},
                "answer": {"enum": ["not judged", "not run"]},
            }
        },
    }


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(literal: object) -> Schema:
    return {"enum": list(get_args(literal))}
