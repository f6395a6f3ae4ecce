"""The pages about the gate, molecule and the wrappers say what the code has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from tests import pages
from tests.conftest import PROJECT
from validator.cli import app
from validator.gate.checklist import Checklist, Requirement, Tolerated, load
from validator.scenario.model import Part

BIN = Path(sys.executable).parent
REFERENCE = (PROJECT / "docs/reference/checklist.md").read_text(encoding="utf-8")
CLI = (PROJECT / "docs/reference/cli.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("title", "model"), [("Top level", Checklist), ("require", Requirement), ("waivers", Tolerated)]
)
def test_every_key_of_a_checklist_is_documented(title: str, model: type[Part]) -> None:
    rows = re.findall(r"^\| \[?`(\w+)`", section(REFERENCE, title), re.MULTILINE)
    assert rows == list(model.model_fields)


def test_every_option_of_the_gate_is_documented() -> None:
    (gate,) = (command for name, command in get_command(app).commands.items() if name == "gate")  # type: ignore[attr-defined]
    options = {option for each in gate.params for option in each.opts if option.startswith("--")}
    assert options == set(re.findall(r"`(--[a-z-]+)[ `]", section(CLI, "validate gate").partition("| status |")[0]))


def test_the_checklist_of_the_page_is_one(tmp_path: Path) -> None:
    pages.write("how-to/release-gate.md", tmp_path)
    fragment = next(block for block in pages.blocks("how-to/release-gate.md", "yaml") if block.startswith("waivers:"))
    file = tmp_path / "release.yml"
    file.write_text(file.read_text(encoding="utf-8") + fragment, encoding="utf-8")
    assert len(load(file).checklist.waivers) == 1


def test_the_workflow_of_the_page_is_one_and_uses_the_action_as_it_is(tmp_path: Path) -> None:
    pages.write("how-to/wrappers.md", tmp_path)
    file = tmp_path / ".github/workflows/upgrade.yml"
    command: list[str | Path] = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    steps = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]["shop"]["steps"]
    used = next(step for step in steps if "convergence-validator" in step.get("uses", ""))
    directory = used["uses"].partition("@")[0].split("/", 2)[2]
    action = yaml.safe_load((PROJECT / directory / "action.yml").read_text(encoding="utf-8"))
    assert set(used["with"]) <= set(action["inputs"])
    text = (PROJECT / "docs/how-to/wrappers.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| (?:required|`(\S+)`)", text, re.MULTILINE) == [
        (name, each.get("default", "")) for name, each in action["inputs"].items()
    ]


def test_the_hooks_of_the_page_are_those_there_are(tmp_path: Path) -> None:
    pages.write("how-to/wrappers.md", tmp_path)
    file = tmp_path / ".pre-commit-config.yaml"
    done = subprocess.run([BIN / "pre-commit", "validate-config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    used = yaml.safe_load(file.read_text(encoding="utf-8"))["repos"][0]["hooks"]
    there = yaml.safe_load((PROJECT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [each["id"] for each in used] == [each["id"] for each in there]


def test_the_page_about_molecule_has_the_driver_in_seven_lines() -> None:
    text = pages.files("how-to/use-molecule.md")["molecule/default/molecule.yml"]
    assert len(text.splitlines()) == 7
    assert yaml.safe_load(text)["driver"] == {"name": "molecule_validator"}
