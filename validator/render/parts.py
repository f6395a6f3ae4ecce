"""What several formats show of a result, and what a text may hold to be shown anywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from validator.findings import Finding, Left
from validator.record import Fix, Place
from validator.render.words import WHOSE
from validator.verdict import Result

# What is no `Char` of XML 1.0 (section 2.2): control characters besides tab and line ends, halves of surrogate pairs.
# No other format can show them either. Of the control characters that XML takes, terminals act on some (ECMA-48, 5.3).
UNSHOWABLE = re.compile("[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text without characters that cannot be shown."""
    return UNSHOWABLE.sub("", text)


def causes(result: Result) -> tuple[Finding, ...]:
    """The findings that the verdict comes from; of `validate lint` these are warnings too."""
    loud = {"error", "warning"} if result.kind == "lint" else {"error"}
    return tuple(finding for finding in result.findings if finding.severity in loud)


def word(finding: Finding) -> str:
    """What to call a finding that is no cause."""
    if finding.waived is not None:
        return "waived"
    return "warning" if finding.severity == "warning" else "note"


def known(finding: Finding) -> Iterator[tuple[str, str]]:
    """What is known of a finding beside its message, each with a label."""
    if finding.declared_at is not None:
        yield "declared at", str(finding.declared_at)
    if finding.whose in WHOSE:
        yield "whose", WHOSE[finding.whose]
    if finding.left_by is not None:
        yield "last task", blamed(finding.left_by)
    if finding.undone is not None:
        yield "which undid", blamed(finding.undone)
    if finding.waived is not None:
        yield "waived", f"until {finding.waived.expires}, {finding.waived.owner}: {finding.waived.reason}"


def facts(finding: Finding) -> Iterator[tuple[str, str]]:
    """The same, and what to do about it, in short."""
    yield from known(finding)
    if finding.hint:
        yield "to do", finding.hint
    if finding.fix is not None:
        yield "fix", fixed(finding.fix)


def blamed(left: Left) -> str:
    """A task, where it stands, and what it did."""
    place = f" ({left.place})" if left.place else ""
    item = "" if left.item is None else f", item {json.dumps(left.item, ensure_ascii=False)}"
    measured = "; measured: without it this finding is gone" if left.known == "measured" else ""
    return f"{left.task}{place}{item}" + (f": {left.did}" if left.did else "") + measured


def tried(fix: Fix) -> str:
    """What a fix came to, in a few words."""
    if fix.status == "verified":
        return f"verified: {fix.after} change{'' if fix.after == 1 else 's'} ({fix.before} without it)"
    return f"reduces {fix.before} to {fix.after}" if fix.status == "reduces" else "not verified"


def fixed(fix: Fix) -> str:
    """What a fix came to, and where it goes."""
    if fix.place is None:
        return tried(fix)
    return f"{tried(fix)}; {'at' if takes_away(fix) or not fix.tasks else 'goes behind'} {fix.place}"


def takes_away(fix: Fix) -> bool:
    """Whether lines of the author's go, or give way to others, so that pasting the tasks is not all of it."""
    return any(each.startswith("-") and not each.startswith("--- ") for each in edits(fix))


def remarks(fix: Fix) -> Iterator[tuple[str, str]]:
    """What to know before a fix is pasted, each with a label."""
    if fix.variables:
        yield "variables", ", ".join(fix.variables)
    if fix.note:
        yield "note", fix.note


def tasks(fix: Fix) -> tuple[str, ...]:
    """The lines of YAML to paste."""
    return _lines(fix.tasks)


def edits(fix: Fix) -> tuple[str, ...]:
    """The lines of the difference that a fix makes to the author's files."""
    return _lines(fix.diff)


def _lines(text: str) -> tuple[str, ...]:
    """As an editor counts them; `splitlines` ends a line at characters that YAML takes within one."""
    told = clean(text).replace("\r\n", "\n").rstrip("\n")
    return tuple(told.split("\n")) if told else ()


def diff(finding: Finding) -> tuple[str, ...]:
    """The lines of a file's difference, if the rule saw one."""
    return tuple(clean(str(finding.evidence.get("diff") or "")).splitlines())


def output(finding: Finding) -> tuple[str, ...]:
    """The last lines of the program that the finding is about."""
    said = finding.evidence.get("output")
    lines = [str(line) for line in said] if isinstance(said, list) else str(said or "").splitlines()
    return tuple(line for line in (clean(line) for line in lines) if line.strip())


def openable(place: Place | None) -> Place | None:
    """The place, if it is in the working tree: only there can a reader of the result open it.

    The author's files are named relative to the working directory when they are below it; everything else, files of
    the image above all, is absolute.
    """
    if place is None or not place.file:
        return None
    path = PurePosixPath(place.file)
    return None if path.is_absolute() or ".." in path.parts else place


def to_open(finding: Finding) -> Place | None:
    """The file to look at: the declaration, or the task that had to do with it where that one cannot be opened."""
    return openable(finding.declared_at) or openable(finding.left_by.place if finding.left_by else None)
