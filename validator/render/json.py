"""The result as JSON: the contract for programs. Its shape is versioned by the key `schema`."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

from validator.drift import Drift
from validator.findings import Finding, Left
from validator.record import Place
from validator.verdict import Result

# What JSON need not escape and a terminal acts upon, or no file can be written with.
UNPRINTABLE = re.compile("[\x7f-\x9f\ud800-\udfff]")


def render(result: Result, *, details: bool = True) -> str:
    """One JSON document. It holds the details in any case."""
    del details
    return text(document(result))


def text(document: dict[str, Any]) -> str:
    """A document as it is written."""
    written = json.dumps(document, indent=2, ensure_ascii=False)
    return UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", written) + "\n"


def document(result: Result) -> dict[str, Any]:
    """The document, not yet written: other documents hold it whole."""
    return {
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
        "drift": [_drift(each) for each in result.drift],
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
        "timeline": [
            {
                "kind": each.kind,
                "name": each.name,
                "phase": each.phase,
                "start": each.start,
                "end": each.end,
                "outcome": each.outcome,
                "place": _place(each.place),
                "step": each.step,
                "loop": each.round,
            }
            for each in result.timeline
        ],
        "seconds": round(result.seconds, 2),
        "validator": result.validator,
        "digest": result.digest,
        "file": result.file,
        "searched": result.searched,
        "made": result.made,
        "image": result.image,
        "terms": result.terms,
        "selftest": None if result.selftest is None else asdict(result.selftest),
    }


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


def _drift(drift: Drift) -> dict[str, Any]:
    digests, metadata = drift.digests, drift.metadata
    return {
        "path": drift.path,
        "phase": drift.phase,
        "kind": drift.kind,
        "form": drift.form,
        "patch": None if drift.patch is None else list(drift.patch),
        "digests": None if digests is None else {"is": digests.is_, "should": digests.should},
        "metadata": {"is": metadata.is_, "should": metadata.should, "patch": list(metadata.patch)},
        "aspects": list(drift.aspects),
        "resources": list(drift.resources),
    }


def _left(left: Left | None) -> dict[str, Any] | None:
    return None if left is None else {**asdict(left), "place": _place(left.place)}


def _place(place: Place | None) -> str | None:
    return None if place is None else str(place)
