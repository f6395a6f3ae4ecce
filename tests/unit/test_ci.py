"""What is written for CI engines is what these accept, by their own schemas; the files in docs/ci too."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import PROJECT, Validate
from tests.unit.matrices import write_matrix
from validator.matrix.jobs import LIMITS, Job, jobs, whole
from validator.render.matrix.ci import ENGINES, github, gitlab, plain, zuul

CHECK = Path(sys.executable).parent / "check-jsonschema"
CI = PROJECT / "docs" / "ci"
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
ODD = Job(name="it's a@x+y", arguments=("it's a@x+y",))
WHOLE = whole(always=["--root=it's"], selecting=["*@x+y"])
MANY = jobs([f"s{number}@i+v" for number in range(500)], LIMITS["gitlab"], always=[], selecting=[])


def is_accepted(engine: str, file: Path) -> bool:
    """Whether a file is what the engine's own schema says."""
    transform = ["--data-transform", "gitlab-ci"] if engine == "gitlab" else []
    done = subprocess.run(
        [CHECK, "--builtin-schema", SCHEMAS[engine], *transform, file], capture_output=True, check=False
    )
    return done.returncode == 0


def zuul_accepts(text: str) -> bool:
    """Whether Zuul takes it, by what its parser was recorded to accept."""
    schema = json.loads((PROJECT / "tests/fixtures/zuul/schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    ("engine", "name"), [("github", "github-workflow.yml"), ("gitlab", "gitlab-ci.yml"), ("gitlab", "gitlab-cell.yml")]
)
def test_the_ready_files_are_what_the_engine_reads(engine: str, name: str, tmp_path: Path) -> None:
    # What a hidden job says is looked at only when it is none.
    text = (CI / name).read_text(encoding="utf-8").replace("\n.", "\n")
    right, wrong = tmp_path / f"right-{name}", tmp_path / f"wrong-{name}"
    right.write_text(text, encoding="utf-8")
    assert is_accepted(engine, CI / name)
    assert is_accepted(engine, right)
    wrong.write_text(text.replace("runs-on", "run-on").replace("script:", "scripts:"), encoding="utf-8")
    assert not is_accepted(engine, wrong), "a misspelt key is found"


def test_the_ready_file_for_zuul_is_what_it_reads() -> None:
    text = (CI / "zuul.yaml").read_text(encoding="utf-8")
    assert zuul_accepts(text)
    assert not zuul_accepts(text.replace("post-run:", "pst-run:"))
    for play in ("run", "post"):
        assert (PROJECT / yaml.safe_load(text)[0]["job"]["run"]).parent.joinpath(f"{play}.yaml").is_file()


@pytest.mark.parametrize("made", [(), MANY[:3], MANY, (ODD,)], ids=["none", "three", "most", "odd"])
def test_gitlabs_child_pipeline(made: tuple[Job, ...], tmp_path: Path) -> None:
    file = tmp_path / "cells.yml"
    file.write_text(gitlab(made, WHOLE), encoding="utf-8")
    assert is_accepted("gitlab", file)
    last = yaml.safe_load(file.read_text(encoding="utf-8")).get("every cell")
    assert last == ({"extends": ".every-cell", "variables": {"ARGUMENTS": WHOLE.line}} if made else None)


def test_gitlab_refuses_more_jobs_than_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "cells.yml"
    file.write_text(gitlab((*MANY, ODD), WHOLE), encoding="utf-8")
    assert len(MANY) == LIMITS["gitlab"]
    assert not is_accepted("gitlab", file)


def test_githubs_matrix_is_one_line_that_the_workflow_reads(tmp_path: Path) -> None:
    line = github((*MANY[:2], ODD), WHOLE)
    assert line.count("\n") == 1
    matrix = json.loads(line)
    assert [entry["name"] for entry in matrix["include"]] == [MANY[0].name, MANY[1].name, ODD.name]
    workflow = yaml.safe_load((CI / "github-workflow.yml").read_text(encoding="utf-8"))
    workflow["jobs"]["validate"]["strategy"]["matrix"] = matrix
    file = tmp_path / "workflow.yml"
    # YAML 1.1 takes `on` for a truth value.
    workflow["on"] = workflow.pop(True)
    file.write_text(json.dumps(workflow), encoding="utf-8")
    assert is_accepted("github", file)
    assert github((), WHOLE) == '{"include":[]}\n'
    assert f"!= '{github((), WHOLE).strip()}'" in workflow["jobs"]["validate"]["if"]


def test_zuuls_jobs_have_names_of_their_own() -> None:
    text = zuul((Job(name="a/b@i+v", arguments=("1",)), Job(name="a_b@i+v", arguments=("2",)), *MANY, ODD), WHOLE)
    assert zuul_accepts(text)
    items: list[dict[str, Any]] = yaml.safe_load(text)
    names = [item["job"]["name"] for item in items if "job" in item]
    assert len(set(names)) == len(names) == len(MANY) + 3
    assert items[-1]["project"]["check"]["jobs"] == names
    assert zuul_accepts(zuul((), WHOLE))


def test_arguments_come_through_a_shell_as_they_are() -> None:
    line = plain((ODD,), WHOLE).strip()
    done = subprocess.run(
        ["/bin/sh", "-c", 'eval "set -- $ARGUMENTS"; printf "%s\\n" "$@"'],
        env={"ARGUMENTS": line},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{ODD.arguments[0]}\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_command_prints_the_jobs_and_needs_no_cache(engine: str, validate: Validate, tmp_path: Path) -> None:
    file = write_matrix(tmp_path, "scenarios: ['*']\nvariants: {a: {}, b: {}}\n", "one", "two")
    env = {"VALIDATE_CACHE": "/dev/null"}
    ran = validate("matrix", "--matrix", file, "--emit", engine, env=env)
    assert (ran.code, ran.err) == (0, "")
    for name in ("one@own+a", "one@own+b", "two@own+a", "two@own+b"):
        assert name in ran.out
    ran = validate("matrix", "--matrix", file, "--emit", engine, "--at-most", "2", "one", "two@own+b", env=env)
    assert "--shard 1/2" in ran.out
    assert "two@own+b" in ran.out, "a shard is dealt from the same cells"


def test_what_puts_gitlabs_results_together_takes_its_arguments(validate: Validate, tmp_path: Path) -> None:
    file = write_matrix(tmp_path, "scenarios: ['*']\n", "one", "two")
    timings = tmp_path / "timings.json"
    timings.write_text(json.dumps({"schema": "convergence-validator/timings/1", "seconds": {}}), encoding="utf-8")
    asked = ("--matrix", file, "--timings", timings, "--at-most", "2", "one", "two@own+default")
    document = yaml.safe_load(validate("matrix", "--emit", "gitlab", *asked).out)
    arguments = shlex.split(document["every cell"]["variables"]["ARGUMENTS"])
    ran = validate("matrix", "--combine", tmp_path / "none" / "*.json", *arguments)
    assert "there is no file that --combine names" in ran.err, "it is only the results that it lacks"


def test_jobs_made_of_shards_run_every_cell_once(validate: Validate, tmp_path: Path) -> None:
    file = write_matrix(tmp_path, "scenarios: ['*']\nvariants: {a: {}, b: {}, c: {}}\n", "one", "two", "three")
    ran = validate("matrix", "--matrix", file, "--emit", "plain", "--at-most", "4")
    lines = ran.out.splitlines()
    assert len(lines) == 4
    found = [name for line in lines for name in validate("matrix", *line.split(" "), "--list").out.splitlines()]
    assert sorted(found) == sorted(validate("matrix", "--matrix", file, "--list").out.splitlines())
    assert len(found) == 9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--emit", "jenkins"), "there is no engine 'jenkins'"),
        (("--emit", "github", "--at-most", "999"), "github makes 256 jobs of a matrix at most"),
        (("--emit", "github", "--shard", "1/2"), "--emit makes the shards itself"),
        (("--image", "trixie"), "--image goes with --scenario"),
        (("--scenario", "one", "--list", "nope"), "no cell matches 'nope'"),
        (("--shard", "3/2"), "'3/2' is no shard"),
        (("--format", "sarif"), "there is no format 'sarif'"),
        (("--report-format", "pdf"), "there is no format 'pdf'"),
        (("--timings", "gone.json"), "gone.json cannot be read"),
    ],
)
def test_wrong_usage_is_told_before_anything_runs(
    arguments: tuple[str, ...], said: str, validate: Validate, tmp_path: Path
) -> None:
    write_matrix(tmp_path, "scenarios: ['*']\n", "one")
    ran = validate("matrix", "--root", tmp_path, *arguments, env={"VALIDATE_CACHE": "/dev/null"})
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
