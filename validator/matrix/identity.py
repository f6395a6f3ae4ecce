"""What a cell consists of, by content: the same digest means the same run."""

from __future__ import annotations

import hashlib
import json
import platform
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache as once
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

import validator
from validator import plan
from validator.host.cache import Cache
from validator.matrix.cells import Cell
from validator.matrix.declared import Coordinates
from validator.scenario.model import Scenario

DISTRIBUTIONS = ("ansible-core", "ansible")


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a cell is made of, staged: `inputs` covers all that the author wrote, `plan` is the digest in its record.

    `terms` are those in its record, `title` is the scenario's.
    `images` and `states` are what it takes from the cache; `services` says that its host has a service manager.
    """

    inputs: str
    plan: str
    images: tuple[str, ...]
    states: tuple[str, ...]
    services: bool
    terms: str = ""
    title: str = ""


def of_all(cells: Iterable[Cell], cache: Cache, today: date) -> dict[str, Identity]:
    """The identities of cells, by name. Raises `ScenarioError` for what cannot be staged."""
    with cache.host_directory(f"matrix-{uuid.uuid4().hex[:8]}") as (staging, _):
        return {cell.name: of(cell, staging / str(number), today) for number, cell in enumerate(cells)}


def of(cell: Cell, staging: Path, today: date) -> Identity:
    """Stage a cell into a new directory and say what it is. `today` decides which waivers hold."""
    staging.mkdir()
    planned = plan.make(cell.loaded, staging)
    scenario = cell.loaded.scenario
    waivers = [waiver.expires >= today for waiver in scenario.waivers]
    places = (cell.loaded.waiver_places, cell.loaded.expect_places, cell.loaded.probe_places)
    lines = [[place.line for place in each] for each in places]
    images = tuple(dict.fromkeys((planned.image.name, *([planned.fresh_image.name] if planned.agreement else ()))))
    fault = planned.fault.digest if planned.fault is not None else ""
    said = dict(_without_paths(scenario))
    said["title"] = cell.loaded.title
    parts = [planned.digest, planned.fresh_image.name, fault, said, waivers, lines, cell.name]
    return Identity(
        inputs=hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest(),
        plan=planned.digest,
        images=images,
        states=(planned.old_state, *([planned.fresh_state] if planned.agreement else ())),
        services=_has_services(scenario),
        terms=planned.terms,
        title=cell.loaded.title,
    )


def is_changed(cell: Coordinates, now: Identity, then: tuple[Coordinates, Identity] | None) -> bool:
    """Whether a cell is another one than it was: other inputs, or another verdict expected of it."""
    return then is None or then[1].inputs != now.inputs or then[0].expect != cell.expect


def facts(identity: Identity, cache: Cache) -> Mapping[str, object] | None:
    """What besides the author's files decides how a run goes: this program, Ansible, the kernel, the images.

    None when an image has not been made: what will be made may have newer packages.
    """
    try:
        made = {name: cache.about("images", name).get("made") for name in identity.images}
    except (OSError, ValueError):
        return None
    return {**_of_this_machine(), "images": made}


def program() -> Mapping[str, object]:
    """What has to be the same on machines that run cells for each other."""
    return {name: _of_this_machine()[name] for name in ("validator", "code", *DISTRIBUTIONS)}


@once
def _of_this_machine() -> Mapping[str, object]:
    return {
        "validator": validator.__version__,
        "code": _code(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        **{name: _version(name) for name in DISTRIBUTIONS},
    }


def _code() -> str:
    """A digest of this program: one version has many states while it is worked on."""
    package = Path(validator.__file__).parent
    total = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        total.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def _has_services(scenario: Scenario) -> bool:
    return scenario.host.driver == "systemd"


def _without_paths(part: BaseModel) -> Iterator[tuple[str, object]]:
    """What a part of a scenario says. Of files only the names: what is in them is staged, and where they lie says
    nothing."""
    for name in type(part).model_fields:
        yield name, _plain(getattr(part, name))


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return dict(_without_paths(value))
    if isinstance(value, Path):
        return value.name
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return value
