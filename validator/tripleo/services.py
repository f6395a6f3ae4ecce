"""A service as TripleO describes it: a template's `role_data`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from validator.tripleo.heat import Ledger, Stack
from validator.tripleo.template import Template
from validator.tripleo.values import Spot, TouchedError, UnfitError, Value, mapping

# What overcloud.j2.yaml hands to every service of a role (resource_properties of its ServiceChain).
ROLE_NAME = "RoleName"
ROLE_PARAMETERS = "RoleParameters"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service: its name, what its template says about it, and where. Parts of the data may be `Unresolved`."""

    name: Value
    role_data: Mapping[str, Value]
    spot: Spot


def read(file: Path, ledger: Ledger, role: str) -> Service:
    """The service a template describes, for a role. Raises `ScenarioError` for a file that is no such template."""
    template = ledger.template(file)
    spot = template.spot(template.root)
    stack = Stack(template=template, ledger=ledger, given=_role(template, ledger, role))
    value = stack.output("role_data")
    try:
        data = mapping(value)
    except TouchedError as error:
        return Service(name=error.unresolved, role_data={}, spot=spot)
    except UnfitError as error:
        raise UnfitError(f"{spot.file}: role_data: {error}") from error
    return Service(name=data.get("service_name"), role_data=data, spot=spot)


def _role(template: Template, ledger: Ledger, role: str) -> Mapping[str, Callable[[], Value]]:
    """The role's name, and its own parameters: `ControllerParameters` for the role Controller."""
    values = ledger.environment.values
    given: dict[str, Value] = {
        ROLE_NAME: values.get(ROLE_NAME, role),
        ROLE_PARAMETERS: values.get(ROLE_PARAMETERS, values.get(f"{role}Parameters", {})),
    }
    declared = template.section("parameters")
    return {name: _ready(value) for name, value in given.items() if name in declared}


def _ready(value: Value) -> Callable[[], Value]:
    return lambda: value
