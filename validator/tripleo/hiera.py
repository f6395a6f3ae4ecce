"""Hiera data of a role, in the levels that TripleO lays out (puppet/role.role.j2.yaml, puppet/all-nodes-config.yaml).

A scenario has one host, so that host is the bootstrap node of every service.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import yaml
from pydantic import JsonValue

from validator.tripleo.role import Role
from validator.tripleo.values import Gathered, Spot, mapping

# TripleO's place for the step since pike (common/deploy-steps-tasks.yaml); before that a file of each deployment's.
STEP_DIRECTORY = "/etc/puppet/hieradata"
STEP_FILE = f"{STEP_DIRECTORY}/config_step.json"
HOSTNAME = "%{facts.networking.hostname}"
QUEENS = 2018_03_02
_INTERPOLATED = re.compile(r"%\{\s*(?:hiera|lookup|alias)\(\s*[\"']([^\"')]+)[\"']\s*\)\s*\}")
_HUMP = re.compile(r"([a-z0-9])([A-Z])")


class Level(NamedTuple):
    """A level of the hierarchy: a file, and what is in it."""

    name: str
    data: JsonValue


def levels(role: Role, found: Gathered) -> tuple[Level, ...]:
    """The levels, the first that has a key counts. What is not known is noted in `found`."""
    given = {
        name: found.known(value) for name, value in role.parameters.items() if name in _OPERATORS or name in _own(role)
    }
    networks = _map(given.get("NetIpMap"))
    names = [str(found.known(name)) for name in role.service_names()]
    service_map = _snake(_map(given.get("ServiceNetMap")))
    result = (
        Level(f"{role.name.lower()}_extraconfig", _first(given, _own(role))),
        Level("extraconfig", _map(given.get("ExtraConfig"))),
        Level("service_names", {"service_names": list(names)}),
        Level("service_configs", _addresses(role, _known(role, found), networks, found)),
        Level(role.name.lower(), {"fqdn_canonical": "%{facts.networking.fqdn}"}),
        Level("bootstrap_node", {"bootstrap_nodeid": HOSTNAME, "bootstrap_nodeid_ip": "%{facts.networking.ip}"}),
        Level("all_nodes", _all_nodes(names, service_map, networks, given)),
        Level("vip_data", _vips(names, service_map, _map(given.get("NetVipMap")))),
        Level("net_ip_map", networks),
    )
    _interpolations(role, result, found)
    return result


_OPERATORS = frozenset(
    {"ExtraConfig", "NetIpMap", "NetVipMap", "ServiceNetMap", "DeployIdentifier", "UpdateIdentifier", "StackAction"}
)


def _own(role: Role) -> tuple[str, str]:
    """The names that a role's own extra Hiera data can have, the older last."""
    return f"{role.name}ExtraConfig", f"{role.name[:1].lower()}{role.name[1:]}ExtraConfig"


def _first(given: Mapping[str, JsonValue], names: tuple[str, ...]) -> dict[str, JsonValue]:
    merged: dict[str, JsonValue] = {}
    for name in reversed(names):
        merged.update(_map(given.get(name)))
    return merged


def _map(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _known(role: Role, found: Gathered) -> dict[str, JsonValue]:
    return _map(found.known(role.hiera()))


def _snake(names: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """network/service_net_map.j2.yaml: NovaApiNetwork is also nova_api_network."""
    return {_HUMP.sub(r"\1_\2", name).lower(): value for name, value in names.items()}


def _addresses(
    role: Role, settings: Mapping[str, JsonValue], networks: Mapping[str, JsonValue], found: Gathered
) -> dict[str, JsonValue]:
    """Before queens a value that is a network's name is replaced by the host's address there."""
    if all(template.version >= QUEENS for template in role.ledger.templates.values()):
        return dict(settings)
    result: dict[str, JsonValue] = {}
    service_map = role.parameters.get("ServiceNetMap")
    named = {value for value in mapping(service_map).values() if isinstance(value, str)} - set(networks)
    for key, value in settings.items():
        if isinstance(value, str) and value in named:
            spot = _spot(role, key)
            found.add(spot.problem(key, f"TripleO puts the host's address on {value} here: give it in `NetIpMap`"))
        result[key] = networks.get(value, value) if isinstance(value, str) else value
    return result


def _all_nodes(
    names: list[str],
    service_map: Mapping[str, JsonValue],
    networks: Mapping[str, JsonValue],
    given: Mapping[str, JsonValue],
) -> dict[str, JsonValue]:
    data: dict[str, JsonValue] = {"enabled_services": ",".join(names)}
    for name in names:
        data[f"{name}_enabled"] = "true"
        data[f"{name}_short_node_names"] = [HOSTNAME]
        data[f"{name}_short_bootstrap_node_name"] = HOSTNAME
        network = service_map.get(f"{name}_network")
        if network is not None:
            data[f"{name}_network"] = network
            if str(network) in networks:
                data[f"{name}_node_ips"] = [networks[str(network)]]
    named = {
        "deploy_identifier": "DeployIdentifier",
        "update_identifier": "UpdateIdentifier",
        "stack_action": "StackAction",
    }
    return data | {key: given[name] for key, name in named.items() if name in given}


def _vips(
    names: list[str], service_map: Mapping[str, JsonValue], vips: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    found = {name: vips.get(str(service_map.get(f"{name}_network"))) for name in names}
    return {f"{name}_vip": address for name, address in found.items() if address is not None}


def _interpolations(role: Role, data: tuple[Level, ...], found: Gathered) -> None:
    """A key that another one mentions must be there: Hiera puts nothing in its place, and says nothing."""
    keys = {key for level in data for key in _map(level.data)} | {"step"}
    for level in data:
        for key, value in _map(level.data).items():
            for wanted in sorted(set(_mentioned(value)) - keys):
                if wanted.split(".")[0] not in keys:
                    message = (
                        f"its value mentions the key {wanted}, which is in no Hiera file: give it in `ExtraConfig`"
                    )
                    found.add(_spot(role, key).problem(key, message))


def _mentioned(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield from _INTERPOLATED.findall(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _INTERPOLATED.findall(key)
            yield from _mentioned(each)
    elif isinstance(value, list):
        for each in value:
            yield from _mentioned(each)


def _spot(role: Role, key: str) -> Spot:
    return role.ledger.key(key) or role.services[0].spot


def config(data: tuple[Level, ...]) -> str:
    """A hiera.yaml of version 5, to lie beside the files; the step is read from a file of the host's."""
    hierarchy: list[dict[str, str]] = [{"name": "step", "datadir": STEP_DIRECTORY, "path": "config_step.json"}]
    hierarchy += [{"name": level.name, "path": f"{level.name}.json"} for level in data]
    text: str = yaml.safe_dump(
        {"version": 5, "defaults": {"datadir": ".", "data_hash": "json_data"}, "hierarchy": hierarchy}, sort_keys=False
    )
    return text
