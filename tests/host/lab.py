"""Small scenarios, and caches of their own, for tests that start hosts."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.conftest import PROJECT, Ran, Validate
from tests.host.remains import assert_nothing_left
from validator.host import cgroup
from validator.host.cache import Cache
from validator.host.image import ImageSpec

HOSTNAME = "shop.example.test"
IMAGE = {"suite": "bookworm", "packages": ["puppet-agent", "python3"]}  # the image of scenarios/plain-files
SPEC = ImageSpec(suite="bookworm", packages=("puppet-agent", "python3"), hostname=HOSTNAME, services=False)

OLD = "file { '/etc/shop.conf': content => \"version=1\\n\", mode => '0644' }\n"
NEW = "file { '/etc/shop.conf': content => \"version=2\\n\", mode => '0640' }\n"
TASKS = """\
- name: version 2
  ansible.builtin.copy:
    dest: /etc/shop.conf
    content: "version=2\\n"
    owner: root
    mode: "0640"
"""


def write_scenario(directory: Path, *, old: str = OLD, new: str = NEW, tasks: str = TASKS, **parts: object) -> Path:
    """A scenario on a plain host that converges as it is. `parts` are added to those of scenario.yml,

    `old_release` and `new_release` to `old` and `new`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    document: dict[str, object] = {
        "title": "a file moves to version 2",
        "image": IMAGE,
        "host": {"driver": "plain", "hostname": HOSTNAME},
        "old": {"manifest": "old.pp", "modules": []},
        "upgrade": {"tasks": "upgrade.yml"},
        "new": {"manifest": "new.pp", "modules": []},
    }
    for key, value in parts.items():
        name = key.removesuffix("_release")
        before = document.get(name)
        document[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    (directory / "scenario.yml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    (directory / "old.pp").write_text(old, encoding="utf-8")
    (directory / "new.pp").write_text(new, encoding="utf-8")
    (directory / "upgrade.yml").write_text(tasks, encoding="utf-8")
    return directory


def fingerprint(directory: Path) -> dict[str, str]:
    """Every path below a directory with all that can be said of it but when it was last read."""
    found = {}
    for path in sorted((directory, *directory.rglob("*"))):
        about = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        link = str(path.readlink()) if path.is_symlink() else ""
        found[str(path)] = f"{about.st_mode:o} {about.st_uid}:{about.st_gid} {about.st_mtime_ns} {content}{link}"
    return found


def linked_cache(root: Path, other: Cache) -> Path:
    """A cache directory whose images and packages are those of another one."""
    root.mkdir()
    for kind in ("images", "packages"):
        (root / kind).symlink_to(other.root / kind)
    for kind in ("states", "runs", "hosts"):
        (root / kind).mkdir()
    return root


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A cache of its own whose images are everybody's, and room for scenarios."""

    root: Path
    cache: Path
    validate: Validate

    def scenario(
        self, name: str = "shop", *, old: str = OLD, new: str = NEW, tasks: str = TASKS, **parts: object
    ) -> Path:
        """Write a scenario (see `write_scenario`)."""
        return write_scenario(self.root / name, old=old, new=new, tasks=tasks, **parts)

    def run(self, scenario: Path, *arguments: str | Path, **how: str) -> Ran:
        """Validate a scenario to its end; it must be untouched afterwards, and nothing may be left of the run."""
        before, groups = fingerprint(scenario), set(cgroup.leftovers())
        ran = self.validate("scenario", scenario, *arguments, env={"VALIDATE_CACHE": str(self.cache), **how})
        assert fingerprint(scenario) == before
        assert "Traceback" not in ran.err, ran.err
        assert_nothing_left(self.cache, groups)
        return ran

    def ran(self, *argv: str | Path, typed: str | None = None) -> Ran:
        """Run any command on this cache in the project's directory; nothing may be left of it."""
        groups = set(cgroup.leftovers())
        done = subprocess.run(
            [str(each) for each in argv],
            input=typed,
            capture_output=True,
            text=True,
            cwd=PROJECT,
            env={**os.environ, "VALIDATE_CACHE": str(self.cache)},
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert_nothing_left(self.cache, groups)
        return Ran(code=done.returncode, out=done.stdout, err=done.stderr)

    def json(self, scenario: Path, *arguments: str | Path) -> Ran:
        """The same with `--format json`."""
        return self.run(scenario, "--format", "json", *arguments)
