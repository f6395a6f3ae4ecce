"""The combined result of a matrix as JUnit XML, in the form of that of a single result."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from validator.matrix.result import MatrixResult, Outcome
from validator.render import junit, parts
from validator.render.matrix.parts import Links, causes


def render(result: MatrixResult, links: Links) -> str:
    """One suite a cell: its phases and causes as for a single result, and a test for the cell itself."""
    del links
    suites = ET.Element("testsuites", {"name": "validate matrix", "time": f"{result.seconds:.2f}"})
    for outcome in result.outcomes:
        suites.append(_suite(outcome))
    for name in ("tests", "failures", "errors"):
        suites.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    ET.indent(suites)
    written: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return written.decode() + "\n"


def _suite(outcome: Outcome) -> ET.Element:
    name = parts.clean(outcome.cell.name)
    suite = ET.Element("testsuite", {"name": name})
    properties = ET.SubElement(suite, "properties")
    for key, value in (("how", outcome.how), ("expected", outcome.cell.expect), ("answer", outcome.answer)):
        ET.SubElement(properties, "property", {"name": key, "value": value})
    seconds = f"{outcome.seconds:.2f}"
    case = ET.SubElement(suite, "testcase", {"classname": name, "name": "cell", "time": seconds})
    said = parts.clean("\n".join((f"{outcome.said}; expected {outcome.cell.expect}", *causes(outcome))))
    if outcome.answer == "not run":
        ET.SubElement(case, "skipped", {"message": parts.clean(outcome.message)})
    elif outcome.answer != "as expected":
        kind = "failure" if outcome.answer == "unexpected" else "error"
        message = parts.clean(f"{outcome.said}, expected {outcome.cell.expect}")
        ET.SubElement(case, kind, {"type": outcome.answer.replace(" ", "-"), "message": message}).text = said
    if outcome.result is not None:
        _take_over(suite, outcome)
    suite.set("tests", str(len(suite.findall("testcase"))))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", seconds)
    return suite


def _take_over(suite: ET.Element, outcome: Outcome) -> None:
    """The tests of the single result. What was expected is no failure, and the cell's own test has the verdict."""
    if outcome.result is None:
        return
    single = ET.fromstring(junit.render(outcome.result))  # noqa: S314 - our own text
    for case in single.iter("testcase"):
        told = [each for each in case if each.tag in {"failure", "error"}]
        if told and outcome.answer == "as expected":
            for each in told:
                each.tag = "system-out"
                each.text = f"expected: {each.get('message', '')}\n{each.text or ''}"
                each.attrib.clear()
        if outcome.how == "cached":
            case.set("time", "0.00")
        suite.append(case)
