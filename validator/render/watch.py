"""One cycle of a watch: a few lines for a person, or one line of JSON for a program. Pure."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from textwrap import wrap
from typing import Any

from validator.comparison import Comparison, Seen
from validator.cycle import SCHEMA, Cycle
from validator.findings import Finding
from validator.render import comparison as compared_render
from validator.render import json as json_render
from validator.render import parts, whatnext
from validator.verdict import Result

WIDTH = 100
CAUSES_SHOWN = 8
FILES_SHOWN = 6
LEFT_OUT = {"to do"}  # of the facts of a cause: whoever watches has read it, or runs the whole


def text(cycle: Cycle) -> str:
    """Plain lines: what was changed, what was run, the answer with its causes, what is new, the time."""
    return "\n".join(_lines(cycle)) + "\n"


def _lines(cycle: Cycle) -> Iterator[str]:
    yield ""
    files = ", ".join(cycle.changed[:FILES_SHOWN]) + (", ..." if cycle.changed[FILES_SHOWN:] else "")
    yield f"== {cycle.number}, {_clock(cycle.started)}: {f'changed: {files}' if files else 'as it is'}"
    if cycle.result is None:
        yield f"NO RUN: {cycle.trouble}"
        if cycle.hint:
            yield f"  to do: {cycle.hint}"
    else:
        yield from _result(cycle, cycle.result)
    yield f"cycle {cycle.number}: {cycle.seconds:.1f} s"


def _result(cycle: Cycle, result: Result) -> Iterator[str]:
    yield "  ".join(f"{each.name} {'cached' if each.cached else f'{each.seconds:.1f} s'}" for each in result.phases)
    if cycle.upgraded_at is not None:
        when = _clock(cycle.upgraded_at, today=cycle.started)
        yield from _wrapped(
            f"The upgrade tasks were not run again: Puppet had a host booted from what they left at {when}. Lost "
            "refreshes are told from the record of that time."
        )
    for remark in cycle.remarks:
        yield from _wrapped(f"but: {remark}")
    causes = parts.causes(result)
    many = f"{len(causes)} cause{'' if len(causes) == 1 else 's'}" if causes else "nothing left to do"
    said = f"{result.verdict.upper()}: {many}" if result.verdict != "inconclusive" or causes else "INCONCLUSIVE"
    yield f"{'PROVISIONAL ' if cycle.provisional else ''}{said}"
    for number, finding in enumerate(causes[:CAUSES_SHOWN], 1):
        yield from _cause(finding, f"{number}/{len(causes)}")
    if causes[CAUSES_SHOWN:]:
        yield f"  ... {len(causes) - CAUSES_SHOWN} more"
    if cycle.compared is not None:
        yield from _since(cycle.compared)
    for path in result.records:
        yield f"record: {path}"
    if cycle.provisional:
        yield f"In full: Enter, or `validate scenario {shlex.quote(whatnext.name(result))}`."


def _cause(finding: Finding, number: str) -> Iterator[str]:
    yield f"{number} {finding.rule}: {finding.subject}"
    for line in finding.message.splitlines()[:2]:
        yield from wrap(parts.clean(line), WIDTH, initial_indent="    ", subsequent_indent="      ")
    for label, fact in parts.facts(finding):
        if label not in LEFT_OUT:
            yield f"    {label:<12} {fact}"


def _since(compared: Comparison) -> Iterator[str]:
    """What became of the findings of the cycle before. Notes are left out."""
    loud = {"error", "warning", "waived"}
    changes = [
        f"{word}: {finding.rule}: {finding.subject}"
        for word, findings in (("new", compared.new), ("fixed", compared.fixed))
        for finding in findings
        if finding.weight in loud
    ]
    changes += [f"{each.change}: {each.after.rule}: {each.after.subject}" for each in compared.shifted]
    for change in changes or ["findings as before"]:
        yield from _wrapped(change)


def _wrapped(line: str) -> list[str]:
    return wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _clock(at: float, *, today: float | None = None) -> str:
    """A time of day, with the date where it is not of `today`."""
    day, other = (time.strftime("%Y-%m-%d ", time.localtime(each)) for each in (at, at if today is None else today))
    return ("" if day == other else day) + time.strftime("%H:%M:%S", time.localtime(at))


def document(cycle: Cycle) -> str:
    """One JSON document on one line."""
    compared = cycle.compared
    shown: dict[str, Any] = {
        "schema": SCHEMA,
        "cycle": cycle.number,
        "started": cycle.started,
        "seconds": round(cycle.seconds, 2),
        "changed": list(cycle.changed),
        "provisional": cycle.provisional,
        "upgraded_at": cycle.upgraded_at,
        "remarks": list(cycle.remarks),
        "trouble": cycle.trouble,
        "hint": cycle.hint,
        "new": _named(compared.new if compared is not None else ()),
        "fixed": _named(compared.fixed if compared is not None else ()),
        "result": json.loads(json_render.render(cycle.result)) if cycle.result is not None else None,
    }
    return json.dumps(shown, ensure_ascii=False) + "\n"


def _named(findings: tuple[Seen, ...]) -> list[dict[str, Any]]:
    return [compared_render.finding(each) for each in findings]


RENDERERS: Mapping[str, Callable[[Cycle], str]] = {"text": text, "json": document}
