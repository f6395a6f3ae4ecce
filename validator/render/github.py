"""The result as workflow commands, which GitHub Actions shows as annotations beside the lines of a change.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from validator.errors import Exit
from validator.findings import Finding, Severity
from validator.render import parts
from validator.render.words import HEADLINES
from validator.verdict import Result

COMMANDS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def render(result: Result, *, details: bool = False) -> str:
    """The verdict, then a command for each finding. Annotations have no room for details."""
    del details
    return "".join(f"{line}\n" for line in _lines(result))


def _lines(result: Result) -> Iterator[str]:
    # First, as GitHub shows ten annotations of each level in a step and leaves out the rest.
    level = "notice" if result.exit_code == Exit.CONVERGED else "error"
    yield _command(level, {"title": f"{result.scenario}: {result.verdict}"}, HEADLINES[result.kind][result.verdict])
    for finding in result.findings:
        yield _command(COMMANDS[finding.severity], _properties(finding), _message(finding))


def _properties(finding: Finding) -> dict[str, str]:
    place = parts.to_open(finding)
    properties = {}
    if place is not None:
        properties["file"] = place.file
        if place.line:
            properties["line"] = str(place.line)
    return {**properties, "title": f"{finding.rule}: {finding.subject}"}


def _message(finding: Finding) -> str:
    return "\n".join((finding.message, *(f"{label}: {said}" for label, said in parts.facts(finding))))


def _command(name: str, properties: Mapping[str, str], message: str) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {told}::{_data(message)}"


# The percent sign comes first, or it would escape the escapes (actions/toolkit: packages/core/src/command.ts).
def _data(text: str) -> str:
    return parts.clean(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
