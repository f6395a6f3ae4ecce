"""The thin wrappers, run: the action's script as a job runs it, and the hooks in somebody's repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import COMMAND, PROJECT
from tests.host.lab import NEW, TASKS, Lab, write_scenario

GIT = "/usr/bin/git"
PRE_COMMIT = Path(sys.executable).parent / "pre-commit"


class Job:
    """A job of GitHub Actions, as far as the script sees it."""

    def __init__(self, lab: Lab) -> None:
        self.root, self.lab = lab.root, lab
        self.summary, self.outputs = lab.root / "summary", lab.root / "outputs"

    def run(self, scenario: str) -> tuple[int, str]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": "/root",
            "SCENARIO": scenario,
            "ROOT": ".",
            "RESULTS": "out/results",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GITHUB_OUTPUT": str(self.outputs),
            "VALIDATE_CACHE": str(self.lab.cache),
            "VALIDATE": str(COMMAND),
        }
        script = PROJECT / "action/run.sh"
        done = subprocess.run([script], cwd=self.root, env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


def test_a_green_job(lab: Lab) -> None:
    lab.scenario()
    job = Job(lab)
    code, _ = job.run("shop")
    assert code == 0
    assert job.summary.read_text(encoding="utf-8").startswith("## :white_check_mark: shop: converged\n")
    assert job.outputs.read_text(encoding="utf-8") == "verdict=converged\nresult=out/results/shop.json\n"
    assert (lab.root / "out/results/shop.record.json").exists()


def test_a_red_job(lab: Lab) -> None:
    lab.scenario(tasks=TASKS.replace("0640", "0600"))
    job = Job(lab)
    code, out = job.run("shop")
    assert code == 1
    assert "::error " in out
    assert "shop: diverged" in job.summary.read_text(encoding="utf-8")
    assert job.outputs.read_text(encoding="utf-8").startswith("verdict=diverged\n")


def test_a_job_without_a_verdict_leaves_no_result_of_an_earlier_one(lab: Lab) -> None:
    scenario = lab.scenario()
    (lab.root / "out/results").mkdir(parents=True)
    (lab.root / "out/results/shop.json").write_text("{}", encoding="utf-8")
    (scenario / "new.pp").unlink()
    job = Job(lab)
    assert job.run("shop")[0] == 2
    assert not (lab.root / "out/results/shop.json").exists()
    assert not job.outputs.exists()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    write_scenario(root / "scenarios/shop", new=NEW)
    subprocess.run([GIT, "init", "-q"], cwd=root, check=True)
    subprocess.run([GIT, "add", "-A"], cwd=root, check=True)
    return root


def test_the_hook_in_a_repository(repository: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "PIP_CONSTRAINT": str(PROJECT / "constraints.txt")}
    head = subprocess.run([GIT, "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=True)
    hooks = [{"id": "validate-scenarios"}]
    repos = [{"repo": str(PROJECT), "rev": head.stdout.strip(), "hooks": hooks}]
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": repos}), encoding="utf-8")

    def ran() -> tuple[int, str]:
        command: list[str | Path] = [PRE_COMMIT, "run", "--all-files", "--color", "never"]
        done = subprocess.run(command, cwd=repository, env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    code, said = ran()
    assert code == 0, said
    assert "Passed" in said
    (repository / "scenarios/shop/old.pp").unlink()
    code, said = ran()
    assert code == 1
    assert "scenarios/shop/scenario.yml:" in said
    assert "there is no file or directory" in said
