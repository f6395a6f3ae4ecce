"""Scenarios made of templates: rendered aside, with modules that are there, and written for good by `import`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT, Validate
from validator import templates
from validator.errors import ScenarioError
from validator.scenario import load

SERVICE = """\
heat_template_version: ocata
parameters:
  Port:
    type: number
outputs:
  role_data:
    value:
      service_name: shop
      config_settings:
        shop::port: {get_param: Port}
      step_config: |
        include shop
      upgrade_tasks:
        - name: Stop the shop
          tags: step1
          service: name=shop state=stopped
        - name: Bring the packages up to date
          tags: step3
          MODULE: name=* state=latest
"""
SCENARIO = """\
title: a shop from templates
image: {packages: [puppet-agent]}
host: {driver: plain}
old:
  manifest: old.pp
upgrade:
  tripleo: [shop.yaml]
  parameters: {Port: 1}
new:
  tripleo: [shop.yaml]
  parameters: PARAMETERS
  steps: [1, 2]
"""


def scenario(directory: Path, *, module: str = "apt", parameters: str = "{Port: 1}", more: str = "") -> load.Loaded:
    (directory / "old.pp").write_text("notify { 'x': }\n", encoding="utf-8")
    (directory / "shop.yaml").write_text(SERVICE.replace("MODULE", module), encoding="utf-8")
    text = SCENARIO.replace("PARAMETERS", parameters).replace("\nnew:", f"\n{more}new:")
    (directory / "scenario.yml").write_text(text, encoding="utf-8")
    return load.load(directory)


def test_templates_become_a_playbook_data_and_a_manifest(tmp_path: Path) -> None:
    made = templates.rendered(scenario(tmp_path), tmp_path / "rendered")
    upgrade, new = made.loaded.scenario.upgrade, made.loaded.scenario.new
    assert upgrade.playbook is not None
    (play,) = yaml.safe_load(upgrade.playbook.read_text(encoding="utf-8"))
    assert [task["name"] for task in play["tasks"]] == ["Stop the shop", "Bring the packages up to date"]
    assert upgrade.tags == ("common", "step{step}")
    assert new.hiera is not None
    assert "include shop" in new.site.read_text(encoding="utf-8")
    data = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in new.hiera.parent.glob("*.json")]
    assert {"shop::port": 1} in [{key: each[key] for key in each if key == "shop::port"} for each in data]
    assert new.step_file is not None
    assert made.replaced == ()
    # Each task is known by its place in the template, not by that in a file that nobody will find.
    assert [(Path(place.file).name, place.line) for _, place in made.origins] == [("shop.yaml", 14), ("shop.yaml", 17)]


def test_what_is_not_known_is_named_with_its_place(tmp_path: Path) -> None:
    loaded = scenario(tmp_path, parameters="{}")
    with pytest.raises(ScenarioError) as error:
        templates.rendered(loaded, tmp_path / "rendered")
    (problem,) = error.value.problems
    assert (Path(problem.file).name, problem.line) == ("shop.yaml", 10)
    assert "Port" in str(problem)


def test_a_module_that_is_not_there_is_named_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as error:
        templates.rendered(scenario(tmp_path, module="yum"), tmp_path / "rendered")
    (problem,) = error.value.problems
    assert (Path(problem.file).name, problem.line) == ("shop.yaml", 17)
    assert "modules: {yum: ansible.builtin.package}" in problem.message


def test_a_stand_in_is_used_and_told(tmp_path: Path) -> None:
    loaded = scenario(tmp_path, module="yum", more="  modules: {yum: ansible.builtin.package}\n")
    made = templates.rendered(loaded, tmp_path / "rendered")
    assert made.replaced == ("yum -> ansible.builtin.package (1 task)",)


def test_a_scenario_without_templates_stays_as_it_is(tmp_path: Path) -> None:
    loaded = load.find("plain-files", PROJECT / "scenarios")
    assert templates.rendered(loaded, tmp_path / "rendered").loaded.scenario == loaded.scenario


def test_import_writes_a_scenario_that_loads_and_overwrites_nothing(tmp_path: Path, validate: Validate) -> None:
    scenario(tmp_path)
    values = tmp_path / "values.yaml"
    values.write_text("Port: 8080\n", encoding="utf-8")
    asked = ("import", "tripleo", tmp_path / "shop.yaml", "--name", "mine", "--root", tmp_path, "--parameters", values)
    ran = validate(*asked)
    assert ran.code == 0, ran.err
    assert str(tmp_path / "mine/upgrade.yml") in ran.out
    assert load.load(tmp_path / "mine").title.startswith("mine: shop")
    again = validate(*asked)
    assert (again.code, "is there already" in again.err) == (2, True)


def test_import_says_what_no_template_says(tmp_path: Path, validate: Validate) -> None:
    scenario(tmp_path)
    ran = validate("import", "tripleo", tmp_path / "shop.yaml", "--name", "mine", "--root", tmp_path)
    assert ran.code == 2
    assert "shop.yaml:10:" in ran.err
    assert not (tmp_path / "mine").exists()
