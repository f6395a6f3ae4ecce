"""Two results side by side, for a person and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from validator.comparison import Comparison, Seen, Shift, Summary
from validator.render.page import flat

WIDTH = 100
PATHS_SHOWN = 3
WORDS = {"error": "error", "warning": "warning", "info": "note", "waived": "waived"}


def text(comparison: Comparison) -> str:
    """Plain text: the answer, the two sides, then what is new, fixed, taken otherwise, and still there."""
    # A kept result may come from anywhere.
    return "".join(f"{flat(line)}\n" for line in _lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"{comparison.after.scenario}: {comparison.after.title}"
    yield _headline(comparison)
    yield ""
    for name, side in (("before", comparison.before), ("after", comparison.after)):
        yield f"{name:<10}{side.verdict:<14}{side.file}".rstrip()
    yield f"inputs    {_inputs(comparison)}"
    if not comparison.same_validator:
        yield f"validator {comparison.before.validator} before, {comparison.after.validator} after"
    yield (
        f"findings  {len(comparison.new)} new, {len(comparison.fixed)} fixed, "
        f"{len(comparison.shifted)} taken otherwise, {len(comparison.unchanged)} unchanged"
    )
    for change in comparison.restarts:
        yield f"restarts  {change.unit} in {change.phase}: {change.before} before, {change.after} after"
    if comparison.unstable:
        yield from _wrapped(
            "unstable: image, releases, tasks and fault are the same, and the findings are not. Either something else "
            "of the scenario was changed (what it expects, allows or probes), or one run is not like the other."
        )
    yield from _listed("new", comparison.new)
    yield from _listed("fixed", comparison.fixed)
    yield from _block(_shift(each) for each in comparison.shifted)
    yield from _block(
        f"unchanged: {WORDS[finding.weight]}: {_named(finding)}{_place(finding)}"
        for finding in comparison.unchanged
        if finding.weight != "info"
    )


def _headline(comparison: Comparison) -> str:
    if comparison.inconclusive:
        if comparison.before.verdict == comparison.after.verdict:
            which = "neither run proves"
        else:
            which = f"the run {'before' if comparison.before.verdict == 'inconclusive' else 'after'} does not prove"
        return f"INCONCLUSIVE: {which} anything, so what is new or gone may only not have been looked at."
    number = len(comparison.against)
    if not number:
        return "NO WORSE: nothing counts against the scenario that did not before."
    return f"WORSE: {number} finding{'s count' if number > 1 else ' counts'} against the scenario that did not before."


def _inputs(comparison: Comparison) -> str:
    if comparison.same_inputs:
        return f"the same (digest {comparison.after.digest})"
    return f"not the same (digest {comparison.before.digest} before, {comparison.after.digest} after)"


def _listed(word: str, findings: Iterable[Seen]) -> Iterator[str]:
    return _block(f"{word}: {WORDS[finding.weight]}: {_told(finding)}" for finding in findings)


def _shift(shift: Shift) -> str:
    if shift.change == "severity":
        word = f"{WORDS[shift.after.weight]} now, was {WORDS[shift.before.weight]}"
    else:
        word = shift.change
    if shift.change == "more paths":
        word += f" ({', '.join(sorted(shift.after.paths - shift.before.paths)[:PATHS_SHOWN])})"
    return f"{word}: {_told(shift.after)}"


def _told(finding: Seen) -> str:
    """In short: what follows the first line of a message is its history."""
    first = finding.message.partition("\n")[0]
    told = f"{_named(finding)}: {first}{_place(finding)}"
    if finding.waived is not None:
        told += f" (until {finding.waived.expires}, {finding.waived.owner}: {finding.waived.reason})"
    return told


def _named(finding: Seen) -> str:
    where = "" if finding.phase in {None, finding.subject} else f" in {finding.phase}"
    return f"{finding.rule}: {finding.subject}{where}"


def _place(finding: Seen) -> str:
    return "" if finding.declared_at is None else f" ({finding.declared_at})"


def _block(entries: Iterable[str]) -> Iterator[str]:
    """Entries below an empty line; nothing where there are none."""
    for number, entry in enumerate(entries):
        if number == 0:
            yield ""
        yield from _wrapped(entry)


def _wrapped(entry: str) -> list[str]:
    words = " ".join(entry.split())
    return wrap(words, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def document(comparison: Comparison) -> str:
    """One JSON document."""
    shown: dict[str, Any] = {
        "schema": comparison.schema,
        "scenario": comparison.after.scenario,
        "title": comparison.after.title,
        "kind": comparison.after.kind,
        "answer": comparison.answer,
        "exit_code": int(comparison.exit_code),
        "before": _side(comparison.before),
        "after": _side(comparison.after),
        "same_inputs": comparison.same_inputs,
        "unstable": comparison.unstable,
        "new": [finding(each) for each in comparison.new],
        "fixed": [finding(each) for each in comparison.fixed],
        "changed": [
            {"change": each.change, "was": each.before.severity, **finding(each.after)} for each in comparison.shifted
        ],
        "unchanged": [finding(each) for each in comparison.unchanged],
        "restarts": [asdict(each) for each in comparison.restarts],
    }
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def _side(side: Summary) -> dict[str, Any]:
    return {"file": side.file, "verdict": side.verdict, "digest": side.digest, "validator": side.validator}


def finding(seen: Seen) -> dict[str, Any]:
    """A finding as it stands in the document."""
    return {
        "rule": seen.rule,
        "severity": seen.severity,
        "means": seen.means,
        "phase": seen.phase,
        "subject": seen.subject,
        "path": seen.path,
        "message": seen.message,
        "declared_at": seen.declared_at,
        "waived": None if seen.waived is None else asdict(seen.waived),
    }


RENDERERS: Mapping[str, Callable[[Comparison], str]] = {"text": text, "json": document}
