"""Pages that are followed literally: their files are written and their commands run, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from tests import pages
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
