"""What the catalogs say of paths: which resource answers for one, and whether a change of it matters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from pydantic import JsonValue

from validator.record import Catalog, CatalogResource, Phase, Run

ALWAYS = ("/etc", "/usr", "/opt", "/srv", "/boot", "/root", "/home", "/bin", "/sbin", "/lib", "/var/www", "/var/lib")
PATH_PARAMETERS = ("path", "target", "file", "name")
# Parameters that hold a command line, of whatever type.
COMMANDS = frozenset(
    ("command", "unless", "onlyif", "creates", "refresh", "start", "stop", "restart", "status", "validate_cmd")
)
# What enabling or disabling a unit writes, with systemd and in the style of System V.
UNIT_LINK = re.compile(
    r"/(?:systemd/.*\.(?:wants|requires)/(?P<unit>[^/]+)\.service|rc[0-6S]\.d/[SK][0-9]{2}(?P<sysv>[^/]+))\Z"
)


@dataclass(frozen=True)
class Known:
    """What catalogs say of paths."""

    catalogs: tuple[Catalog, ...]

    def owner(self, path: str) -> CatalogResource | None:
        """The resource that manages a path: by name, or as a directory that is managed with all that is in it."""
        if path in self._named:
            return self._named[path]
        return next((self._trees[each] for each in above(path) if each in self._trees), None)

    def looks_managed(self, path: str) -> bool:
        """Whether a change of a path matters to the release, as far as its place and the catalogs tell."""
        return (
            path.startswith(tuple(f"{top}/" for top in ALWAYS))
            or self.owner(path) is not None
            or any(each in self._files for each in above(path))
            or bool(self.naming(path))
        )

    def is_managed(self, path: str) -> bool:
        """Whether some resource answers for a path. By a type's name where its parameters do not name files."""
        return (
            self.owner(path) is not None
            or path.startswith(self._configured)
            or ((link := UNIT_LINK.search(path)) is not None and (link["unit"] or link["sysv"]) in self._units)
        )

    def naming(self, path: str) -> tuple[tuple[CatalogResource, str], ...]:
        """Resources with a command that names the path, and the parameter. Execs before what wraps them."""
        pattern = re.compile(rf"(?<![\w./-]){re.escape(path)}(?![\w.-]|/[\w.])")
        found = [
            (resource, name)
            for resource, name, text in self._commands
            if path in text and pattern.search(text) is not None
        ]
        execs = [each for each in found if each[0].ref.startswith("Exec[")]
        first: dict[str, tuple[CatalogResource, str]] = {}
        for resource, name in execs or found:
            first.setdefault(resource.ref, (resource, name))
        return tuple(first.values())

    @cached_property
    def _resources(self) -> tuple[CatalogResource, ...]:
        every = {resource.ref: resource for catalog in self.catalogs for resource in catalog.resources}
        # Types last, so that they win over the defines that wrap them.
        return tuple(sorted(every.values(), key=lambda resource: "::" not in resource.ref.partition("[")[0]))

    @cached_property
    def _named(self) -> dict[str, CatalogResource]:
        return {path: resource for resource in self._resources for path in paths_of(resource.ref, resource.parameters)}

    @cached_property
    def _files(self) -> frozenset[str]:
        return frozenset(path for path, resource in self._named.items() if resource.ref.startswith("File["))

    @cached_property
    def _trees(self) -> dict[str, CatalogResource]:
        return {path: resource for path, resource in self._named.items() if goes_deep(resource)}

    @cached_property
    def _configured(self) -> tuple[str, ...]:
        kinds = {resource.ref.partition("[")[0] for resource in self._resources}
        return tuple(
            sorted(f"/etc/{kind.lower().removesuffix('_config')}/" for kind in kinds if kind.endswith("_config"))
        )

    @cached_property
    def _units(self) -> frozenset[str]:
        """Services whose links Puppet sets because it enables or disables them."""
        return frozenset(
            str(resource.parameters.get("name", title_of(resource.ref))).removesuffix(".service")
            for resource in self._resources
            if resource.ref.startswith("Service[") and "enable" in resource.parameters
        )

    @cached_property
    def _commands(self) -> tuple[tuple[CatalogResource, str, str], ...]:
        return tuple(
            (resource, name, text)
            for resource in self._resources
            for name, value in resource.parameters.items()
            if name in COMMANDS
            for text in _texts(value)
        )


def catalogs(run: Run) -> tuple[Catalog, ...]:
    """The catalogs of the release that the host is brought to; of the old one where that is all there is."""
    for name in ("converge", "again", "fresh", "old"):
        found = of_phase(run.phase(name))
        if found:
            return found
    return ()


def of_phase(phase: Phase | None) -> tuple[Catalog, ...]:
    """The catalogs that a phase applied."""
    return tuple(apply.catalog for apply in (phase.puppet if phase else ()) if apply.catalog is not None)


def title_of(ref: str) -> str:
    """The title in `Type[title]`."""
    return ref.partition("[")[2][:-1]


def paths_of(ref: str, parameters: dict[str, JsonValue]) -> frozenset[str]:
    """The paths that a resource is about, as its parameters and its title name them.

    Not those of an exec (its `path` is where programs are searched) or a class; the target of a link is not the link.
    """
    kind = ref.partition("[")[0]
    if kind in {"Class", "Exec"}:
        return frozenset()
    values = [parameters.get(name) for name in PATH_PARAMETERS if (kind, name) != ("File", "target")]
    return frozenset(
        value.rstrip("/") or "/"
        for value in (*values, title_of(ref))
        if isinstance(value, str) and value.startswith("/")
    )


def above(path: str) -> Iterator[str]:
    """The directories above a path, the nearest first, without the root."""
    return (str(each) for each in PurePosixPath(path).parents if str(each) != "/")


def goes_deep(resource: CatalogResource) -> bool:
    """Whether a directory is managed with what is in it."""
    given = (resource.parameters.get(name) for name in ("recurse", "purge"))
    return any(value is True or value in {"true", "remote", "inf"} for value in given if isinstance(value, bool | str))


def _texts(value: JsonValue) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return tuple(text for item in value for text in _texts(item)) if isinstance(value, list) else ()
