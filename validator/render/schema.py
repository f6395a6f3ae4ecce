"""The JSON Schema of the JSON result, for programs that read it and for the tests of what writes it.

Every key is always there and none else, so that a misspelt one is a mistake. A later version of the validator may
write more keys; its own schema has them.
"""

from __future__ import annotations

from typing import Any, get_args

from validator.checks.timeline import Outcome, SpanKind
from validator.findings import Known, Meaning, Severity, Whose
from validator.record import FixStatus, Form, Kind, PhaseName
from validator.verdict import EXITS, SCHEMA, Verdict

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WORD: Schema = {"type": "string", "minLength": 1}
NUMBER: Schema = {"type": "integer", "minimum": 0}
SECONDS: Schema = {"type": "number", "minimum": 0}
PLACE: Schema = {"type": ["string", "null"], "minLength": 1, "description": "file:line, or only the file"}


def result_schema() -> Schema:
    """The schema of what `--format json` prints of a run."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "Result of the convergence validator",
        **_object(
            {
                "schema": {"const": SCHEMA},
                "scenario": WORD,
                "title": TEXT,
                "kind": _one_of(Kind),
                "verdict": _one_of(Verdict),
                "exit_code": {"enum": sorted(int(code) for code in EXITS.values())},
                "findings": _list(_finding()),
                "phases": _list(_phase()),
                "records": _list(WORD),
                "watched": _list(WORD),
                "compared": _compared(),
                "drift": _list(_drift()),
                "restarts": _list(_restart()),
                "timeline": _list(_span()),
                "seconds": SECONDS,
                "validator": TEXT,
                "digest": TEXT,
                "file": TEXT,
                "searched": {"type": "boolean"},
                "made": SECONDS,
                "image": TEXT,
                "terms": TEXT,
                "selftest": _or_null(
                    _object({"when": SECONDS, "caught": NUMBER, "missed": NUMBER, "equivalent": NUMBER})
                ),
            }
        ),
        "allOf": [
            {
                "if": {"properties": {"verdict": {"const": verdict}}},
                "then": {"properties": {"exit_code": {"const": int(code)}}},
            }
            for verdict, code in EXITS.items()
        ],
    }


def _finding() -> Schema:
    return _object(
        {
            "rule": {"type": "string", "pattern": r"^[a-z-]+\.[a-z-]+$"},
            "severity": _one_of(Severity),
            "means": _one_of(Meaning),
            "phase": {"enum": [*get_args(PhaseName), None]},
            "subject": TEXT,
            "message": TEXT,
            "declared_at": PLACE,
            "left_by": _or_null(_left()),
            "undone": _or_null(_left()),
            "hint": TEXT,
            "evidence": {"type": "object"},
            "waived": _or_null(
                _object(
                    {"reason": TEXT, "owner": TEXT, "expires": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}}
                )
            ),
            "whose": _one_of(Whose),
            "consequences": _list(_object({"subject": TEXT, "message": TEXT})),
            "fix": _or_null(_fix()),
        }
    )


def _left() -> Schema:
    return _object({"task": TEXT, "place": PLACE, "item": {}, "did": TEXT, "known": _one_of(Known)})


def _fix() -> Schema:
    return _object(
        {
            "rule": WORD,
            "subject": TEXT,
            "tasks": TEXT,
            "diff": TEXT,
            "place": PLACE,
            "status": _one_of(FixStatus),
            "before": NUMBER,
            "after": NUMBER,
            "variables": _list(WORD),
            "note": TEXT,
        }
    )


def _phase() -> Schema:
    return _object(
        {
            "name": _one_of(PhaseName),
            "tool": {"enum": ["puppet", "ansible"]},
            "seconds": SECONDS,
            "cpu_seconds": SECONDS,
            # A difference of what two clocks measured.
            "overhead_seconds": {"type": "number"},
            "witness_cpu_seconds": SECONDS,
            "cached": {"type": "boolean"},
            "counts": _map(NUMBER),
            "witnesses": _map(_map(NUMBER)),
            "services": _map(TEXT),
            "changed": _map(WORD),
            "left_out": _map(_list(WORD)),
        }
    )


def _restart() -> Schema:
    return _object(
        {
            "unit": WORD,
            "phase": _one_of(PhaseName),
            "who": WORD,
            "place": PLACE,
            "time": SECONDS,
            "step": {"type": ["integer", "null"]},
            "loop": {"type": "integer", "minimum": 1},
        }
    )


def _drift() -> Schema:
    attributes: Schema = {
        "type": "object",
        "properties": {"kind": WORD, "mode": WORD, "owner": NUMBER, "group": NUMBER, "link": WORD},
        "additionalProperties": False,
    }
    digest = _or_null({"type": "string", "pattern": "^[0-9a-f]{64}$"})
    return _object(
        {
            "path": WORD,
            "phase": {"enum": ["converge", "again", "fresh"]},
            "kind": {"enum": ["added", "removed", "type", "content", "metadata"]},
            "form": {"enum": [*get_args(Form), None]},
            "patch": _or_null(_list(_operation())),
            "digests": _or_null(_object({"is": digest, "should": digest})),
            "metadata": _object({"is": attributes, "should": attributes, "patch": _list(_operation())}),
            "aspects": _list(WORD),
            "resources": _list(WORD),
        }
    )


def _span() -> Schema:
    return _object(
        {
            "kind": _one_of(SpanKind),
            "name": TEXT,
            "phase": _one_of(PhaseName),
            "start": SECONDS,
            "end": SECONDS,
            "outcome": _one_of(Outcome),
            "place": PLACE,
            "step": {"type": ["integer", "null"]},
            "loop": {"type": "integer", "minimum": 1},
        }
    )


def _operation() -> Schema:
    """One of the operations of RFC 6902 that are written; the others are not."""
    pointer: Schema = {"type": "string", "pattern": "^($|/)"}
    return {
        "oneOf": [
            _object({"op": {"enum": ["add", "replace"]}, "path": pointer, "value": {}}),
            _object({"op": {"const": "remove"}, "path": pointer}),
        ]
    }


def _compared() -> Schema:
    """Each comparison is there when there was something to compare."""
    names = ("as_written", "refreshes", "agreement")
    return {"type": "object", "properties": {name: _map(NUMBER) for name in names}, "additionalProperties": False}


def _object(properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _one_of(literal: object) -> Schema:
    """The words of a `Literal`."""
    return {"enum": list(get_args(literal))}
