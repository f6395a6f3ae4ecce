"""A repository of somebody else, with nothing but the released package: its own playbook runs in a disposable host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import pages
from tests.conftest import PROJECT
from tests.host.lab import fingerprint, linked_cache
from tests.host.remains import assert_nothing_left
from validator.host import cgroup
from validator.host.cache import Cache

UV = Path(sys.executable).parent / "uv"
GIT = "/usr/bin/git"
CONSTRAINTS = ("--constraint", PROJECT / "constraints.txt")
LACKING = ("pydantic", "typer", "yaql", "jsonpatch")
PAGE = "how-to/use-molecule.md"
# What another program of the machine may write meanwhile: the cache of the dynamic linker is made anew beside itself.
MACHINES_OWN = {"/etc", "/etc/ld.so.cache"}
WHERE = """\

    - name: where that was
      ansible.builtin.shell: hostname > /srv/where; readlink /proc/self/ns/user >> /srv/where
      args: {creates: /srv/where}
"""
OTHER = """\
---
driver: {name: default}
platforms: [{name: elsewhere}]
prerun: false
"""


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A git repository, and an environment with the wheel in it."""

    root: Path
    bin: Path
    cache: Path

    def molecule(self, *arguments: str, code: int = 0, broken: bool = False) -> str:
        """What molecule says; where the validator is not `broken`, without a traceback."""
        env = {
            "PATH": f"{self.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.root),
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "VALIDATE_CACHE": str(self.cache),
        }
        done = subprocess.run(
            [self.bin / "molecule", *arguments], cwd=self.root, env=env, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert broken or "Traceback" not in said, said
        return said

    @property
    def file(self) -> Path:
        """Where the author's scenario is."""
        return self.root / "molecule/default"

    @property
    def kept(self) -> dict[str, dict[str, Any]]:
        """What the driver left between two commands, by name."""
        return {file.name: json.loads(file.read_text("utf-8")) for file in self.root.rglob("validator-*.json")}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment that has the wheel, as a user would install it."""
    place = tmp_path_factory.mktemp("released")
    uv("build", "--wheel", "--out-dir", place / "dist", PROJECT)
    (wheel,) = (place / "dist").glob("*.whl")
    uv("venv", "--python", sys.executable, place / "venv")
    # Compiled, as pip does it: each of molecule's many starts of Ansible takes half the time.
    uv("pip", "install", "--compile-bytecode", "--python", place / "venv/bin/python", *CONSTRAINTS, wheel)
    return place / "venv/bin"


def uv(*arguments: str | Path) -> None:
    subprocess.run([UV, *arguments, "--quiet"], check=True)


@pytest.fixture
def foreign(tmp_path: Path, environment: Path, everybodys: Cache) -> Foreign:
    root = tmp_path / "repository"
    pages.write(PAGE, root)
    git = (GIT, "-c", "user.name=a", "-c", "user.email=a@example.test")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
        subprocess.run([*git, *command], cwd=root, check=True)
    return Foreign(root=root, bin=environment, cache=linked_cache(tmp_path / "cache", everybodys))


def etc() -> dict[str, str]:
    """The machine's own /etc."""
    return {path: about for path, about in fingerprint(Path("/etc")).items() if path not in MACHINES_OWN}


def test_an_unchanged_playbook_runs_in_a_host_and_is_judged(foreign: Foreign) -> None:
    machine, groups = etc(), set(cgroup.leftovers())
    assert pages.scripts(PAGE)[0] == "molecule test\n"
    said = foreign.molecule("test")
    for step in ("create", "converge", "idempotence", "verify", "destroy"):
        assert f"default > {step}: Executed: Successful" in said
    assert etc() == machine
    (result,) = foreign.kept.values()
    assert (result["scenario"], result["verdict"]) == ("default", "converged")
    assert_nothing_left(foreign.cache, groups)


def test_a_playbook_that_does_too_little_is_told_so(foreign: Foreign) -> None:
    converge = foreign.file / "converge.yml"
    converge.write_text(converge.read_text(encoding="utf-8").replace("0640", "0600"), encoding="utf-8")
    said = foreign.molecule("test", code=2)
    assert "default: diverged" in said
    assert "converge.change: File[/etc/shop.conf]: mode is 0600, should be 0640" in said
    assert foreign.kept["validator-result.json"]["exit_code"] == 1


def test_the_host_stays_between_commands_and_ends_when_told(foreign: Foreign) -> None:
    groups = set(cgroup.leftovers())
    with (foreign.file / "converge.yml").open("a", encoding="utf-8") as converge:
        converge.write(WHERE)
    foreign.molecule("converge")
    assert not Path("/srv/where").exists()
    state = foreign.kept["validator-controller-0.json"]
    inside = Path(f"/proc/{state['init']}/root")
    where = (inside / "srv/where").read_text(encoding="utf-8").split()
    assert where == ["shop.example.test", str(Path(f"/proc/{state['init']}/ns/user").readlink())]
    assert "changed=0" in foreign.molecule("converge")
    env = {**os.environ, "VALIDATE_CACHE": str(foreign.cache)}
    listed = subprocess.run(
        [foreign.bin / "validate", "host", "list"], env=env, capture_output=True, text=True, check=True
    ).stdout
    assert listed.startswith("shop.example.test  0.0 h")
    foreign.molecule("destroy")
    assert not inside.exists()
    assert foreign.kept == {}
    assert_nothing_left(foreign.cache, groups)


def test_without_its_host_no_task_runs_anywhere(foreign: Foreign) -> None:
    """Above all not on the machine itself."""
    foreign.molecule("create")
    state = foreign.kept["validator-controller-0.json"]
    os.kill(state["keeper"], 9)
    said = foreign.molecule("converge", code=4)
    assert "the disposable host has ended" in said
    assert not Path("/etc/shop.conf").exists()
    foreign.molecule("destroy")


def test_a_scenario_that_is_upgraded_by_something_else_is_refused(foreign: Foreign) -> None:
    (foreign.file / "other.yml").write_bytes((foreign.file / "converge.yml").read_bytes())
    scenario = foreign.file / "scenario.yml"
    scenario.write_text(scenario.read_text(encoding="utf-8").replace("converge.yml", "other.yml"), encoding="utf-8")
    said = foreign.molecule("test", code=2)
    assert "is not upgraded by" in said
    assert foreign.kept == {}


def other(foreign: Foreign) -> Foreign:
    """A second repository in the same environment, which has nothing to do with the validator."""
    root = foreign.root.with_name("other")
    (root / "molecule/default").mkdir(parents=True)
    (root / "molecule/default/molecule.yml").write_text(OTHER, encoding="utf-8")
    plays = "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks: [{ansible.builtin.debug: {}}]\n"
    (root / "molecule/default/converge.yml").write_text(plays, encoding="utf-8")
    subprocess.run([GIT, "init", "-q"], cwd=root, check=True)
    return Foreign(root=root, bin=foreign.bin, cache=foreign.cache)


def test_other_drivers_work_whatever_this_package_lacks(foreign: Foreign) -> None:
    python = ("--python", foreign.bin / "python")
    neighbour = other(foreign)
    uv("pip", "uninstall", *python, *LACKING)
    try:
        said = neighbour.molecule("drivers")
        assert "default" in said
        assert "molecule_validator" in said
        assert "elsewhere" in neighbour.molecule("list")
        assert "default > converge: Executed: Successful" in neighbour.molecule("converge")
        assert "this is a defect of the validator, not a verdict" in foreign.molecule("create", code=2, broken=True)
    finally:
        uv("pip", "install", *python, *CONSTRAINTS, *LACKING)
