"""The result as JUnit XML in the form that Surefire writes and Jenkins reads.

The shape is that of Jenkins' xunit plug-in: src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from validator.findings import Finding
from validator.render import parts
from validator.render.words import HEADLINES
from validator.verdict import PhaseSummary, Result


def render(result: Result, *, details: bool = False) -> str:
    """One suite: a test for each phase and for each cause. `details` adds the changed paths of each phase."""
    found = parts.causes(result)
    failures = sum(_is_failure(finding) for finding in found)
    totals = {"failures": str(failures), "errors": str(len(found) - failures), "time": _seconds(result.seconds)}
    cases = [*_phases(result, details=details), *_found(result, found)]
    suites = ET.Element("testsuites", {"name": "validate", "tests": str(len(cases)), **totals})
    suite = ET.SubElement(
        suites, "testsuite", {"name": parts.clean(result.scenario), "tests": str(len(cases)), **totals, "skipped": "0"}
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(result):
        ET.SubElement(properties, "property", {"name": name, "value": parts.clean(value)})
    suite.extend(cases)
    _add(suite, "system-out", "\n".join(_said(result, found)))
    ET.indent(suites)
    written: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return written.decode() + "\n"


def _properties(result: Result) -> Iterator[tuple[str, str]]:
    yield "title", result.title
    yield "kind", result.kind
    yield "verdict", result.verdict
    yield "digest", result.digest
    yield "validator", result.validator
    for path in result.records:
        yield "record", path


def _phases(result: Result, *, details: bool) -> Iterator[ET.Element]:
    for phase in result.phases:
        # A cached one took no time of this run.
        case = _case(result, phase.name, 0.0 if phase.cached else phase.seconds)
        _add(case, "system-out", "\n".join(_told(phase, details=details)))
        yield case
    if not result.phases and not parts.causes(result):
        # Jenkins takes a file without a test for a mistake.
        yield _case(result, "as written" if result.kind == "lint" else "no phase", result.seconds)


def _told(phase: PhaseSummary, *, details: bool) -> Iterator[str]:
    yield f"{phase.tool}{' (cached)' if phase.cached else ''}: " + ", ".join(
        f"{name} {value}" for name, value in phase.counts.items()
    )
    for witness, numbers in phase.witnesses.items():
        yield f"{witness}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items())
    if details:
        for path, kind in phase.changed.items():
            yield f"{kind}: {path}"


def _found(result: Result, found: tuple[Finding, ...]) -> Iterator[ET.Element]:
    named: Counter[str] = Counter()
    for finding in found:
        name = f"{finding.rule}: {finding.subject}"
        named[name] += 1
        # Jenkins keeps one history for each name in a suite.
        case = _case(result, name if named[name] == 1 else f"{name} ({named[name]})", 0.0)
        first = finding.message.partition("\n")[0]
        element = ET.SubElement(
            case,
            "failure" if _is_failure(finding) else "error",
            {"type": finding.rule, "message": parts.clean(first)},
        )
        element.text = parts.clean("\n".join(_account(finding)))
        yield case


def _is_failure(finding: Finding) -> bool:
    """Whether it is a fault of what was tested; the rest says that nothing, or not everything, could be tested.

    A warning is a cause in `validate lint` only, where it is what was looked for.
    """
    return finding.means in {"diverged", "note"}


def _account(finding: Finding) -> Iterator[str]:
    yield finding.message
    for label, said in parts.facts(finding):
        yield f"{label}: {said}"
    if finding.fix is not None:
        yield from parts.tasks(finding.fix)
        yield from (f"| {line}" for line in parts.edits(finding.fix))
        yield from (f"{label}: {said}" for label, said in parts.remarks(finding.fix))
    for line in (*parts.diff(finding), *parts.output(finding)):
        yield f"| {line}"
    for consequence in finding.consequences:
        yield f"and so: {consequence.subject}: {consequence.message}"


def _said(result: Result, found: tuple[Finding, ...]) -> Iterator[str]:
    yield HEADLINES[result.kind][result.verdict]
    for finding in result.findings:
        if finding not in found:
            yield f"{parts.word(finding)}: {finding.rule}: {finding.subject}: {finding.message}"
            yield from (f"    {label}: {said}" for label, said in parts.facts(finding))
    for each in result.restarts:
        yield f"restarted: {each.unit}, in {each.phase} by {each.who}"


def _case(result: Result, name: str, seconds: float) -> ET.Element:
    return ET.Element(
        "testcase", {"classname": parts.clean(result.scenario), "name": parts.clean(name), "time": _seconds(seconds)}
    )


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = parts.clean(text)


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f}"
