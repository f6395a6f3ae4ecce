"""The author's files, copied aside when a run starts: what was checked is what is run, and nothing else.

A phase sees only what its digest covers, so a cached state cannot depend on a file that changed since.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from validator.errors import UsageError
from validator.places import Places
from validator.record import Place
from validator.redact import literals_in, values_in
from validator.scenario import text
from validator.scenario.model import Release, Upgrade
from validator.scenario.paths import written

INSIDE = "/run/validate"  # where inputs appear in a host and for Ansible's controller
PACKAGED_MODULES = "/usr/share/puppet/modules"
# The last ones are what editors leave beside a file that is being written.
LEFT_OUT_NAMES = (".git", "__pycache__", "*.pyc", ".venv", ".DS_Store", ".*.sw[a-p]", "*~", ".#*", "#*#")
LEFT_OUT = shutil.ignore_patterns(*LEFT_OUT_NAMES)
FIRST_DATA = ".validate-first.yaml"
USUAL_LEVELS = [{"name": "Common", "path": "common.yaml"}]  # Puppet's, where a hiera.yaml has none


@dataclass(frozen=True, kw_only=True)
class StagedRelease:
    """A release as the host will see it: `directory` on the machine is `place` below /run/validate."""

    directory: Path
    place: str
    manifest: str
    modulepath: tuple[str, ...]
    hiera: str | None
    digest: str
    names: tuple[tuple[str, str], ...]
    secrets: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class StagedTasks:
    """Upgrade tasks as Ansible's controller will see them. `variables` is a file beside them.

    `origins` are the places in templates that a rendered playbook comes from, each with the first of its lines.
    """

    directory: Path
    place: str
    playbook: str
    variables: str
    collections: str | None
    digest: str
    names: tuple[tuple[str, str], ...]
    secrets: frozenset[str]
    origins: tuple[tuple[int, Place], ...] = ()

    @property
    def places(self) -> Places:
        """Where the author finds what Ansible names."""
        return Places(pairs=self.names, origins={self.playbook: self.origins})


def stage_release(release: Release, into: Path, place: str) -> StagedRelease:
    """Copy what one release consists of. Raises `UsageError` for what cannot be read."""
    inside = f"{INSIDE}/{place}"
    into.mkdir()
    names: list[tuple[str, str]] = []
    manifest = f"{inside}/manifest/{release.site.name}"
    _copy(release.site, into / "manifest" / release.site.name)
    names.append((manifest, written(release.site)))
    modulepath = []
    for number, directory in enumerate(release.modules_path):
        _copy(directory, into / f"modules-{number}")
        modulepath.append(f"{inside}/modules-{number}")
        names.append((modulepath[-1], written(directory)))
    if release.modules is not None:
        # A directory of links: only the modules that are named bring their facts along.
        (into / "modules").mkdir()
        for name in release.modules:
            (into / "modules" / name).symlink_to(f"{PACKAGED_MODULES}/{name}")
        names.append((f"{inside}/modules", PACKAGED_MODULES))
        modulepath.append(f"{inside}/modules")
    elif modulepath:
        modulepath.append(PACKAGED_MODULES)
    hiera, secrets = None, frozenset(_literals_below(into / "manifest"))
    if release.hiera is not None:
        _copy(release.hiera.parent, into / "hiera")
        hiera = f"{inside}/hiera/{release.hiera.name}"
        names.append((f"{inside}/hiera", written(release.hiera.parent)))
    if release.hiera_data:
        config = into / "hiera" / (release.hiera.name if release.hiera is not None else "hiera.yaml")
        _put_first(release.hiera_data, config)
        hiera = f"{inside}/hiera/{config.name}"
    if hiera is not None:
        secrets |= frozenset(_secrets_below(into / "hiera"))
    return StagedRelease(
        directory=into,
        place=place,
        manifest=manifest,
        modulepath=tuple(modulepath),
        hiera=hiera,
        digest=digest_of(into),
        names=tuple(names),
        secrets=secrets | values_in(release.facts) | values_in(release.parameters),
    )


def stage_upgrade(upgrade: Upgrade, into: Path, place: str) -> StagedTasks:
    """Copy the upgrade tasks with all that lies beside them: roles, files, templates."""
    source = upgrade.playbook or upgrade.tasks
    if source is None:
        raise UsageError("the scenario has no upgrade tasks")
    staged = _stage_tasks(
        source, into, place, bare=upgrade.playbook is None, variables=upgrade.vars, collections=upgrade.collections
    )
    return replace(staged, secrets=staged.secrets | values_in(upgrade.parameters))


def stage_fault(tasks: Path, upgrade: Upgrade, into: Path, place: str) -> StagedTasks:
    """Copy a variant's fault: a bare list of tasks that may use the upgrade's variables and collections."""
    return _stage_tasks(tasks, into, place, bare=True, variables=upgrade.vars, collections=upgrade.collections)


def _stage_tasks(
    source: Path, into: Path, place: str, *, bare: bool, variables: dict[str, JsonValue], collections: Path | None
) -> StagedTasks:
    inside = f"{INSIDE}/{place}"
    into.mkdir()
    _copy(source.parent, into / "tasks")
    names = [(f"{inside}/tasks", written(source.parent))]
    playbook = source.name
    if bare:
        playbook = ".validate-tasks.yml"
        play = [
            {
                "name": "tasks",
                "hosts": "all",
                "gather_facts": False,
                "tasks": [{"ansible.builtin.import_tasks": source.name}],
            }
        ]
        (into / "tasks" / playbook).write_text(json.dumps(play), encoding="utf-8")
    (into / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
    if collections is not None:
        _copy(collections, into / "collections")
        names.append((f"{inside}/collections", written(collections)))
    return StagedTasks(
        directory=into,
        place=place,
        playbook=f"{inside}/tasks/{playbook}",
        variables=f"{inside}/variables.json",
        collections=f"{inside}/collections" if collections is not None else None,
        digest=digest_of(into),
        names=tuple(names),
        secrets=frozenset(values_in(variables) | set(_secrets_below(into / "tasks"))),
    )


def digest_of(directory: Path) -> str:
    """A digest over every name, mode and content below a directory."""
    total = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            what = f"link {os.readlink(path)}".encode()  # noqa: PTH115 - the text of the link, whether or not it leads anywhere
        elif path.is_file():
            what = f"file {path.stat().st_mode & 0o7777:o} ".encode() + hashlib.sha256(path.read_bytes()).digest()
        else:
            what = b"directory"
        total.update(f"{name}\0".encode() + what + b"\0")
    return total.hexdigest()


def _put_first(data: dict[str, JsonValue], config: Path) -> None:
    """Add a level with these data before all others of a `hiera.yaml`, which is made when it is missing."""
    config.parent.mkdir(exist_ok=True)
    known = text.read(config).data if config.is_file() else None
    levels = known if isinstance(known, dict) else {"version": 5, "hierarchy": []}
    others = levels.get("hierarchy", USUAL_LEVELS)
    first = {"name": "the scenario's hiera_data", "datadir": ".", "data_hash": "yaml_data", "path": FIRST_DATA}
    document = {**levels, "hierarchy": [first, *(others if isinstance(others, list) else ())]}
    config.write_text(json.dumps(document), encoding="utf-8")
    (config.parent / FIRST_DATA).write_text(json.dumps(data), encoding="utf-8")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=LEFT_OUT)
        else:
            shutil.copy(source, target)
    except (shutil.Error, OSError) as error:
        raise UsageError(f"{written(source)} cannot be copied: {error}") from error


def _literals_below(directory: Path) -> Iterator[str]:
    """Values that the manifests themselves assign to secret names."""
    for path in sorted(directory.rglob("*.pp")):
        yield from literals_in(path.read_text(encoding="utf-8", errors="replace"))


def _secrets_below(directory: Path) -> Iterator[str]:
    """Values under secret names in the YAML files below a directory; other files are left to redaction by name."""
    for path in sorted(path for ending in ("yaml", "yml", "json") for path in directory.rglob(f"*.{ending}")):
        try:
            yield from values_in(text.read(path).data)
        except Exception:  # noqa: S112 - any file may lie here; Puppet and Ansible read it, we only look for secrets
            continue
