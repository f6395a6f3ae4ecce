"""The combined result of a matrix as JSON: the contract for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from validator.matrix.result import MatrixResult, Outcome
from validator.render import json, parts
from validator.render.matrix.parts import Links


def render(result: MatrixResult, links: Links) -> str:
    """One JSON document; `validate schema matrix-result` has its shape."""
    return json.text(document(result, links))


def document(result: MatrixResult, links: Links) -> dict[str, Any]:
    """The document, not yet written."""
    return {
        "schema": result.schema,
        "exit_code": int(result.exit_code),
        "validator": result.validator,
        "file": result.file,
        "started": result.started,
        "seconds": round(result.seconds, 2),
        "jobs": result.jobs,
        "shard": None if result.shard is None else {"number": result.shard.number, "of": result.shard.of},
        "combined": result.combined or None,
        "since": result.since or None,
        "counts": {
            "cells": len(result.outcomes),
            "as_expected": result.count("as expected"),
            "unexpected": result.count("unexpected"),
            "not_judged": result.count("not judged"),
            "not_run": result.count("not run"),
            "cached": result.cached,
        },
        "cells": [_cell(outcome, links.get(outcome.cell.name, {})) for outcome in result.outcomes],
        "unchanged": list(result.unchanged),
    }


def _cell(outcome: Outcome, reports: Mapping[str, str]) -> dict[str, Any]:
    result = outcome.result
    return {
        "name": outcome.cell.name,
        "scenario": outcome.cell.scenario,
        "image": outcome.cell.image,
        "variant": outcome.cell.variant,
        "title": outcome.title,
        "how": outcome.how,
        "verdict": None if result is None else result.verdict,
        "expected": outcome.cell.expect,
        "answer": outcome.answer,
        "exit_code": None if result is None else int(result.exit_code),
        "message": outcome.message,
        "hint": outcome.hint,
        "causes": []
        if result is None
        else [{"rule": each.rule, "subject": each.subject, "message": each.message} for each in parts.causes(result)],
        "seconds": round(outcome.seconds, 2),
        "made": outcome.made,
        "digest": "" if result is None else result.digest,
        "records": [] if result is None else list(result.records),
        "reports": dict(reports),
        "result": None if result is None else json.document(result),
    }
