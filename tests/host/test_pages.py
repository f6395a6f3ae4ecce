"""Pages that are followed literally: their files are written and their commands run, in order."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from tests import pages
from tests.conftest import PROJECT
from tests.host.lab import Lab

BIN = Path(sys.executable).parent


def follow(page: str, directory: Path, cache: Path) -> list[str]:
    """What each script of a page says; fails with the first that fails."""
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "VALIDATE_CACHE": str(cache)}
    said = []
    for script in pages.scripts(page):
        command = ["/bin/bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, script + done.stdout + done.stderr
        said.append(done.stdout)
    return said


def in_a_machine_of_its_own(script: str, directory: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run a script where /mnt, /var/cache and the network are its own, and 10.0.0.1 is itself.

    `cache` is what /var/cache/validate is there; what does not say that it uses that has an empty one.
    """
    own = f"""
        ip link set lo up
        ip address add 10.0.0.1/32 dev lo
        mount -t tmpfs tmpfs /mnt
        mount -t tmpfs tmpfs /var/cache
        mkdir /var/cache/validate
        mount --bind {shlex.quote(str(cache))} /var/cache/validate
        trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
    """
    argv = ["unshare", "--mount", "--net", "/bin/bash", "-euo", "pipefail", "-c", own + script]
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "VALIDATE_CACHE": "/mnt/cache"}
    return subprocess.run(argv, cwd=directory, env=env, capture_output=True, text=True, check=False)


def test_the_job_in_ci(lab: Lab) -> None:
    checkout = lab.root / "convergence-validator"
    subprocess.run(["/usr/bin/git", "clone", "--quiet", PROJECT, checkout], check=True)
    once, *jobs = pages.scripts("how-to/run-in-ci.md")
    # Packages come from the network, of which the checkout's own machine has none.
    setup = subprocess.run(["./setup.sh"], cwd=checkout, capture_output=True, text=True, check=False)
    assert setup.returncode == 0, setup.stderr
    said = "".join(f"( {job} )\n" for job in jobs)
    done = in_a_machine_of_its_own(once.replace("./setup.sh\n", "") + said, checkout, lab.cache)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((checkout / "results/plain-files.json").read_text(encoding="utf-8"))["verdict"] == "converged"
    assert "MATRIX: 1 of 1 cells as expected" in done.stdout
    assert (checkout / "results/index.html").exists()


def test_several_machines(lab: Lab) -> None:
    lab.scenario("scenarios/shop")
    (lab.root / "scenarios/matrix.yml").write_text("scenarios: [shop]\n", encoding="utf-8")
    *nodes, matrix = pages.scripts("how-to/run-on-several-machines.md")
    started = "".join(f"( {node} ) >{name}.log 2>&1 &\n" for name, node in zip(("one", "two"), nodes, strict=True))
    done = in_a_machine_of_its_own(started + matrix + "ls /mnt/shared/layers/states\n", lab.root, lab.cache)
    logs = "".join(path.read_text(encoding="utf-8") for path in lab.root.glob("*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    assert "MATRIX: 1 of 1 cells as expected" in done.stdout
    assert re.search(r"^old-[\w-]+\.json$", done.stdout, re.MULTILINE)


def test_the_release_gate(lab: Lab) -> None:
    lab.scenario("scenarios/shop")
    matrix = {"scenarios": ["shop"], "images": {"bookworm": {"suite": "bookworm"}}}
    (lab.root / "scenarios/matrix.yml").write_text(yaml.safe_dump(matrix), encoding="utf-8")
    page = "how-to/release-gate.md"
    pages.write(page, lab.root)
    said = follow(page, lab.root, lab.cache)
    headlines = [line for text in said for line in text.splitlines() if line.startswith("# ")]
    assert headlines == [
        "# GO: the shop, version 2",
        "# GO: the shop, version 2",
        "# HOLDS: shop-2.json says GO to the shop, version 2",
        "# GO: the shop, version 2",
        "# HOLDS: shop-2-signed.json says GO to the shop, version 2",
    ]
    assert re.search(r"^- signature: by team\S+example.test with ED25519 key SHA256:", said[-1], re.MULTILINE)
