"""The command line without a host: help, usage errors, exit statuses, judging saved records."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import jsonschema
import pytest

from tests.conftest import PROJECT, Validate
from validator import record
from validator.render import RENDERERS
from validator.verdict import judge

RECORDS = PROJECT / "tests/fixtures/records"


def test_help_names_every_command_and_exit_status(validate: Validate) -> None:
    ran = validate("--help")
    assert ran.code == 0
    for word in ("scenario", "judge", "plan", "list", "new", "schema", "doctor", "cache", "130 interrupted"):
        assert word in ran.out


def test_the_scenarios_of_this_project_are_listed(validate: Validate) -> None:
    names = [line.split()[0] for line in validate("list").out.splitlines()]
    assert names == sorted(path.parent.name for path in (PROJECT / "scenarios").glob("*/scenario.yml"))
    assert {"apache-vhost", "newton-ocata", "plain-files"} <= set(names)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scenario", "no-such-thing"), "there is no scenario"),
        (("scenario", "plain-files", "--format", "xml"), "there is no format 'xml'"),
        (("scenario", "plain-files", "--output", "/nowhere/x.json"), "cannot be written"),
        (("scenario",), "Missing argument"),
        (("frobnicate",), "No such command"),
        (("judge", "/nowhere/record.json"), "cannot be read"),
        (("new", "Not A Name"), "no good name"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(validate: Validate, arguments: tuple[str, ...], words: str) -> None:
    ran = validate(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert "Traceback" not in ran.err


def test_the_schema_describes_the_scenarios_of_this_project(validate: Validate) -> None:
    import yaml  # noqa: PLC0415 - only here

    schema = json.loads(validate("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    for file in PROJECT.glob("*s/**/scenario.yml"):
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        jsonschema.validate(json.loads(json.dumps(data, default=str)), schema)  # JSON has no dates


@pytest.mark.parametrize("file", sorted(RECORDS.glob("*.json.gz")), ids=lambda file: file.name.partition(".")[0])
def test_a_saved_record_is_judged_as_it_was(file: Path, validate: Validate, tmp_path: Path) -> None:
    wanted = {"converged": 0, "diverged": 1, "inconclusive": 3}
    text = gzip.decompress(file.read_bytes()).decode()
    copy = tmp_path / "record.json"
    copy.write_text(text, encoding="utf-8")
    ran = validate("judge", copy, "--format", "json")
    expected = file.name.split(".")[1]
    assert (ran.result["verdict"], ran.code) == (expected, wanted[expected])
    assert ran.result["schema"] == "convergence-validator/result/2"
    assert record.load_text(record.dump(record.load(copy))) == record.load(copy)
    result = judge(record.load(copy))
    rendered = RENDERERS["text"](result)
    assert expected.upper() in rendered
    for finding in result.findings:
        assert finding.subject in rendered


def test_a_record_of_another_version_is_refused(validate: Validate, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"schema": "something/2"}', encoding="utf-8")
    ran = validate("judge", tmp_path / "r.json")
    assert ran.code == 2
    assert "not a record of this version" in ran.err


def test_output_goes_to_a_file_when_asked(validate: Validate, tmp_path: Path) -> None:
    file = sorted(RECORDS.glob("*.converged.json.gz"))[0]
    (tmp_path / "r.json").write_bytes(gzip.decompress(file.read_bytes()))
    ran = validate("judge", tmp_path / "r.json", "--format", "json", "--output", tmp_path / "result.json")
    assert (ran.code, ran.out) == (0, "")
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["verdict"] == "converged"
    assert {path.name for path in tmp_path.iterdir()} == {"r.json", "result.json"}
