"""Every small fault of the corpus is seen by the witness that must see it, and its healthy twin converges."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests import usual
from tests.conftest import PROJECT, Validate

CORPUS = PROJECT / "tests/corpus"
TWINS = sorted(path.parent for path in CORPUS.glob("*/*/expected.yml"))


# Healthy twins that are like another one but for what their faulty twin does.
LONGER = {
    "audit/healthy",
    "catalog-unstable/healthy",
    "db-sync-never-run/healthy",
    "empty-catalog/healthy",
    "exec-failed-once/healthy",
    "green-but-stale-exec/healthy",
    "honest-control/healthy",
    "misleading-message/healthy",
    "noop/healthy",
    "other-callback/healthy",
    "restart-command-fails/healthy",
    "schedule/healthy",
    "service-dies/healthy",
    "service-flapping/healthy",
    "stale-file/healthy",
    "step-flapping/healthy-last-step-alone",
}


def name_of(twin: Path) -> str:
    return f"{twin.parent.name}/{twin.name}"


@pytest.mark.parametrize("twin", usual.only({name_of(twin) for twin in TWINS} - LONGER, TWINS, name_of))
def test_twin(twin: Path, validate: Validate) -> None:
    expected = yaml.safe_load((twin / "expected.yml").read_text(encoding="utf-8"))
    ran = validate("scenario", twin.relative_to(PROJECT), "--format", "json")
    errors = [finding for finding in ran.result["findings"] if finding["severity"] == "error"]
    assert (ran.result["verdict"], ran.code) == (expected["verdict"], expected["exit"]), ran.err
    if expected["verdict"] == "converged":
        assert not errors
    else:
        wanted = expected["first"]
        assert {key: errors[0][key] for key in wanted} == wanted
        if "blame" in expected:
            left_by = errors[0]["left_by"]
            assert (left_by["task"] if left_by else None) == expected["blame"]
    found = [(finding["rule"], finding["subject"]) for finding in ran.result["findings"]]
    for also in expected.get("also", []):
        assert (also["rule"], also["subject"]) in found


def test_every_case_has_a_fault_a_healthy_twin_and_an_explanation() -> None:
    cases = {path.parent for path in TWINS}
    assert cases
    for case in sorted(cases):
        verdicts = {
            twin.name: yaml.safe_load((twin / "expected.yml").read_text(encoding="utf-8"))["verdict"]
            for twin in case.iterdir()
            if twin.is_dir() and (twin / "scenario.yml").exists()
        }
        assert {"faulty", "healthy"} <= set(verdicts), case.name
        assert all((verdict == "converged") == name.startswith("healthy") for name, verdict in verdicts.items())
        assert (case / "README.md").exists(), case.name
