"""The result as SARIF 2.1.0, which code scanning services and editors show beside the lines of files.

Sections are those of https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from validator.findings import Finding, Severity
from validator.record import Fix, Place
from validator.render import hunks, parts
from validator.render.hunks import Replacement
from validator.render.words import HEADLINES
from validator.verdict import LOUDNESS, Result

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
# What relative paths start from (3.4.4): the working directory of the run. The name is the one that GitHub knows.
BASE = "%SRCROOT%"
FINGERPRINT = "scenarioRuleSubject/v1"
REFERENCE = re.compile(r"[A-Z]\w*(::[A-Z]\w*)*\[.*\]", re.DOTALL)
PLACEHOLDER = re.compile(r"\{(\d+)\}")
# What the rules of a family are about; the rest of a rule's name says which one it is.
FAMILIES: Mapping[str, str] = {
    "again": "Puppet had something to do in its second run",
    "agreement": "The upgraded host differs from one that Puppet alone deployed",
    "catalog": "Puppet compiled another catalog the second time",
    "converge": "Puppet had something to do after the upgrade tasks",
    "cross": "The tasks and the catalog do not say the same",
    "disk": "What changed on disk does not fit what was said of it",
    "evidence": "Evidence is missing or contradicts itself",
    "exec": "An exec that runs every time, or hides that it failed",
    "expect": "A change that was left to Puppet did not happen as declared",
    "fault": "The tasks that make a variant did not get to their end",
    "fresh": "Puppet could not deploy a fresh host for comparison",
    "idempotent": "The second run of the tasks changed something",
    "old": "The old release does not settle",
    "probe": "A probe of the scenario failed",
    "refresh": "A refresh that Puppet would have sent was lost",
    "resource": "A resource that changes something on every run",
    "restart": "A unit was restarted more often than allowed",
    "service": "A unit is not as it should be at the end",
    "step": "Steps of a release undo each other or come too late",
    "task": "A task as written hides what it does",
    "upgrade": "The upgrade tasks did not get to their end",
    "upgrade-again": "The second run of the upgrade tasks did not get to its end",
    "vacuous": "Silence that proves nothing",
    "waiver": "A waiver is of no use",
}
STATIC = {"cross", "exec", "resource", "task"}


def render(result: Result, *, details: bool = False) -> str:
    """One log with one run. A result has no place for what witnesses saw of a whole phase."""
    del details
    return json.dumps(_log(result), indent=2, ensure_ascii=False) + "\n"


def _log(result: Result) -> dict[str, Any]:
    rules = sorted({finding.rule for finding in result.findings})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "validate",
                        "fullName": "Convergence validator",
                        "version": result.validator,
                        "rules": [_rule(rule, result) for rule in rules],
                    }
                },
                # So that one scenario's results do not replace another's (3.17.3).
                "automationDetails": {"id": f"{result.kind}/{result.scenario}/"},
                "originalUriBaseIds": {BASE: {"description": _message("The working directory of the run.")}},
                "columnKind": "utf16CodeUnits",
                "invocations": [
                    {
                        # Of the analysis, not of what it was about (3.20.14).
                        "executionSuccessful": result.verdict != "inconclusive",
                        "exitCode": int(result.exit_code),
                        "exitCodeDescription": HEADLINES[result.kind][result.verdict],
                    }
                ],
                "results": [_result(finding, result, rules.index(finding.rule)) for finding in result.findings],
                "properties": {"verdict": result.verdict, "title": result.title, "digest": result.digest},
            }
        ],
    }


def _rule(rule: str, result: Result) -> dict[str, Any]:
    """A reporting descriptor (3.49). `helpUri` is for absolute addresses, which a page of ours does not have."""
    family = rule.partition(".")[0]
    page = "docs/reference/lint.md" if family in STATIC else "docs/reference/rules.md"
    about = FAMILIES.get(family, rule)
    loudest = min((finding.severity for finding in result.findings if finding.rule == rule), key=LOUDNESS.__getitem__)
    return {
        "id": rule,
        "shortDescription": {"text": f"{about}."},
        "help": {"text": f"See {rule} in {page}."},
        "defaultConfiguration": {"level": LEVELS[loudest]},
    }


def _result(finding: Finding, result: Result, index: int) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVELS[finding.severity],
        "message": _message("\n".join(_told(finding))),
        "locations": [_location(finding, result)],
        "relatedLocations": list(_related(finding)),
        "partialFingerprints": {FINGERPRINT: _fingerprint(finding, result)},
        # Present on every result, or on none (3.27.23).
        "suppressions": list(_suppressions(finding)),
        **_fixes(finding.fix),
        "properties": {"means": finding.means, "phase": finding.phase, "subject": finding.subject},
    }


def _told(finding: Finding) -> Iterator[str]:
    """The message; a viewer shows nothing else of what is no location."""
    yield f"{finding.subject}: {finding.message}"
    for label, said in parts.facts(finding):
        yield f"{label}: {said}"
    if finding.fix is not None:
        # Where it cannot be applied it is told.
        yield from () if _changes(finding.fix) else (*parts.tasks(finding.fix), *parts.edits(finding.fix))
        yield from (f"{label}: {said}" for label, said in parts.remarks(finding.fix))
    for consequence in finding.consequences:
        yield f"and so: {consequence.subject}: {consequence.message}"


def _message(text: str) -> dict[str, str]:
    """A message without what would be a placeholder (3.11.5) or a link (3.11.6).

    Other braces stay single, though the standard doubles them: `{sha256}` is shown as it stands, by viewers that undo
    the doubling and by those that do not.
    """
    return {"text": PLACEHOLDER.sub(r"{{\1}}", parts.clean(text)).replace("](", "] (")}


def _location(finding: Finding, result: Result) -> dict[str, Any]:
    """Where the finding stands: its own place, else the scenario's file. GitHub refuses results without a file."""
    logical = {"fullyQualifiedName": finding.subject}
    if REFERENCE.fullmatch(finding.subject):
        logical["kind"] = "resource"
    place = parts.to_open(finding) or parts.openable(Place(file=result.file) if result.file else None)
    return {**({} if place is None else _physical(place)), "logicalLocations": [logical]}


def _changes(fix: Fix) -> list[dict[str, Any]]:
    """The changes of a fix (3.56), if the place of each is known and every file can be opened.

    In the difference names are relative in any case, so that it can be applied; the place says what a file is called.
    """
    found = hunks.replacements(parts.edits(fix))
    if parts.openable(fix.place) is None or any(parts.openable(Place(file=name)) is None for name in found):
        return []
    return [
        {
            "artifactLocation": {"uri": quote(name), "uriBaseId": BASE},
            "replacements": [_replacement(each) for each in replacements],
        }
        for name, replacements in found.items()
    ]


def _replacement(each: Replacement) -> dict[str, Any]:
    region = {"startLine": each.line, "startColumn": each.column, "endLine": each.end_line}
    if each.end_column is not None:
        region["endColumn"] = each.end_column
    return {"deletedRegion": region, **({"insertedContent": {"text": each.text}} if each.text else {})}


def _fixes(fix: Fix | None) -> dict[str, Any]:
    changes = [] if fix is None else _changes(fix)
    if fix is None or not changes:
        return {}
    return {"fixes": [{"description": _message(parts.fixed(fix)), "artifactChanges": changes}]}


def _related(finding: Finding) -> Iterator[dict[str, Any]]:
    place = parts.openable(finding.left_by.place) if finding.left_by is not None else None
    if finding.left_by is not None and place is not None:
        yield {"id": 1, "message": _message(f"last task: {finding.left_by.task}"), **_physical(place)}


def _physical(place: Place) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(place.file), "uriBaseId": BASE}}
    if place.line:
        physical["region"] = {"startLine": place.line}
    return {"physicalLocation": physical}


def _fingerprint(finding: Finding, result: Result) -> str:
    """The same for the same finding of the next run, however its message is worded and wherever its line has gone."""
    identity = json.dumps([result.scenario, finding.rule, finding.subject])
    return hashlib.sha256(identity.encode()).hexdigest()


def _suppressions(finding: Finding) -> Iterator[dict[str, Any]]:
    waived = finding.waived
    if waived is not None:
        yield {
            "kind": "external",
            "status": "accepted",
            "justification": f"{waived.reason} ({waived.owner}, until {waived.expires})",
            "properties": {"owner": waived.owner, "expires": waived.expires},
        }
