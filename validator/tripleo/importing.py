"""A scenario directory made of TripleO's service templates, to be completed by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import JsonValue

from validator.errors import UsageError
from validator.record import Place
from validator.scenario.model import SCENARIO_FILE
from validator.scenario.paths import written
from validator.tripleo.release import HINT, Release, read
from validator.tripleo.values import Gathered

DEPLOY_STEPS = (1, 2, 3, 4, 5)  # deploy_steps_max of TripleO's deploy steps is 6, exclusive
_WIDE = 1 << 20  # no line of a task is folded

_SCENARIO = """\
# Made of TripleO's service templates:
{sources}
# FILL IN what no template says; each place is marked so.
title: {title}
image:
  suite: bookworm
  packages: [] # FILL IN: Puppet, the modules that new/site.pp includes, and what they manage
host:
  driver: systemd
services: [] # FILL IN: the units to report one by one
old:
  manifest: old/site.pp # FILL IN: the release the hosts run now
upgrade:
  playbook: upgrade.yml
  tags: {tags}
  skip_tags: {skip_tags}
  steps: {steps}
new:
  manifest: new/site.pp
  hiera: new/hiera/hiera.yaml
  step_file: {step_file}
  steps: {deploy_steps}
probes: [] # FILL IN: what must hold afterwards and neither tool says
"""
_OLD = """\
# FILL IN: the manifest that brings a host to the old release, with the Hiera data it needs (`old.hiera`).
"""


def write_scenario(
    files: Sequence[Path],
    name: str,
    into: Path,
    parameters: Mapping[str, JsonValue],
    environments: Sequence[Path] = (),
) -> tuple[Path, ...]:
    """Write the scenario `name` below a directory, and say which files were written.

    Raises `ScenarioError` with everything that could not be found out, `UsageError` when there is something already;
    then nothing is written.
    """
    directory = into / name
    if not name or Path(name).name != name:
        raise UsageError(f"{name!r} cannot be a scenario's name: it names a directory")
    if directory.exists():
        raise UsageError(f"{directory} is there already", hint="Choose another --name; nothing is overwritten.")
    contents = _contents(read(files, parameters=parameters, environments=environments), name, files)
    for path, text in contents.items():
        target = directory / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    return tuple(directory / path for path in contents)


def _contents(release: Release, name: str, files: Sequence[Path]) -> dict[str, str]:
    """The files of the scenario. What is not known in any of them is told at once."""
    found = Gathered()
    contents: dict[str, str] = {}

    def upgrade() -> None:
        contents["upgrade.yml"] = playbook(release.playbook, release.places)
        contents[SCENARIO_FILE] = _scenario(release, name, files)

    def hiera() -> None:
        contents["new/hiera/hiera.yaml"] = release.hiera_config
        for file, data in release.hiera.items():
            contents[f"new/hiera/{file}"] = json.dumps(data, indent=2, sort_keys=True) + "\n"

    def manifest() -> None:
        contents["new/site.pp"] = release.manifest

    for part in (upgrade, hiera, manifest):
        found.attempt(part)
    found.settle(hint=HINT)
    contents["old/site.pp"] = _OLD
    return contents


def _scenario(release: Release, name: str, files: Sequence[Path]) -> str:
    return _SCENARIO.format(
        sources="\n".join(f"#   {written(file)}" for file in files),
        title=json.dumps(f"{name}: {', '.join(file.stem for file in files)}"),
        tags=json.dumps(release.tags),
        skip_tags=json.dumps(release.skip_tags),
        steps=json.dumps(release.steps),
        step_file=release.step_file,
        deploy_steps=json.dumps(DEPLOY_STEPS),
    )


def playbook(plays: Sequence[JsonValue], places: Sequence[Place]) -> str:
    """The play as YAML, each task under the place in a template that it comes from."""
    lines: list[str] = []
    for play in plays:
        given = play if isinstance(play, dict) else {}
        tasks = given.get("tasks")
        head = {key: value for key, value in given.items() if key != "tasks"}
        lines += [*_dumped([head]), "  tasks:"]
        for task, place in zip(tasks if isinstance(tasks, list) else [], places, strict=True):
            lines += [f"    # {place}", *(f"    {line}" if line else "" for line in _dumped([task]))]
    return "\n".join(lines) + "\n"


def _dumped(value: JsonValue) -> list[str]:
    text: str = yaml.safe_dump(value, sort_keys=False, width=_WIDE, allow_unicode=True)
    return text.rstrip("\n").split("\n")
