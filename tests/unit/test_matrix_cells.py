"""A cell is the scenario with its image and its variant put in, and the worker makes the same one."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.host.lab import write_scenario
from tests.unit.matrices import cells_of, write_matrix
from validator import inputs
from validator.errors import ScenarioError
from validator.matrix import cells, declared, worker
from validator.scenario import load

IMAGES = """\
scenarios: [shop]
images:
  own: {}
  bullseye: {suite: bullseye}
  trixie: {suite: trixie, packages: {replace: {curl: wget}, remove: [nano], add: [jq, jq]}}
  same: {packages: {add: [jq]}}
"""


def write(root: Path, text: str, **parts: Any) -> Path:
    file = write_matrix(root, text)
    write_scenario(root / "shop", **parts)
    return file


def test_an_image_brings_its_suite_and_its_names_of_packages(tmp_path: Path) -> None:
    image = {
        "suite": "bookworm",
        "packages": ["puppet-agent", "python3", "curl", "nano"],
        "mirrors": ["http://mirror.test/"],
    }
    new = {"packages": ["puppet-agent", "curl"]}
    found = cells_of(write(tmp_path, IMAGES, image=image, new_release=new))
    images = {name: cell.loaded.scenario.image for name, cell in found.items()}
    assert images["shop@own+default"].packages == ("puppet-agent", "python3", "curl", "nano")
    assert (images["shop@own+default"].suite, images["shop@own+default"].mirrors) == (
        "bookworm",
        ("http://mirror.test/",),
    )
    assert images["shop@bullseye+default"].packages == ("puppet", "python3", "curl", "nano")
    assert images["shop@bullseye+default"].mirrors == (), "they are bookworm's"
    assert images["shop@trixie+default"].packages == ("puppet-agent", "python3", "wget", "jq")
    assert images["shop@same+default"].suite == "bookworm"
    assert images["shop@same+default"].packages[-1] == "jq"
    assert images["shop@same+default"].mirrors == ("http://mirror.test/",)
    fresh = {name: cell.loaded.scenario.new.packages for name, cell in found.items()}
    assert fresh["shop@bullseye+default"] == ("puppet", "curl")
    assert fresh["shop@trixie+default"] == ("puppet-agent", "wget", "jq")


def test_a_release_without_packages_of_its_own_stays_so(tmp_path: Path) -> None:
    found = cells_of(write(tmp_path, IMAGES))
    assert found["shop@trixie+default"].loaded.scenario.new.packages == ()


def test_an_image_of_ones_own_takes_the_place_of_all(tmp_path: Path) -> None:
    (tmp_path / "rootfs").mkdir()
    found = cells_of(write(tmp_path, "scenarios: [shop]\nimages: {mine: {path: rootfs}}\n"))
    image = found["shop@mine+default"].loaded.scenario.image
    assert (image.path, image.packages, image.prepare) == ((tmp_path / "rootfs").resolve(), (), None)


VARIANTS = """\
scenarios: [shop]
variants:
  default: {}
  other:
    vars: {port: 8081}
    new: {hiera_data: {shop::port: 8081}, facts: {region: north}}
    probes: [{name: answers, command: test 8081}, {name: more, command: 'true'}]
"""


def test_a_variant_changes_variables_data_facts_and_probes(tmp_path: Path) -> None:
    probes = [{"name": "answers", "command": "test 8080"}, {"name": "stays", "command": "true"}]
    upgrade = {"vars": {"port": 8080, "name": "shop"}}
    found = cells_of(write(tmp_path, VARIANTS, upgrade=upgrade, probes=probes, new_release={"facts": {"a": "b"}}))
    default = found["shop@own+default"].loaded.scenario
    assert default == load.load(tmp_path / "shop").scenario
    other = found["shop@own+other"].loaded
    assert other.scenario.upgrade.vars == {"port": 8081, "name": "shop"}
    assert other.scenario.new.hiera_data == {"shop::port": 8081}
    assert other.scenario.new.facts == {"a": "b", "region": "north"}
    assert other.scenario.old == default.old
    assert [(probe.name, probe.command) for probe in other.scenario.probes] == [
        ("answers", "test 8081"),
        ("stays", "true"),
        ("more", "true"),
    ]
    assert [place.file.endswith("matrix.yml") for place in other.probe_places] == [True, False, True]


def test_a_cell_is_called_by_its_name_in_every_report(tmp_path: Path) -> None:
    found = cells_of(write_matrix(tmp_path, "scenarios: [shop]\n"))
    assert [cell.loaded.name for cell in found.values()] == ["shop@own+default"]


def test_the_problems_of_all_scenarios_come_at_once(tmp_path: Path) -> None:
    file = write_matrix(tmp_path, "scenarios: ['*']\nvariants: {a: {}, b: {}}\n", "one", "two")
    for name in ("one", "two"):
        write_scenario(tmp_path / name, wrong=1)
    matrix = declared.read(file)
    with pytest.raises(ScenarioError) as caught:
        cells.load_all(matrix, declared.coordinates(matrix))
    assert sorted(Path(problem.file).parent.name for problem in caught.value.problems) == ["one", "two"]


def test_a_worker_makes_the_same_cell_of_what_it_is_asked(tmp_path: Path) -> None:
    images = "images: {mine: {path: rootfs}, trixie: {suite: trixie}}\n"
    (tmp_path / "rootfs").mkdir()
    for name, cell in cells_of(write(tmp_path, VARIANTS + images)).items():
        asked = json.loads(json.dumps(worker.asked(cell, "digest", date(2026, 1, 1))))
        assert worker.cell_of(asked).loaded == cell.loaded, name


def test_hiera_data_come_before_the_levels_of_a_hiera_yaml(tmp_path: Path) -> None:
    scenario = tmp_path / "shop"
    write_scenario(scenario, new_release={"hiera": "new/hiera.yaml", "hiera_data": {"a": 1, "password": "hush-hush"}})
    (scenario / "new").mkdir()
    (scenario / "new" / "hiera.yaml").write_text(
        "version: 5\ndefaults: {datadir: data}\nhierarchy: [{name: theirs, path: common.yaml}]\n", encoding="utf-8"
    )
    release = load.load(scenario).scenario.new
    staged = inputs.stage_release(release, tmp_path / "staged", "new")
    config = json.loads((tmp_path / "staged" / "hiera" / "hiera.yaml").read_text(encoding="utf-8"))
    assert [level["path"] for level in config["hierarchy"]] == [".validate-first.yaml", "common.yaml"]
    assert config["defaults"] == {"datadir": "data"}
    assert "hush-hush" in staged.secrets
    assert staged.hiera == "/run/validate/new/hiera/hiera.yaml"


def test_hiera_data_need_no_hiera_yaml_and_make_another_state(tmp_path: Path) -> None:
    scenario = write_scenario(tmp_path / "shop", new_release={"hiera_data": {"a": 1}})
    release = load.load(scenario).scenario.new
    staged = inputs.stage_release(release, tmp_path / "staged", "new")
    other = release.model_copy(update={"hiera_data": {"a": 2}})
    assert staged.hiera == "/run/validate/new/hiera/hiera.yaml"
    assert staged.digest != inputs.stage_release(other, tmp_path / "other", "new").digest


@pytest.mark.parametrize(("text", "levels"), [("version: 5\n", ["common.yaml"]), ("version: 5\nhierarchy: []\n", [])])
def test_a_hiera_yaml_without_levels_keeps_puppets_own(text: str, levels: list[str], tmp_path: Path) -> None:
    (tmp_path / "hiera").mkdir()
    (tmp_path / "hiera" / "hiera.yaml").write_text(text, encoding="utf-8")
    scenario = write_scenario(
        tmp_path / "shop", new_release={"hiera": str(tmp_path / "hiera/hiera.yaml"), "hiera_data": {"a": 1}}
    )
    inputs.stage_release(load.load(scenario).scenario.new, tmp_path / "staged", "new")
    config = json.loads((tmp_path / "staged" / "hiera" / "hiera.yaml").read_text(encoding="utf-8"))
    assert [level["path"] for level in config["hierarchy"]] == [".validate-first.yaml", *levels]
