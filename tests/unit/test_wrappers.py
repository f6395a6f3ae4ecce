"""The thin wrappers are what GitHub, pre-commit and an image builder take: checked by their own validators."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT, Validate
from tests.host.lab import write_scenario
from validator.changed import scenarios_of

BIN = Path(sys.executable).parent
ACTION = PROJECT / "action/action.yml"
CONTAINERFILE = PROJECT / "Containerfile"
CHECKS: dict[str, tuple[str | Path, ...]] = {
    "the action": (BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", ACTION),
    "the hooks": (BIN / "pre-commit", "validate-manifest", PROJECT / ".pre-commit-hooks.yaml"),
    "the image": (BIN / "hadolint", CONTAINERFILE),
}


@pytest.mark.parametrize("what", CHECKS)
def test_its_own_validator_takes(what: str) -> None:
    done = subprocess.run(CHECKS[what], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_action_hands_on_is_what_its_script_reads() -> None:
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
    run = next(step for step in action["runs"]["steps"] if step.get("id") == "run")
    script = (PROJECT / "action/run.sh").read_text(encoding="utf-8")
    read = set(re.findall(r"\$\{?([A-Z_]+)", script))
    kept = set(re.findall(r"--preserve-env=(\S+)", run["run"])[0].split(","))
    assert set(run["env"]) == {name.upper() for name in action["inputs"]}
    assert set(run["env"]) <= kept
    assert read - {"VALIDATE"} <= kept
    assert kept - read == {"VALIDATE_CACHE"}
    # An expression within a script would let a value become a command.
    assert [step["run"] for step in action["runs"]["steps"] if "${{" in step["run"]] == []


def test_the_image_has_what_is_copied_and_nothing_else_comes_along() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", CONTAINERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert [name for name in names if not (PROJECT / name).exists()] == []
    allowed = {
        line.removeprefix("!")
        for line in (PROJECT / ".containerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert allowed == set(names)


def test_the_image_installs_all_that_setup_would_ask_for() -> None:
    setup = (PROJECT / "setup.sh").read_text(encoding="utf-8")
    wanted = set(re.findall(r"^need \S+ (\S+)$", setup, re.MULTILINE)) | {"python3-venv"}
    assert wanted <= set(CONTAINERFILE.read_text(encoding="utf-8").split())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write_scenario(tmp_path / "scenarios/shop")
    write_scenario(tmp_path / "scenarios/bar")
    (tmp_path / "scenarios/shop/roles/a").mkdir(parents=True)
    return tmp_path


def test_files_belong_to_the_nearest_scenario_above_them(repository: Path) -> None:
    shop, bar = repository / "scenarios/shop", repository / "scenarios/bar"
    files = [shop / "roles/a/main.yml", shop / "old.pp", bar / "gone.yml", repository / "README.md"]
    assert scenarios_of(files) == (shop, bar)


def test_the_hook_is_silent_about_what_is_right(repository: Path, validate: Validate) -> None:
    ran = validate("hook", "scenarios/shop/old.pp", "README.md", cwd=repository)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert validate("hook", "README.md", cwd=repository).code == 0


def test_the_hook_tells_the_mistakes_of_all_scenarios(repository: Path, validate: Validate) -> None:
    for name in ("shop", "bar"):
        file = repository / f"scenarios/{name}/scenario.yml"
        file.write_text(file.read_text(encoding="utf-8").replace("manifest: old.pp", "manifest: gone.pp"), "utf-8")
    ran = validate("hook", "scenarios/shop/old.pp", "scenarios/bar/upgrade.yml", cwd=repository)
    assert ran.code == 2
    assert "scenarios/shop/scenario.yml:" in ran.err
    assert "scenarios/bar/scenario.yml:" in ran.err
