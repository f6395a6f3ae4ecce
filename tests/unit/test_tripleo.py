"""Service templates of our own, read as a role: what a scenario gets of them, and what is told when it cannot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import JsonValue

from validator import tripleo
from validator.errors import ScenarioError, UsageError
from validator.scenario import load
from validator.tripleo.importing import write_scenario

FIXTURES = Path(__file__).parents[1] / "fixtures" / "tripleo"
TREE = FIXTURES / "tree"
SERVICES = TREE / "services"
LAMP, LANTERN = SERVICES / "lamp.yaml", SERVICES / "lantern.yaml"
ENVIRONMENT = FIXTURES / "environment.yaml"
STANDING_IN = {
    "yum": "ansible.builtin.package",
    "pacemaker_cluster": "ansible.builtin.meta noop",
    "ini_file": "ansible.builtin.debug msg=level",
}


def read(
    *files: Path, parameters: dict[str, JsonValue] | None = None, modules: dict[str, str] | None = None
) -> tripleo.Release:
    return tripleo.read(files, parameters=parameters or {}, environments=(ENVIRONMENT,), modules=modules or {})


def tasks(release: tripleo.Release) -> list[dict[str, JsonValue]]:
    (play,) = release.playbook
    assert isinstance(play, dict)
    assert {key: play[key] for key in ("hosts", "gather_facts")} == {"hosts": "all", "gather_facts": True}
    found = play["tasks"]
    assert isinstance(found, list)
    return [task for task in found if isinstance(task, dict)]


def line(file: Path, text: str) -> int:
    return next(number for number, each in enumerate(file.read_text().splitlines(), 1) if text in each)


def test_tasks_are_as_written_but_for_what_is_resolved() -> None:
    release = read(LAMP)
    assert [task.get("name", "block") for task in tasks(release)] == [
        "dim one lamp after the other",
        "who is first",
        "write the level",
        "install the new lamp",
        "migrate",
        "block",
        "stop every lamp",
    ]
    assert tasks(release)[2]["ini_file"] == "dest=/etc/lamp.conf option=level value=auto"
    assert tasks(release)[4] == {
        "name": "migrate",
        "tags": "step5",
        "command": "lamp-manage sync",
        "async": 300,
        "poll": 10,
    }


def test_each_task_has_the_place_where_it_stands_though_a_query_made_the_list() -> None:
    release = read(LAMP)
    places = [(Path(place.file).name, place.line) for place in release.places]
    assert places[0] == ("lamp.yaml", line(LAMP, "name: dim one lamp"))
    assert places[2] == ("lamp.yaml", line(LAMP, "name: write the level"))
    assert places[-1] == ("lamp-base.yaml", line(SERVICES / "lamp-base.yaml", "name: stop every lamp"))


def test_tasks_with_step_tags_are_run_by_tags() -> None:
    release = read(LAMP)
    assert (release.tags, release.steps) == (("common", "step{step}"), (0, 1, 2, 3, 4, 5))


def test_tasks_with_step_conditions_are_run_by_the_variable() -> None:
    release = read(LANTERN)
    assert (release.tags, release.steps) == ((), (0, 1, 2, 3, 4, 5))
    assert [task.get("name", "block") for task in tasks(release)] == ["look", "block", "sweep"]
    assert tasks(release)[0]["command"] == "/usr/bin/keep"


def test_tasks_of_both_kinds_would_leave_some_out() -> None:
    with pytest.raises(ScenarioError) as caught:
        _ = read(LAMP, LANTERN).playbook
    problems = [str(problem) for problem in caught.value.problems]
    assert len(problems) == 2
    assert f"lantern.yaml:{line(LANTERN, 'name: look')}:15: when: this task chooses its step by `when`" in problems[0]
    assert f"lantern.yaml:{line(LANTERN, 'name: sweep')}:11: when:" in problems[1]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (LAMP, {0: ["dim one lamp after the other", "who is first"], 1: ["who is first", "stop every lamp"]}),
        (LANTERN, {0: ["look"], 1: ["stop"], 2: ["sweep"]}),
    ],
)
def test_one_run_a_step_runs_the_tasks_of_the_step(
    tmp_path: Path, service: Path, expected: dict[int, list[str]]
) -> None:
    """With Ansible itself; every module is one that only says so."""
    says = "ansible.builtin.debug msg=run"
    quiet = dict.fromkeys(("command", "service", "file", "yum", "ini_file"), says)
    release = read(service, modules={**quiet, "pacemaker_cluster": "ansible.builtin.meta noop"})
    (play,) = release.playbook
    assert isinstance(play, dict)
    book = tmp_path / "upgrade.yml"
    book.write_text(json.dumps([{**play, "gather_facts": False}]), encoding="utf-8")
    for step, names in expected.items():
        tags = ",".join(tag.format(step=step) for tag in release.tags)
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("ansible-playbook")), "-i", "host,", "-c", "local"),
                *("-e", f"step={step}", *(("--tags", tags) if tags else ()), str(book)),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "ANSIBLE_LOCALHOST_WARNING": "0",
                "ANSIBLE_STDOUT_CALLBACK": "default",
                "ANSIBLE_FORCE_COLOR": "0",  # molecule, once imported, sets it for the process
            },
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ran, last = [], ""
        for each in done.stdout.splitlines():
            if each.startswith("TASK ["):
                last = each.removeprefix("TASK [").partition("]")[0]
            elif each.startswith("ok:"):
                ran.append(last)
        assert ran == names, done.stdout + done.stderr


def test_hiera_data_is_merged_as_tripleo_does() -> None:
    hiera = read(LAMP, LANTERN, parameters={"ControllerExtraConfig": {"lamp::watts": 60}}).hiera
    assert hiera["service_configs.json"] == {
        "lamp::password": "very-bright",
        "lamp::watts": 40,
        "lamp::url": "http://192.0.2.1:80",
        "lamp::bind": "192.0.2.10",
        "lamp::fqdn": "%{hiera('fqdn_inside')}",
        "lamp::role": "Controller",
        "lamp::everywhere": True,
        "lantern::log": "to a file",
        "lantern::shade": "",
        "lantern::lit_by": "lamp",
    }
    assert hiera["service_names.json"] == {"service_names": ["lamp", "lantern"]}
    assert hiera["controller_extraconfig.json"] == {"lamp::watts": 60}
    everything = hiera["all_nodes.json"]
    assert isinstance(everything, dict)
    assert everything["enabled_services"] == "lamp,lantern"
    assert everything["lamp_network"] == "inside"
    assert everything["lamp_node_ips"] == ["192.0.2.10"]
    assert everything["lantern_enabled"] == "true"


def test_settings_for_a_service_count_where_the_service_is() -> None:
    alone = read(LAMP).hiera["service_configs.json"]
    assert isinstance(alone, dict)
    assert "lantern::lit_by" not in alone
    assert "power::lamps" not in alone


def test_settings_for_a_service_are_merged_deeply(tmp_path: Path) -> None:
    text = (
        "heat_template_version: ocata\noutputs: {{role_data: {{value: {{service_name: {name},\n"
        "  service_config_settings: {{power: {{power::lamps: [{name}, base], power::limits: {{{name}: 1}}}}}}}}}}}}\n"
    )
    for name in ("power", "other"):
        (tmp_path / f"{name}.yaml").write_text(text.format(name=name), encoding="utf-8")
    hiera = read(SERVICES / "lamp-base.yaml", tmp_path / "power.yaml", tmp_path / "other.yaml").hiera
    data = hiera["service_configs.json"]
    assert isinstance(data, dict)
    assert data["power::lamps"] == ["base", "power", "other"]
    assert data["power::limits"] == {"base": 1, "power": 1, "other": 1}


def test_the_hierarchy_reads_the_step_in_the_host_and_each_file() -> None:
    release = read(LAMP)
    config = yaml.safe_load(release.hiera_config)
    assert config["version"] == 5
    step, *levels = config["hierarchy"]
    assert f"{step['datadir']}/{step['path']}" == release.step_file == "/etc/puppet/hieradata/config_step.json"
    assert [level["path"] for level in levels] == list(release.hiera)
    assert [level["name"] for level in levels] == [
        "controller_extraconfig",
        "extraconfig",
        "service_names",
        "service_configs",
        "controller",
        "bootstrap_node",
        "all_nodes",
        "vip_data",
        "net_ip_map",
    ]


def test_the_manifest_joins_what_services_apply_on_the_host() -> None:
    manifest = read(LAMP, LANTERN, SERVICES / "plain.j2.yaml").manifest
    assert manifest.endswith("\ninclude profile::lamp\n\ninclude profile::lantern\n")
    assert "lookup('step')" in manifest
    assert "profile::plain" not in manifest  # it runs in a container


def test_identical_tasks_of_several_services_are_one() -> None:
    names = [task.get("name") for task in tasks(read(LAMP, SERVICES / "lamp-base.yaml"))]
    assert names.count("stop every lamp") == 1


def test_modules_are_replaced_where_the_scenario_says_so() -> None:
    release = read(LAMP, modules=STANDING_IN)
    rendered = tasks(release)
    assert rendered[3] == {
        "name": "install the new lamp",
        "tags": "step3",
        "ansible.builtin.package": "name=lamp state=latest",
    }
    block = rendered[5]["block"]
    assert block == [{"name": "tell the cluster", "ansible.builtin.meta": "noop"}]
    assert release.replaced == (
        "ini_file -> ansible.builtin.debug msg=level (1 task)",
        "pacemaker_cluster -> ansible.builtin.meta noop (1 task)",
        "yum -> ansible.builtin.package (1 task)",
    )
    assert not tripleo.missing_modules(release.calls, lambda name: "." in name or name in ("command", "service"))


def test_modules_that_are_not_there_are_named_with_their_place() -> None:
    problems = tripleo.missing_modules(read(LAMP).calls, lambda name: name in ("command", "service"))
    assert [problem.key for problem in problems] == ["ini_file", "yum", "pacemaker_cluster"]
    assert [problem.line for problem in problems] == [
        line(LAMP, text) for text in ("name: write the level", "name: install the new lamp", "name: tell the cluster")
    ]
    assert "modules: {yum: ansible.builtin.package}" in str(problems[1])


def test_a_part_fails_with_all_it_needs_and_others_go_on() -> None:
    release = tripleo.read([LAMP], parameters={})
    assert len(tasks(release)) == 7
    assert "profile::lamp" in release.manifest
    with pytest.raises(ScenarioError) as caught:
        _ = release.hiera
    base = SERVICES / "lamp-base.yaml"
    found = [(Path(each.file).name, each.line, each.column, each.key) for each in caught.value.problems]
    assert found == [
        ("lamp-base.yaml", line(base, "lamp::password"), 37, "LampPassword"),
        ("lamp-base.yaml", line(base, "lamp::url"), 32, "EndpointMap.LampInternal.uri"),
        ("lamp.yaml", line(LAMP, "lamp::bind"), 37, "ServiceNetMap.LampNetwork"),
    ]
    assert "(and at 1 more places)" in caught.value.problems[2].message
    assert "`parameters`" in caught.value.hint


def test_an_address_and_a_name_that_hiera_would_silently_leave_empty_are_asked_for() -> None:
    release = tripleo.read(
        [LAMP],
        parameters={
            "LampPassword": "x",
            "EndpointMap": {"LampInternal": {"uri": "u"}},
            "ServiceNetMap": {"LampNetwork": "inside"},
        },
    )
    with pytest.raises(ScenarioError) as caught:
        _ = release.hiera
    address, name = caught.value.problems
    assert (address.line, address.column) == (line(LAMP, "lamp::bind"), 13)
    assert "give it in `NetIpMap`" in address.message
    assert name.line == line(LAMP, "lamp::fqdn")
    assert "mentions the key fqdn_inside, which is in no Hiera file" in name.message


def test_a_jinja_template_has_to_be_rendered_first() -> None:
    with pytest.raises(ScenarioError, match=r"shade\.j2\.yaml:7:1: this is a Jinja template: render it first"):
        read(SERVICES / "shade.j2.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("outputs: {}\n", r"x\.yaml:1:1: heat_template_version: this is no HOT template"),
        ("heat_template_version: tomorrow\n", r"x\.yaml:1:24: heat_template_version: unknown version 'tomorrow'"),
        ("- a\n", r"x\.yaml:1:1: a mapping is wanted at the top"),
        ("a: [\n", r"x\.yaml:2:1: "),
        ("heat_template_version: ocata\nx: &x [*x]\n", r"x\.yaml:2:4: this node contains itself"),
    ],
)
def test_what_is_no_template_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=message):
        read(file)


def test_every_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        tripleo.read([tmp_path / "a.yaml", tmp_path / "b.yaml"], parameters={})
    assert [problem.message for problem in caught.value.problems] == ["there is no such file"] * 2


def test_a_template_without_role_data_or_tasks_says_so(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("heat_template_version: ocata\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"outputs\.role_data: the template has no such output"):
        _ = read(file).hiera
    file.write_text("heat_template_version: ocata\noutputs: {role_data: {value: {service_name: x}}}\n")
    release = read(file)
    with pytest.raises(ScenarioError, match="none of the services has upgrade tasks"):
        _ = release.playbook
    with pytest.raises(ScenarioError, match="none of the services has one for the host"):
        _ = release.manifest


def test_a_resource_with_a_property_that_its_template_lacks_is_refused(tmp_path: Path) -> None:
    shutil.copytree(TREE, tmp_path / "tree")
    lamp = tmp_path / "tree" / "services" / "lamp.yaml"
    lamp.write_text(lamp.read_text().replace("      ServiceNetMap: {get", "      Shape: 1\n      ServiceNetMap: {get"))
    with pytest.raises(ScenarioError, match=r"resources\.Base: \./lamp-base\.yaml has no parameter Shape"):
        _ = read(lamp).hiera


def test_an_imported_scenario_loads_and_shows_what_to_fill_in(tmp_path: Path) -> None:
    parameters: dict[str, JsonValue] = {"SkipUpgradeConfigTags": ["validation"]}
    written = write_scenario([LAMP], "lamp", tmp_path, parameters, [ENVIRONMENT])
    directory = tmp_path / "lamp"
    assert {str(path.relative_to(directory)) for path in written} >= {
        "scenario.yml",
        "upgrade.yml",
        "old/site.pp",
        "new/site.pp",
        "new/hiera/hiera.yaml",
        "new/hiera/service_configs.json",
    }
    scenario = load.load(directory).scenario
    assert scenario.upgrade.tags == ("common", "step{step}")
    assert scenario.upgrade.skip_tags == ("validation",)
    assert scenario.new.step_file == "/etc/puppet/hieradata/config_step.json"
    assert (directory / "scenario.yml").read_text().count("FILL IN") == 5
    (play,) = yaml.safe_load((directory / "upgrade.yml").read_text())
    assert play["tasks"] == tasks(read(LAMP))
    assert f"lamp.yaml:{line(LAMP, 'name: migrate')}" in (directory / "upgrade.yml").read_text()


def test_an_import_overwrites_nothing_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        write_scenario([LAMP], "lamp", tmp_path, {})
    assert len(caught.value.problems) == 3
    assert not (tmp_path / "lamp").exists()
    (tmp_path / "lamp").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        write_scenario([LAMP], "lamp", tmp_path, {}, [ENVIRONMENT])
    with pytest.raises(UsageError, match="cannot be a scenario's name"):
        write_scenario([LAMP], "../lamp", tmp_path, {}, [ENVIRONMENT])


def test_an_environment_file_is_read_and_a_foreign_key_refused(tmp_path: Path) -> None:
    file = tmp_path / "environment.yaml"
    file.write_text("parameter_default: {}\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="an environment file has no parameter_default"):
        tripleo.read([LAMP], parameters={}, environments=[file])
