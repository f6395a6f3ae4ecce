"""Whose a change of the converging Puppet run is: a clash with an upgrade task, or work that every task missed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from pydantic import JsonValue

from validator.checks import managed
from validator.checks.blame import Blame
from validator.checks.delivered import unit_of
from validator.checks.disk import writer
from validator.checks.managed import text
from validator.checks.ondisk import Disk
from validator.checks.restarts import names_of, service_name
from validator.checks.settings_puppet import file_of
from validator.findings import Left, Whose
from validator.record import Catalog, CatalogResource, Resource, Run, UnitState

Blamed = tuple[Left | None, Left | None]  # who touched it last, and whose work that undid
Values = dict[str, JsonValue]


@dataclass(frozen=True)
class Claims:
    """What the upgrade's tasks did, to be held against the resources of a catalog."""

    run: Run

    def whose(self, catalog: Catalog | None, resource: Resource, left: Left | None) -> Whose:
        """`clash` when a task wrote what the resource manages, or names it; `missed` when none did.

        A task that names the file of an option says nothing of the option: there only what was written counts.
        """
        declared = _declared(catalog, resource)
        if left is not None and (not _is_option(resource, declared) or left.did.startswith(("set it", "took it out"))):
            return "clash"
        return "clash" if self._writes(catalog, declared) or self._unit_differs(declared) else "missed"

    def blame(self, catalog: Catalog | None, resource: Resource) -> Blamed:
        """The task that touched last what a resource manages, and the one whose work it undid."""
        declared = _declared(catalog, resource)
        if declared is None:
            # What is purged is in no catalog.
            written = writer(self.run, resource.title) if resource.kind == "File" else None
            if written is not None:
                return self._blame.of_path(resource.title, written), None
            return self._blame.named(catalog, resource), None
        wanted = {event.property: event.desired for event in resource.events if event.property is not None}
        found = self._by_writes(catalog, declared, resource, wanted)
        return found if found[0] is not None else self._by_kind(catalog, declared, resource, wanted)

    def _by_writes(
        self, catalog: Catalog | None, declared: CatalogResource, resource: Resource, wanted: Values
    ) -> Blamed:
        option = managed.option_of(resource.kind, resource.title, declared.parameters)
        for write in sorted(self._writes(catalog, declared), key=lambda write: write.at, reverse=True):
            of_package = write.package and self._disk.package_writer(write.package)
            if of_package:
                return of_package, None
            if (left := self._disk.writer(write.trace, write.at)) is not None:
                undone = self._blame.path_undone(write.path, left, wanted, option)
                return self._blame.of_path(write.path, left), undone
        return None, None

    def _by_kind(
        self, catalog: Catalog | None, declared: CatalogResource, resource: Resource, wanted: Values
    ) -> Blamed:
        if resource.kind == "Exec":
            return self._blame.of_command(declared), None
        if resource.kind == "Service" and (left := self._blame.unit(unit_of(declared))) is not None:
            undone = self._blame.unit_undone(unit_of(declared), runs=_runs(wanted), enabled=_enabled(wanted))
            return left, undone
        option = managed.option_of(resource.kind, resource.title, declared.parameters)
        if option is not None:
            return self._of_option(catalog, declared, resource, option), None
        left = self._blame.named(catalog, resource) or self._blame.shared(resource)
        if left is None:
            return None, None
        return left, self._blame.named_undone(catalog, resource, left)

    def _of_option(
        self, catalog: Catalog | None, declared: CatalogResource, resource: Resource, option: tuple[str, str]
    ) -> Left | None:
        path = text(declared.parameters.get("path")) or file_of(resource.kind)
        if path and (left := self._blame.option(path, option)) is not None:
            return left
        left = self._blame.named(catalog, resource)
        return replace(left, did="touched the file, and not this option") if left is not None else None

    @cached_property
    def _blame(self) -> Blame:
        return Blame(self.run)

    @cached_property
    def _disk(self) -> Disk:
        return Disk(self.run)

    def _writes(self, catalog: Catalog | None, declared: CatalogResource | None) -> tuple[managed.Write, ...]:
        if catalog is None or declared is None:
            return ()
        return managed.writes(declared, self._disk, managed.declared_paths(catalog))

    def _unit_differs(self, declared: CatalogResource | None) -> bool:
        """Whether the upgrade left the unit of a Service otherwise than it found it."""
        if declared is None or not declared.ref.startswith("Service["):
            return False
        for phase in filter(None, (self.run.phase("upgrade"), self.run.phase("fault"))):
            after = phase.services.states if phase.services else ()
            before = {state.unit: state for state in (phase.services.before if phase.services else ())}
            own = [state for state in after if service_name(declared) in names_of(state.unit, after)]
            if any(_differs(before.get(state.unit), state) for state in own):
                return True
        return False


def _declared(catalog: Catalog | None, resource: Resource) -> CatalogResource | None:
    return catalog.find(resource.ref) if catalog else None


def _is_option(resource: Resource, declared: CatalogResource | None) -> bool:
    parameters = declared.parameters if declared is not None else {}
    return managed.option_of(resource.kind, resource.title, parameters) is not None


def _differs(before: UnitState | None, after: UnitState) -> bool:
    return before is not None and (before.runs, before.enabled) != (after.runs, after.enabled)


def _runs(wanted: Values) -> bool | None:
    return text(wanted["ensure"]) in {"running", "true"} if "ensure" in wanted else None


def _enabled(wanted: Values) -> bool | None:
    return text(wanted["enable"]) == "true" if "enable" in wanted else None
