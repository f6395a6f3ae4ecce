"""The result as JSON: the contract for programs. Its shape is versioned by the key `schema`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from validator.findings import Finding, Left
from validator.record import Place
from validator.verdict import Result


def render(result: Result, *, details: bool = True) -> str:
    """One JSON document. It holds the details in any case."""
    del details
    document: dict[str, Any] = {
        "schema": result.schema,
        "scenario": result.scenario,
        "title": result.title,
        "kind": result.kind,
        "verdict": result.verdict,
        "exit_code": int(result.exit_code),
        "findings": [_finding(finding) for finding in result.findings],
        "phases": [asdict(phase) for phase in result.phases],
        "records": list(result.records),
        "watched": list(result.watched),
        "compared": result.compared,
        "restarts": [
            {
                "unit": each.unit,
                "phase": each.phase,
                "who": each.who.name,
                "place": _place(each.who.place),
                "time": each.time,
                "step": each.step,
                "loop": each.round,
            }
            for each in result.restarts
        ],
        "seconds": round(result.seconds, 2),
        "validator": result.validator,
        "digest": result.digest,
        "file": result.file,
        "made": result.made,
        "image": result.image,
        "terms": result.terms,
        "selftest": None if result.selftest is None else asdict(result.selftest),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "means": finding.means,
        "phase": finding.phase,
        "subject": finding.subject,
        "message": finding.message,
        "declared_at": _place(finding.declared_at),
        "left_by": _left(finding.left_by),
        "undone": _left(finding.undone),
        "hint": finding.hint,
        "evidence": finding.evidence,
        "waived": None if finding.waived is None else asdict(finding.waived),
        "whose": finding.whose,
        "consequences": [asdict(consequence) for consequence in finding.consequences],
        "fix": None if finding.fix is None else {**asdict(finding.fix), "place": _place(finding.fix.place)},
    }


def _left(left: Left | None) -> dict[str, Any] | None:
    return None if left is None else {**asdict(left), "place": _place(left.place)}


def _place(place: Place | None) -> str | None:
    return None if place is None else str(place)
