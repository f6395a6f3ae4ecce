"""Every broken variant of the scenarios gets the verdict and the first cause that it must get, and the right blame."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT, Validate

VARIANTS = sorted(path.parent for path in (PROJECT / "tests/variants").glob("*/*/expected.yml"))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: f"{path.parent.name}/{path.name}")
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
