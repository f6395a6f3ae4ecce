"""Whose a change of the converging Puppet run is: a clash with an upgrade task, or work that every task missed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from validator.checks import blame, managed
from validator.checks.ondisk import Disk
from validator.checks.restarts import names_of, service_name
from validator.findings import Left, Whose
from validator.record import Catalog, CatalogResource, Resource, Run, UnitState


@dataclass(frozen=True)
class Claims:
    """What the upgrade's tasks wrote, to be held against the resources of a catalog."""

    run: Run

    def whose(self, catalog: Catalog | None, resource: Resource, left: Left | None) -> Whose:
        """`clash` when a task wrote what the resource manages, or names it; `missed` when none did.

        A task that names the file of an option says nothing of the option: there only what was written counts.
        """
        declared = _declared(catalog, resource)
        parameters = declared.parameters if declared is not None else {}
        is_option = managed.option_of(resource.kind, resource.title, parameters) is not None
        if left is not None and not is_option:
            return "clash"
        return "clash" if self._writes(catalog, declared) or self._unit_differs(declared) else "missed"

    def writer(self, catalog: Catalog | None, resource: Resource) -> Left | None:
        """The task that last touched what a resource manages: as witnessed, else as its arguments say."""
        writes = self._writes(catalog, _declared(catalog, resource))
        for write in sorted(writes, key=lambda write: write.at, reverse=True):
            of_package = write.package and self._disk.package_writer(write.package)
            left = of_package or self._disk.writer(write.trace, write.at)
            if left is not None:
                return left
        return blame.left_by(self.run, catalog, resource)

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


def _differs(before: UnitState | None, after: UnitState) -> bool:
    return before is not None and (before.runs, before.enabled) != (after.runs, after.enabled)
