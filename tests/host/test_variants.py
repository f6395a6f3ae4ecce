"""Every broken variant of the scenarios gets the verdict and the first cause that it must get, and the right blame."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT, Validate

VARIANTS = sorted(path.parent for path in (PROJECT / "tests/variants").glob("*/*/expected.yml"))
# Of newton-ocata, whose runs take a minute each, what no smaller scenario shows: databases, cells, services that go.
OF_NOVA = {"create-cell-not-run", "db-sync-not-run", "map-cell0-not-run", "old-service-left"}


def is_extended(variant: Path) -> bool:
    return variant.parent.name == "newton-ocata" and variant.name not in OF_NOVA


PARAMETERS = [
    pytest.param(each, id=f"{each.parent.name}/{each.name}", marks=[pytest.mark.extended] if is_extended(each) else [])
    for each in VARIANTS
]


@pytest.mark.parametrize("variant", PARAMETERS)
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
