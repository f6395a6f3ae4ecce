"""The result as one page that needs nothing beside itself: to be opened from a disk or kept with a job's artifacts."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from validator.findings import Finding
from validator.record import Event, Phase, Place
from validator.render import parts, sides, tracks
from validator.render.words import HEADLINES
from validator.verdict import Result

SCRIPT = "report.js"
LONGEST = 4_000  # characters shown of one value of a raw record
MINUTE = 60
MOST = 1_000  # rows shown of one table; the record has the rest
# What the two sides of a difference are, by the family of the rule that saw it.
COLUMNS: Mapping[str, tuple[str, str]] = {
    "converge": ("is", "should be"),
    "again": ("is", "should be"),
    "agreement": ("on a fresh host", "on the upgraded host"),
}


def render(result: Result, *, details: bool = False) -> str:
    """One page. It has the details in any case, folded."""
    del details
    verdict, _, meaning = HEADLINES[result.kind][result.verdict].partition(": ")
    waived = [finding for finding in result.findings if finding.waived is not None]
    causes = parts.causes(result)
    asides = [finding for finding in result.findings if finding not in causes and finding not in waived]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            result=result,
            verdict=verdict,
            meaning=meaning,
            causes=causes,
            waived=waived,
            declared=[finding for finding in result.findings if finding.whose == "declared"],
            warnings=[finding for finding in asides if finding.severity == "warning"],
            notes=[finding for finding in asides if finding.severity != "warning"],
            began=_began(result),
            tracks=tracks.tracks(result),
            restarted=tracks.counted(result),
            script_hash=_script_hash(),
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("validator.render", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters |= {
        "clock": _clock,
        "moment": _moment,
        "took": _took,
        "value": _value,
        "cut": _cut,
        "words": lambda name: str(name).replace("_", " "),
        "number": _number,
    }
    made.globals |= {
        "parts": parts,
        "rows": sides.rows,
        "columns": _columns,
        "changes": _changes,
        "rest": _rest,
        "contents_of": _contents,
        "property_of": _property,
        "MOST": MOST,
    }
    return made


def _shown(value: object) -> object:
    """What a template puts on the page: nothing, or text without characters that cannot be shown."""
    if value is None:
        return ""
    return parts.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _script_hash() -> str:
    """What the page's own policy lets run: its one script, and nothing that a value might smuggle in."""
    template = _environment().get_template(SCRIPT).render()
    return base64.b64encode(hashlib.sha256(template.encode()).digest()).decode()


def _began(result: Result) -> float | None:
    """When its first phase began, but for cached ones, which are of an earlier run."""
    cached = {phase.name for phase in result.phases if phase.cached}
    return min((span.start for span in result.timeline if span.phase not in cached), default=None)


def _columns(finding: Finding) -> tuple[str, str]:
    return COLUMNS.get(finding.rule.partition(".")[0], ("before", "after"))


def _changes(finding: Finding) -> Iterator[Mapping[str, object]]:
    """The properties that differ, but for a content whose difference is shown line by line."""
    for change in _properties(finding):
        if change["property"] != "content" or not finding.evidence.get("diff"):
            yield change


def _properties(finding: Finding) -> tuple[Mapping[str, object], ...]:
    """What a rule says of properties. Others put another thing there, and a refresh has no property."""
    found = finding.evidence.get("changes")
    changes = (
        [each for each in found if isinstance(each, dict) and each.get("property")] if isinstance(found, list) else []
    )
    return tuple(changes) if changes == found else ()


def _rest(finding: Finding) -> dict[str, object]:
    """Evidence that is not shown otherwise."""
    shown = {"diff", "output"} | ({"changes"} if _properties(finding) else set())
    return {name: value for name, value in finding.evidence.items() if name not in shown}


def _contents(observed: Phase | None) -> Iterator[tuple[str, list[str]]]:
    """The paths whose texts differ, and how."""
    for change in observed.disk.changes if observed is not None and observed.disk is not None else ():
        if change.content is not None and change.content.diff:
            yield change.path, change.content.diff.splitlines()


def _property(event: Event) -> str:
    return event.property or event.name


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%H:%M:%S")


def _moment(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _took(seconds: float) -> str:
    whole = round(seconds)
    return f"{seconds:.1f} s" if whole < MINUTE else f"{whole // MINUTE} min {whole % MINUTE} s"


def _number(value: object) -> object:
    """Puppet's metrics are all written with a decimal point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value(value: object) -> str:
    """A value as text: a word as it is, anything else as JSON."""
    if isinstance(value, Place):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _cut(text: str) -> str:
    rest = len(text) - LONGEST
    return text if rest <= 0 else f"{text[:LONGEST]}... ({rest} more characters are in the record)"
