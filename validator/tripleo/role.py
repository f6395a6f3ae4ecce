"""A role: what its services say, put together as TripleO does it.

Sources: puppet/services/services.yaml (ocata), common/services/role.role.j2.yaml (rocky) and overcloud.j2.yaml of
tripleo-heat-templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from validator.errors import ScenarioError
from validator.tripleo import environment, services
from validator.tripleo.functions import unique
from validator.tripleo.heat import Ledger, content
from validator.tripleo.services import Service
from validator.tripleo.values import (
    Gathered,
    Reason,
    Spot,
    TouchedError,
    UnfitError,
    Unresolved,
    Value,
    because,
    mapping,
    together,
    unknown_in,
    whole,
)

# Keys that say that a service runs in containers: its step_config is not for the host's own Puppet run.
CONTAINERS = ("docker_config", "container_config")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task of a service's, and where it stands in a template."""

    value: Value
    spot: Spot


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role and its services."""

    name: str
    services: Sequence[Service]
    ledger: Ledger

    @property
    def parameters(self) -> Mapping[str, Value]:
        """Values that were given: by the caller, by environments."""
        return self.ledger.environment.values

    def service_names(self) -> list[Value]:
        """The names of the services that have one."""
        return [service.name for service in self.services if service.name is not None]

    def tasks(self, key: str) -> list[Task]:
        """The tasks that the services have under a key, in the order of the services, identical ones once."""
        found: dict[str, Task] = {}
        for service in self.services:
            for item in _flat(service.role_data.get(key)):
                spot = self.ledger.spot(item) or service.spot
                fits = isinstance(item, dict | Unresolved)
                value = item if fits else because(spot, key, f"a task is a map, not {item!r}"[:200], Reason.ARGUMENTS)
                found.setdefault(content(item), Task(value=value, spot=spot))
        return list(found.values())

    def step_config(self) -> list[Value]:
        """The manifests of the services that do not run in containers."""
        found: list[Value] = []
        for service in self.services:
            data = service.role_data
            if not any(data.get(key) for key in CONTAINERS if not isinstance(data.get(key), Unresolved)):
                value = data.get("step_config")
                if isinstance(value, Unresolved) or value:
                    found.append(value)
        return found

    def in_containers(self) -> list[Value]:
        """The services that do run in containers: their manifests are left out."""
        return [each.name for each in self.services if any(key in each.role_data for key in CONTAINERS)]

    def hiera(self) -> Value:
        """Hiera data: each service's own, what is for all, and what services say for services of this role."""
        own = self._merged("config_settings")
        everywhere = self._merged("global_config_settings")
        wanted = self._for_services()
        unknown = [each for each in (own, everywhere, wanted) if isinstance(each, Unresolved)]
        if unknown:
            return together(unknown)
        return {**mapping(own), **mapping(everywhere), **mapping(wanted)}

    def _merged(self, key: str) -> Value:
        """The maps that the services have under a key, as one; the later service counts."""
        return self._gathered(key, lambda merged, more: merged.update(more))

    def _for_services(self) -> Value:
        """`service_config_settings` of all, deeply merged; then those for services that the role has."""
        everyone = self._gathered("service_config_settings", _merge_deeply)
        names = self.service_names()
        if isinstance(everyone, Unresolved):
            return everyone
        unknown = [name for name in names if isinstance(name, Unresolved)]
        if unknown:
            return together(unknown)
        merged: dict[str, Value] = {}
        missing: list[Unresolved] = []
        for service, settings in mapping(everyone).items():
            if service in names:
                if isinstance(settings, Unresolved):
                    missing.append(settings)
                else:
                    _merge_deeply(merged, mapping(settings))
        return together(missing) if missing else merged

    def _gathered(self, key: str, add: Callable[[dict[str, Value], Mapping[str, Value]], None]) -> Value:
        merged: dict[str, Value] = {}
        missing: list[Unresolved] = []
        for service in self.services:
            try:
                add(merged, mapping(service.role_data.get(key)))
            except TouchedError as error:
                missing.append(error.unresolved)
            except UnfitError as error:
                missing.append(because(service.spot, key, str(error), Reason.ARGUMENTS))
        return together(missing) if missing else merged


def _flat(value: Value) -> Iterator[Value]:
    """The items of a list of lists, at any depth; nothing for null."""
    if isinstance(value, list):
        for each in value:
            yield from _flat(each)
    elif value is not None:
        yield value


def _merge_deeply(into: dict[str, Value], more: Mapping[str, Value]) -> None:
    """YAQL's mergeWith: maps are merged, lists joined with each item once, of the rest the later counts."""
    for key, value in more.items():
        here = into.get(key)
        if isinstance(here, dict) and isinstance(value, dict):
            inner = dict(here)
            _merge_deeply(inner, value)
            into[key] = inner
        elif isinstance(here, list) and isinstance(value, list):
            into[key] = _joined(here, value)
        else:
            into[key] = value


def _joined(first: list[Value], second: list[Value]) -> Value:
    unknown = list(unknown_in([*first, *second]))
    return together(unknown) if unknown else unique([*first, *second])


def read(files: Sequence[Path], *, parameters: Mapping[str, Value], environments: Sequence[Path], name: str) -> Role:
    """The role that has the services of some templates. Raises `ScenarioError` with every file that cannot be read."""
    found = Gathered()
    registries = tuple(dict.fromkeys(path for file in files for path in environment.around(file)))
    given = environment.Environment(values=parameters)
    surroundings = environment.Environment()

    def surround() -> None:
        nonlocal surroundings
        surroundings = given.over(environment.read((*registries, *environments)))

    found.attempt(surround)
    ledger = Ledger(environment=surroundings)
    read_services: list[Service] = []
    for file in files:
        _read_one(file, ledger, name, read_services, found)
    found.settle()
    return Role(name=name, services=tuple(read_services), ledger=ledger)


def _read_one(file: Path, ledger: Ledger, name: str, into: list[Service], found: Gathered) -> None:
    try:
        into.append(services.read(file, ledger, name))
    except UnfitError as error:
        found.add(whole(file).problem("outputs.role_data", str(error)))
    except ScenarioError as error:
        for problem in error.problems:
            found.add(problem)
