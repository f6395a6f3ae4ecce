"""Puppet's reports and catalogs, read from files that real Puppets wrote (5.5, 7.23 and 8.10)."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from validator.places import Places
from validator.record import Report
from validator.redact import MARK, Redactor
from validator.tools import puppet

REPORTS = Path(__file__).parents[1] / "fixtures/reports"


def read(name: str) -> bytes:
    with gzip.open(REPORTS / name) as file:
        return file.read()


def report(name: str, redactor: Redactor | None = None) -> Report:
    return puppet.parse_report(read(name), places=Places(), redactor=redactor or Redactor())


@pytest.mark.parametrize(
    ("name", "resources", "notable", "status"),
    [
        ("newton-second-run-zero.yaml.gz", 546, 0, "unchanged"),
        ("ocata-after-ansible-zero.yaml.gz", 697, 0, "unchanged"),
        ("ocata-first-run-changes.yaml.gz", 697, 69, "changed"),
        ("break-missing-option.yaml.gz", 697, 19, "changed"),
        ("break-map-cell0-failed.yaml.gz", 697, 2, "failed"),
    ],
)
def test_real_reports(name: str, resources: int, notable: int, status: str) -> None:
    read_back = report(name)
    assert (read_back.resources, len(read_back.notable), read_back.status) == (resources, notable, status)
    assert read_back.completed
    assert 0 < read_back.evaluated < resources


def test_a_cause_has_a_property_and_its_consequences_have_none() -> None:
    causes = [
        (resource.ref, event.previous, event.desired)
        for resource in report("break-missing-option.yaml.gz").notable
        for event in resource.events
        if event.property is not None
    ]
    assert causes == [("Nova_config[placement/region_name]", "absent", "present")]


def test_a_failed_resource_changes_nothing() -> None:
    failed = report("break-map-cell0-failed.yaml.gz")
    assert failed.metrics["changes"]["total"] == 0
    assert [resource.ref for resource in failed.notable if resource.failed] == ["Nova_cell_v2[cell0]"]
    assert [resource.skipped for resource in failed.notable] == [False, True]


def test_passwords_that_puppet_hides_in_the_message_only_are_hidden_everywhere() -> None:
    raw = read("break-wrong-secret.yaml.gz").decode()
    assert "oops" in raw  # the report really holds it in clear
    redactor = Redactor()
    text = repr(report("break-wrong-secret.yaml.gz", redactor))
    assert "oops" not in text
    assert "placementpw" not in text
    assert MARK in text
    assert redactor.text("it was placementpw") == f"it was {MARK}"


def test_a_checksum_in_base64_is_decoded() -> None:
    values = [
        str(event.desired)
        for resource in report("ocata-first-run-changes.yaml.gz").notable
        for event in resource.events
        if event.property == "content"
    ]
    assert values
    assert all(value.startswith("{sha256}") for value in values)


@pytest.mark.parametrize("suite", ["trixie", "bullseye"])
def test_other_generations_of_puppet_say_the_same(suite: str) -> None:
    places = Places(pairs=(("/root/site.pp", "old/site.pp"),))
    redactor = Redactor()
    seen = puppet.parse_report(read(f"{suite}-failed.yaml.gz"), places=places, redactor=redactor)
    catalog = puppet.parse_catalog(read(f"{suite}-failed.catalog.json.gz"), places=places, redactor=redactor)
    by_ref = {resource.ref: resource for resource in seen.notable}
    assert by_ref["File[/etc/shop.conf]"].changed
    assert [event.property for event in by_ref["Exec[reload]"].events] == [None]
    assert by_ref["Exec[broken]"].failed
    assert by_ref["File[/etc/never]"].skipped
    assert str(by_ref["Exec[broken]"].declared_at) == "old/site.pp:4"
    assert seen.evaluated == 4
    assert "sesame-open-1" not in repr(seen) + repr(catalog)
    assert {each.ref for each in catalog.resources} >= set(by_ref)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "not a mapping"),
        (b"--- !ruby/object:Puppet::Transaction::Report\nreport_format: 13\n", "report format 13"),
        (b"--- !ruby/object:Puppet::Transaction::Report\nreport_format: 12\n", "no resource_statuses"),
        (b"--- [", "not YAML"),
    ],
)
def test_what_is_no_report_is_no_evidence(text: bytes, complaint: str) -> None:
    with pytest.raises(puppet.UnreadableError, match=complaint):
        puppet.parse_report(text, places=Places(), redactor=Redactor())


def test_a_report_that_was_cut_off_is_no_evidence() -> None:
    whole = read("break-missing-option.yaml.gz")
    with pytest.raises(puppet.UnreadableError):
        puppet.parse_report(whole[: len(whole) // 2], places=Places(), redactor=Redactor())


def test_the_command_line_asks_for_everything_a_verdict_needs() -> None:
    apply = puppet.Apply(manifest="/m.pp", modulepath=("/a", "/b"), hiera="/h.yaml", output="/out", facts={"step": "3"})
    line = puppet.command(apply)
    assert {"--detailed-exitcodes", "--no-noop", "--modulepath=/a:/b", "--hiera_config=/h.yaml"} <= set(line)
    assert "--lastrunreport=/out/report.yaml" in line
    env = puppet.environment(apply, {"PATH": "/bin"})
    assert env == {"PATH": "/bin:/opt/puppetlabs/bin", "FACTER_step": "3"}


def test_a_type_that_is_named_like_a_secret_does_not_break_the_record() -> None:
    text = read("break-missing-option.yaml.gz").replace(b"    - - nova_config\n", b"    - - admin_token\n")
    assert b"- - admin_token" in text
    seen = puppet.parse_report(text, places=Places(), redactor=Redactor())
    assert set(seen.metrics) == {"changes", "events", "resources"}
    assert Redactor().tree(seen.metrics) == seen.metrics  # type: ignore[arg-type]  # numbers are JSON
