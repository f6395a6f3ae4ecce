"""Scenarios made of TripleO's service templates: rendered once, aside, into the files that any scenario has."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from validator import process, tripleo
from validator.errors import ScenarioError
from validator.inputs import StagedRelease, StagedTasks
from validator.record import Place
from validator.scenario.load import Loaded
from validator.scenario.model import NewRelease, Release, Upgrade
from validator.scenario.paths import written
from validator.tools import ansible

Staged = TypeVar("Staged", StagedRelease, StagedTasks)
FROM_TEMPLATES = "rendered from templates"


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A scenario without templates. `directory` holds what was rendered, `replaced` says which modules others stand
    in for."""

    loaded: Loaded
    directory: Path
    replaced: tuple[str, ...] = ()
    origins: tuple[tuple[int, Place], ...] = ()

    def shown(self, staged: Staged) -> Staged:
        """Inputs whose rendered files are called so: their directory is gone when somebody looks."""
        below = written(self.directory)
        return replace(
            staged, names=tuple((place, name.replace(below, FROM_TEMPLATES)) for place, name in staged.names)
        )


def rendered(loaded: Loaded, into: Path) -> Rendered:
    """Render what a scenario takes from templates into a new directory. Raises `ScenarioError` for all of them."""
    scenario = loaded.scenario
    into.mkdir()
    upgrade, made = _upgrade(scenario.upgrade, into / "upgrade")
    update = {
        "old": _release(scenario.old, into / "old"),
        "new": _release(scenario.new, into / "new"),
        "upgrade": upgrade,
    }
    return Rendered(
        loaded=replace(loaded, scenario=scenario.model_copy(update=update)),
        directory=into,
        replaced=made.replaced if made is not None else (),
        origins=_origins(upgrade, made.places) if made is not None else (),
    )


def _release(release: Release | NewRelease, into: Path) -> Release | NewRelease:
    if not release.tripleo:
        return release
    made = tripleo.read(
        release.tripleo, parameters=release.parameters, environments=release.environments, role=release.role
    )
    hiera = into / "hiera"
    hiera.mkdir(parents=True)
    for name, data in made.hiera.items():
        (hiera / name).parent.mkdir(parents=True, exist_ok=True)
        (hiera / name).write_text(json.dumps(data, indent=1), encoding="utf-8")
    (hiera / "hiera.yaml").write_text(made.hiera_config, encoding="utf-8")
    (into / "site.pp").write_text(made.manifest, encoding="utf-8")
    return release.model_copy(
        update={
            "manifest": into / "site.pp",
            "hiera": hiera / "hiera.yaml",
            "step_file": release.step_file or made.step_file,
        }
    )


def _upgrade(upgrade: Upgrade, into: Path) -> tuple[Upgrade, tripleo.Release | None]:
    if not upgrade.tripleo:
        return upgrade, None
    made = tripleo.read(
        upgrade.tripleo,
        parameters=upgrade.parameters,
        environments=upgrade.environments,
        modules=upgrade.modules,
        role=upgrade.role,
    )
    modules = _controllers(sorted({call.module for call in made.calls}), upgrade.collections)
    missing = tripleo.missing_modules(made.calls, modules.__contains__)
    if missing:
        raise ScenarioError(missing, hint="`upgrade.modules` names what stands in; the report then says so.")
    into.mkdir()
    (into / "upgrade.yml").write_text(tripleo.playbook(made.playbook, made.places), encoding="utf-8")
    return upgrade.model_copy(
        update={
            "playbook": into / "upgrade.yml",
            "tags": upgrade.tags or made.tags,
            "steps": upgrade.steps or made.steps,
            "skip_tags": upgrade.skip_tags or made.skip_tags,
        }
    ), made


def _origins(upgrade: Upgrade, places: Sequence[Place]) -> tuple[tuple[int, Place], ...]:
    """Where each task of the rendered playbook begins, and where it stands in a template: a comment says it there."""
    lines = upgrade.playbook.read_text(encoding="utf-8").splitlines() if upgrade.playbook else []
    waiting = list(places)
    found = []
    for number, line in enumerate(lines, 1):
        if waiting and line == f"    # {waiting[0]}":
            found.append((number, waiting.pop(0)))
    return tuple(found)


def _controllers(modules: Sequence[str], collections: Path | None) -> frozenset[str]:
    """Those of the modules that the controller has."""
    programs = Path(sys.executable).parent
    done = process.run(
        process.Command(
            argv=ansible.documentation(str(programs / "ansible-doc"), modules),
            label="ansible-doc",
            env=ansible.environment(
                path=f"{programs}:{process.SYSTEM_PATH}", collections=str(collections) if collections else None
            ),
        )
    )
    return ansible.documented(done.stdout.decode())
