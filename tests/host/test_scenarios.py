"""Every scenario of this project has the verdict that it is there for, and says so in numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests import usual
from tests.conftest import PROJECT, Validate
from validator.scenario import load

SCENARIOS = PROJECT / "scenarios"
# The cases of the 2017 mail say what must be found in them; the others are whole upgrades, which converge.
CASES = sorted(path.parent.name for path in SCENARIOS.glob("*/expected.yml"))
NAMES = [name for name in load.names(SCENARIOS) if name not in CASES]


@pytest.mark.parametrize("name", NAMES)
def test_scenario_converges(name: str, validate: Validate) -> None:
    ran = validate("scenario", name, "--format", "json")
    result = ran.result
    errors = [finding for finding in result["findings"] if finding["severity"] in {"error", "warning"}]
    assert (result["verdict"], ran.code, errors) == ("converged", 0, []), ran.err
    phases = {phase["name"]: phase["counts"] for phase in result["phases"]}
    fresh = ["fresh"] if load.find(name, SCENARIOS).scenario.agreement else []
    assert list(phases) == ["old", *fresh, "upgrade", "converge", "again"]
    assert phases["old"]["changed"] > 0
    assert phases["upgrade"]["changed"] > 0
    if name.startswith("newton"):
        assert phases["converge"]["resources"] > 600
    for phase in ("converge", "again"):
        assert phases[phase]["evaluated"] > 0
        assert [phases[phase][what] for what in ("changed", "failed", "skipped")] == [0, 0, 0]
    for phase in result["phases"]:
        seen = phase["witnesses"]
        assert seen["disk"]["paths_compared"] > 0
        assert ("services" in seen) == (name != "plain-files")
        if phase["name"] == "upgrade":
            assert seen["borders"]["tasks_watched"] >= phase["counts"]["tasks"]
            assert seen["disk"]["differ"] > 0
        if phase["name"] in {"fresh", "upgrade", "converge"}:
            assert seen["probes"]["asked"] > 0


# One change, four faults that would be seen in the same way.
LONGER = {"review-405241-extracell-buggy", "review-405241-noname-buggy", "review-405241-transport-buggy"}


@pytest.mark.parametrize("name", usual.only(set(CASES) - LONGER, CASES))
def test_case(name: str, validate: Validate) -> None:
    expected = yaml.safe_load((SCENARIOS / name / "expected.yml").read_text(encoding="utf-8"))
    ran = validate("scenario", name, "--format", "json")
    errors = [finding for finding in ran.result["findings"] if finding["severity"] == "error"]
    assert (ran.result["verdict"], ran.code) == (expected["verdict"], expected["exit"]), ran.err
    assert not name.endswith("-buggy") or expected["verdict"] == "diverged"
    if expected["verdict"] == "converged":
        assert not errors
        return
    assert {key: errors[0][key] for key in expected["first"]} == expected["first"]
    counted = Counter((each["unit"], each["phase"]) for each in ran.result["restarts"])
    for wanted in expected.get("restarts", []):
        assert counted[wanted["unit"], wanted["phase"]] == wanted["times"]
    # Nothing unrelated: every other error is one that the case names.
    also = [{"rule": each["rule"], "subject": each["subject"]} for each in errors[1:]]
    assert [each for each in also if each not in expected.get("also", [])] == []


@pytest.mark.parametrize("name", [each for each in NAMES if not each.startswith("newton")])
@pytest.mark.parametrize("how", [("--release", "old"), ("--release", "new"), ("--upgrade",)])
def test_a_second_run_changes_nothing(name: str, how: tuple[str, ...], validate: Validate) -> None:
    ran = validate("idempotence", name, *how, "--format", "json")
    assert (ran.result["verdict"], ran.code) == ("converged", 0), ran.out
    first, second = ran.result["phases"][-2:]
    assert first["counts"]["changed"] > 0
    assert second["counts"]["changed"] == 0


@pytest.mark.parametrize(("suite", "puppet"), [("bullseye", "puppet"), ("trixie", "puppet-agent")])
def test_a_scenario_on_another_suite(suite: str, puppet: str, validate: Validate, tmp_path: Path) -> None:
    """Debian 11 ships Puppet 5.5 and systemd 247, Debian 13 Puppet 8 and systemd 257."""
    assert validate("new", "shop", "--root", tmp_path).code == 0
    file = tmp_path / "shop/scenario.yml"
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ("bookworm", suite),
        ("driver: plain", "driver: systemd"),
        ("[puppet-agent]", f"[{puppet}]"),
        ("shop.example.test", "host.example.test"),
    ):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    ran = validate("scenario", "shop", "--root", tmp_path, "--format", "json")
    assert ran.result["verdict"] == "converged", ran.out
    (tmp_path / "shop/upgrade.yml").write_text("- ansible.builtin.command: 'true'\n", encoding="utf-8")
    ran = validate("scenario", "shop", "--root", tmp_path, "--format", "json", "--fail-fast")
    assert ran.code == 1
    assert ran.result["findings"][0]["subject"] == "File[/etc/shop.conf]"


@pytest.mark.parametrize("name", CASES)
def test_what_the_static_checks_say_of_a_case(name: str, validate: Validate) -> None:
    """Before anything is applied: each broken case with a signature, and no mended one."""
    ran = validate("lint", name, "--format", "json")
    rules = {finding["rule"] for finding in ran.result["findings"] if finding["severity"] == "warning"}
    wanted = yaml.safe_load((SCENARIOS / name / "expected.yml").read_text(encoding="utf-8")).get("lint", [])
    assert (rules, ran.code) == (set(wanted), 1 if wanted else 0), ran.out
    assert "as_written" in ran.result["compared"]
