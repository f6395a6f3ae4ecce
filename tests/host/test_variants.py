"""Every broken variant of the scenarios gets the verdict and the first cause that it must get, and the right blame."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests import usual
from tests.conftest import PROJECT, Validate

VARIANTS = sorted(path.parent for path in (PROJECT / "tests/variants").glob("*/*/expected.yml"))
# One for each kind of resource and of finding. Of newton-ocata, whose runs take a minute each, what no smaller scenario
# shows: databases, and services that go.
USUAL = {
    "apache-vhost/database-stopped",
    "apache-vhost/file-owner",
    "apache-vhost/grant-missing",
    "apache-vhost/link-wrong",
    "apache-vhost/option-missing",
    "apache-vhost/page-missing",
    "apache-vhost/secret-wrong",
    "apache-vhost/service-disabled",
    "apache-vhost/spaces-only",
    "apache-vhost/touched-twice",
    "apache-vhost/user-password",
    "apache-vhost/vhost-edited",
    "newton-ocata/db-sync-not-run",
    "newton-ocata/old-service-left",
    "plain-files/exec-fails",
    "plain-files/exec-needed",
    "plain-files/file-extra",
    "plain-files/mode-wrong",
    "plain-files/schema-hidden",
    "plain-files/unmanaged",
    "plain-files/untouched",
    "plain-files/user-wrong",
}


@pytest.mark.parametrize("variant", usual.only(USUAL, VARIANTS, lambda path: f"{path.parent.name}/{path.name}"))
def test_variant(variant: Path, validate: Validate) -> None:
    expected = yaml.safe_load((variant / "expected.yml").read_text(encoding="utf-8"))
    # Whole runs of them are what benchmarks/repair.py is for.
    ran = validate("scenario", variant.relative_to(PROJECT), "--format", "json", "--fail-fast")
    result = ran.result
    first = result["findings"][0] if result["findings"] else {}
    assert (result["verdict"], ran.code) == (expected["verdict"], expected["exit"]), ran.err
    assert {key: first.get(key) for key in expected.get("first", {})} == expected.get("first", {})
    if "blame" in expected:
        left_by = first["left_by"]
        assert (left_by["task"] if left_by else None) == expected["blame"]
    if expected["verdict"] == "converged":
        assert not [each for each in result["findings"] if each["severity"] == "error"]
