"""molecule: one folder for each scenario that is to converge, and a driver that cannot break anything."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from molecule.api import Driver, drivers

from tests.conftest import PROJECT
from validator.molecule.driver import CONNECTIONS, HERE, NAME, ValidatorDriver
from validator.scenario import load

SCENARIOS = PROJECT / "scenarios"
FOLDERS = sorted(file.parent.name for file in (PROJECT / "molecule").glob("*/molecule.yml"))


def is_an_upgrade(name: str) -> bool:
    """Whether a scenario is to converge: those that are to be caught say so in expected.yml."""
    expected = SCENARIOS / name / "expected.yml"
    return not expected.exists() or yaml.safe_load(expected.read_text(encoding="utf-8"))["verdict"] == "converged"


def test_each_upgrade_has_its_folder_and_no_other_has() -> None:
    assert sorted(name for name in load.names(SCENARIOS) if is_an_upgrade(name)) == FOLDERS


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_holds_nothing_of_its_own(name: str) -> None:
    assert [path.name for path in (PROJECT / "molecule" / name).iterdir()] == ["molecule.yml"]
    assert (PROJECT / "molecule" / name / "molecule.yml").read_text(encoding="utf-8") == "--- {}\n"


def test_the_driver_is_installed_and_has_no_abstract_member_left() -> None:
    (entry,) = (each for each in entry_points(group="molecule.driver") if each.name == NAME)
    assert entry.load() is ValidatorDriver
    made = drivers()[NAME]
    assert isinstance(made, Driver)
    assert (made.name, made.module) == (NAME, "validator")
    assert made.version != "unknown"


def test_what_it_ships_is_there() -> None:
    assert {path.name for path in (HERE / "playbooks").iterdir()} == {
        "create.yml",
        "destroy.yml",
        "vars.yml",
        "verify.yml",
    }
    assert (CONNECTIONS / "validator_host.py").is_file()
    schema = json.loads((HERE / "driver.json").read_text(encoding="utf-8"))
    assert schema["properties"]["driver"]["properties"]["name"]["const"] == NAME


def ran(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_loading_it_needs_nothing_but_molecule() -> None:
    """Whatever else is missing or broken in the environment."""
    said = ran(
        "import sys, molecule.api; before = set(sys.modules); import validator.molecule.driver;"
        "print(*(name for name in set(sys.modules) - before if name.split('.')[0] not in sys.stdlib_module_names))"
    )
    assert set(said.split()) == {"validator", "validator.molecule", "validator.molecule.driver"}


@pytest.mark.parametrize("module", ["molecule.api", "molecule.exceptions"])
def test_a_molecule_of_another_make_passes_over_it(module: str) -> None:
    said = ran(
        f"import sys, types; sys.modules[{module!r}] = types.ModuleType({module!r});"
        "from validator.molecule.driver import ValidatorDriver; print(ValidatorDriver.__mro__[1].__name__)"
    )
    assert said == "object\n"


def test_a_connection_without_a_host_leads_nowhere(tmp_path: Path) -> None:
    class Scenario:
        ephemeral_directory = str(tmp_path)

    class Config:
        scenario = Scenario

    made = ValidatorDriver(Config)  # type: ignore[arg-type]  # as much of one as is asked for
    options = made.ansible_connection_options("controller-0")
    assert options["ansible_connection"] == "validator_host"
    assert "validator_init_pid" not in options
    (tmp_path / "validator-controller-0.json").write_text('{"init": 7, "init_started": 8, "cgroup": "/c"}')
    options = made.ansible_connection_options("controller-0")
    assert (options["validator_init_pid"], options["validator_init_started"]) == (7, 8)
    (tmp_path / "validator-controller-0.json").write_text('{"init"')
    assert "validator_init_pid" not in made.ansible_connection_options("controller-0")
