"""Findings that the author accepts for a while, with a reason, an owner and a last day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from validator.findings import Finding, Waived
from validator.record import Waiver

ANYTHING = "*"


@dataclass(frozen=True)
class _Matched:
    """A waiver with the findings that it covers, and those it would cover if they could be accepted."""

    waiver: Waiver
    covers: tuple[Finding, ...]
    cannot: tuple[Finding, ...]


def apply(
    findings: Sequence[Finding], waivers: Sequence[Waiver], today: date, *, complete: bool = True
) -> tuple[Finding, ...]:
    """The findings, notes instead of those that a waiver covers, and a warning for each waiver of no use.

    `complete`: the run got to its last phase; otherwise a waiver may be without use only because of that.
    """
    valid = [waiver for waiver in waivers if waiver.expires >= today.isoformat()]
    judged = tuple(_accepted(finding, valid) for finding in findings)
    about: list[Finding] = []
    for waiver in waivers:
        matched = _matched(waiver, findings)
        if waiver not in valid:
            about.append(_expired(matched))
        elif complete and not matched.covers:
            about.append(_unused(matched))
    return (*judged, *about)


def _accepted(finding: Finding, waivers: Sequence[Waiver]) -> Finding:
    """A finding about many paths is accepted when every one of them is, by whatever waivers."""
    if not _can_be(finding):
        return finding
    covering = [
        next((waiver for waiver in waivers if _covers(waiver, finding, path)), None) for path in _paths(finding)
    ]
    first = covering[0]
    if first is None or None in covering:
        return finding
    waived = Waived(reason=first.reason, owner=first.owner, expires=first.expires)
    return replace(finding, means="note", waived=waived)


def _can_be(finding: Finding) -> bool:
    """What says that nothing is known cannot be accepted."""
    return finding.means != "inconclusive" and not finding.rule.startswith("evidence.")


def _matched(waiver: Waiver, findings: Sequence[Finding]) -> _Matched:
    found = [finding for finding in findings if any(_covers(waiver, finding, path) for path in _paths(finding))]
    return _Matched(
        waiver=waiver,
        covers=tuple(finding for finding in found if _can_be(finding)),
        cannot=tuple(finding for finding in found if not _can_be(finding)),
    )


def _covers(waiver: Waiver, finding: Finding, path: str | None) -> bool:
    if _text(waiver.rule).fullmatch(finding.rule) is None or _text(waiver.subject).fullmatch(finding.subject) is None:
        return False
    if waiver.path == ANYTHING:
        return True
    return path is not None and _path(waiver.path).fullmatch(path.lstrip("/")) is not None


def _paths(finding: Finding) -> Sequence[str | None]:
    """The paths that a finding is about; one that names only some of them is about none."""
    many, one = finding.evidence.get("paths"), finding.evidence.get("path")
    if isinstance(many, list) and many:
        whole = finding.evidence.get("count", len(many)) == len(many)
        return [str(path) for path in many] if whole else [None]
    return [one if isinstance(one, str) else None]


def _expired(matched: _Matched) -> Finding:
    waiver = matched.waiver
    number = len(matched.covers)
    return Finding(
        rule="waiver.expired",
        means="note",
        phase=None,
        subject=waiver.rule,
        message=f"the waiver of {_described(waiver)} expired after {waiver.expires}; "
        f"it would cover {number} finding(s)",
        declared_at=waiver.place,
        hint=f"{waiver.owner}: mend what it covers, or give the waiver a new date."
        if number
        else f"{waiver.owner}: nothing needs it any more; remove it.",
        evidence={"owner": waiver.owner, "expires": waiver.expires, "findings": number},
        warns=True,
    )


def _unused(matched: _Matched) -> Finding:
    waiver = matched.waiver
    cannot = matched.cannot[0].rule if matched.cannot else ""
    return Finding(
        rule="waiver.unused",
        means="note",
        phase=None,
        subject=waiver.rule,
        message=f"the waiver of {_described(waiver)} covers nothing"
        + (f" that can be accepted: {cannot} says that nothing is known" if cannot else ""),
        declared_at=waiver.place,
        hint=f"{waiver.owner}: remove it, or mend its patterns.",
        evidence={"owner": waiver.owner, "expires": waiver.expires},
        warns=True,
    )


def _described(waiver: Waiver) -> str:
    """A waiver's patterns, but for those that match anything."""
    parts = [waiver.rule]
    if waiver.subject != ANYTHING:
        parts.append(f"resource {waiver.subject}")
    if waiver.path != ANYTHING:
        parts.append(f"path {waiver.path}")
    return ", ".join(parts)


# References hold brackets, so that patterns know `*` only.
@lru_cache(maxsize=256)
def _text(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


@lru_cache(maxsize=256)
def _path(pattern: str) -> re.Pattern[str]:
    """A pattern of paths, as under `noise`: `*` stays within a name, `**` crosses directories."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.lstrip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts), re.DOTALL)
