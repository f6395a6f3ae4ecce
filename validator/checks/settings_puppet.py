"""The settings that a compiled catalog gives a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from validator.checks import settings
from validator.checks.managed import INI_TYPES, OPTION_SUFFIX, is_yes, option_of, text
from validator.checks.relations import kind_of, title_of
from validator.checks.settings import ABSENT, PRESENT, Setting, What
from validator.record import Catalog, CatalogResource

Parameters = Mapping[str, JsonValue]

SERVICE_DEFAULT = "<SERVICE DEFAULT>"  # openstacklib: leave it to the program, take the option out
OWN_PROVIDERS = frozenset({"", "apt", "aptitude", "dnf", "dpkg", "rpm", "yum", "zypper"})
# Where a type like Nova_config writes, besides /etc/X/X.conf for X_config (the providers of puppet-nova and so on).
FILES = {
    "Aodh_api_paste_ini": "/etc/aodh/api_paste.ini",
    "Ceilometer_rootwrap_config": "/etc/ceilometer/rootwrap.conf",
    "Cinder_api_paste_ini": "/etc/cinder/api-paste.ini",
    "Glance_api_config": "/etc/glance/glance-api.conf",
    "Glance_api_paste_ini": "/etc/glance/glance-api-paste.ini",
    "Glance_cache_config": "/etc/glance/glance-cache.conf",
    "Glance_registry_config": "/etc/glance/glance-registry.conf",
    "Glance_swift_config": "/etc/glance/glance-swift.conf",
    "Heat_api_paste_ini": "/etc/heat/api-paste.ini",
    "Ironic_inspector_config": "/etc/ironic-inspector/inspector.conf",
    "Keystone_paste_ini": "/etc/keystone/keystone-paste.ini",
    "Keystone_uwsgi_config": "/etc/keystone/keystone-uwsgi.ini",
    "Neutron_api_paste_ini": "/etc/neutron/api-paste.ini",
    "Neutron_agent_ovs": "/etc/neutron/plugins/ml2/openvswitch_agent.ini",
    "Neutron_dhcp_agent_config": "/etc/neutron/dhcp_agent.ini",
    "Neutron_l3_agent_config": "/etc/neutron/l3_agent.ini",
    "Neutron_metadata_agent_config": "/etc/neutron/metadata_agent.ini",
    "Neutron_metering_agent_config": "/etc/neutron/metering_agent.ini",
    "Neutron_plugin_ml2": "/etc/neutron/plugins/ml2/ml2_conf.ini",
    "Neutron_sriov_agent_config": "/etc/neutron/plugins/ml2/sriov_agent.ini",
    "Nova_api_paste_ini": "/etc/nova/api-paste.ini",
    "Nova_rootwrap_config": "/etc/nova/rootwrap.conf",
    "Swift_account_config": "/etc/swift/account-server.conf",
    "Swift_config": "/etc/swift/swift.conf",
    "Swift_container_config": "/etc/swift/container-server.conf",
    "Swift_object_config": "/etc/swift/object-server.conf",
    "Swift_proxy_config": "/etc/swift/proxy-server.conf",
}
ACCOUNT_ASPECTS = ("uid", "gid", "shell", "home")


@dataclass(frozen=True, kw_only=True)
class Given:
    """A setting, and the resource that gives it."""

    setting: Setting
    resource: CatalogResource


def of(catalog: Catalog) -> tuple[Given, ...]:
    """All settings of a catalog; what it manages and does not tell the value of has the value None."""
    return tuple(Given(setting=each, resource=resource) for resource in catalog.resources for each in settle(resource))


def settle(resource: CatalogResource) -> Iterator[Setting]:
    """The settings that one resource gives."""
    kind, given = kind_of(resource.ref), resource.parameters
    if "::" in kind or is_yes(given.get("noop")):
        return
    if kind in _READERS:
        yield from _READERS[kind](title_of(resource.ref), given)
    else:
        yield from _option(kind, title_of(resource.ref), given)


def file_of(kind: str) -> str:
    """The file of a type whose resources are options of it; empty when that is not known."""
    if kind in FILES:
        return FILES[kind]
    service, suffix, rest = kind.lower().partition("_config")
    return f"/etc/{service}/{service}.conf" if suffix and not rest and "_" not in service else ""


def _file(title: str, given: Parameters) -> Iterator[Setting]:
    path = settings.path(text(given.get("path")) or title)
    if not path:
        return
    ensure = text(given.get("ensure"))
    is_link = ensure == "link" or ensure.startswith("/") or (given.get("target") is not None and ensure != ABSENT)
    has_content = given.get("content") is not None or given.get("source") is not None
    kind = "link" if is_link else ensure if ensure in {"file", "directory"} else "file" if has_content else ""
    value = ABSENT if ensure in {ABSENT, "false"} else kind or (PRESENT if ensure == PRESENT else None)
    yield Setting(what=("file", path, "ensure"), value=value, kind=kind)
    if value == ABSENT:
        return
    if is_link:
        target = ensure if ensure.startswith("/") else given.get("target")
        yield Setting(what=("file", path, "target"), value=settings.word(target), kind=kind)
    elif given.get("mode") is not None:
        mode = settings.mode(given.get("mode"), directory=kind == "directory")
        yield Setting(what=("file", path, "mode"), value=mode, kind=kind)
    for aspect in ("owner", "group"):
        if given.get(aspect) is not None:
            yield Setting(what=("file", path, aspect), value=settings.owner(given.get(aspect)), kind=kind)
    if has_content:
        content = given.get("content")
        fixed = isinstance(content, str) and settings.known(content) and text(given.get("replace")) != "false"
        yield Setting(what=("file", path, "content"), value=str(content) if fixed else None, kind=kind)


def _concat(title: str, given: Parameters) -> Iterator[Setting]:
    """Its content is made of fragments while Puppet runs."""
    yield from _file(title, {"ensure": "file", "source": "", **given})


def _package(title: str, given: Parameters) -> Iterator[Setting]:
    if text(given.get("provider")) not in OWN_PROVIDERS:
        return
    ensure = text(given.get("ensure")) or PRESENT
    value = ABSENT if ensure in {ABSENT, "purged"} else PRESENT
    name = text(given.get("name")) or title
    yield Setting(what=("package", name, "ensure"), value=value)


def _service(title: str, given: Parameters) -> Iterator[Setting]:
    name = settings.unit(text(given.get("name")) or title)
    states = {"running": "running", "true": "running", "stopped": "stopped", "false": "stopped"}
    if ensure := text(given.get("ensure")):
        yield Setting(what=("service", name, "state"), value=states.get(ensure))
    if enable := text(given.get("enable")):
        yield Setting(what=("service", name, "enabled"), value=enable if enable in {"true", "false"} else None)


def _account(kind: str) -> Callable[[str, Parameters], Iterator[Setting]]:
    def read(title: str, given: Parameters) -> Iterator[Setting]:
        name = text(given.get("name")) or title
        ensure = text(given.get("ensure"))
        if ensure:
            yield Setting(what=(kind, name, "ensure"), value=ABSENT if ensure == ABSENT else PRESENT)
        for aspect in ACCOUNT_ASPECTS:
            if given.get(aspect) is not None:
                yield Setting(what=(kind, name, aspect), value=settings.word(given.get(aspect)))

    return read


def _database(title: str, given: Parameters) -> Iterator[Setting]:
    name = text(given.get("name")) or title
    ensure = text(given.get("ensure")) or PRESENT
    yield Setting(what=("database", name, "ensure"), value=ABSENT if ensure == ABSENT else PRESENT)
    for aspect in ("charset", "collate"):
        if ensure != ABSENT and given.get(aspect) is not None:
            yield Setting(what=("database", name, aspect), value=settings.charset(given.get(aspect)))


def _grant(title: str, given: Parameters) -> Iterator[Setting]:
    account, _, table = title.partition("/")
    account, table = text(given.get("user")) or account, text(given.get("table")) or table
    ensure = text(given.get("ensure")) or PRESENT
    if ensure == ABSENT or not account or not table:
        return
    listed = given.get("privileges")
    names = listed if isinstance(listed, list) else [listed]
    options = given.get("options")
    more = [each for each in (options if isinstance(options, list) else [options]) if text(each).upper() == "GRANT"]
    value = settings.privileges([*names, *more]) if listed is not None else None
    yield Setting(what=("grant", account, settings.table(table)), value=value)


def _option(kind: str, title: str, given: Parameters) -> Iterator[Setting]:
    option = option_of(kind, title, given)
    if kind == "Ini_subsetting" or option is None:
        return
    if kind != "Ini_setting" and not (OPTION_SUFFIX.search(kind) or kind in FILES):
        return
    named = next((text(given.get(name)) for name in ("path", "target") if text(given.get(name)).startswith("/")), "")
    path = settings.path(named or ("" if kind in INI_TYPES else file_of(kind)))
    if path:
        section, name = option
        yield Setting(what=("option", path, section, name), value=_option_value(kind, given))


def _option_value(kind: str, given: Parameters) -> str | None:
    value = given.get("value")
    values: list[JsonValue] = value if isinstance(value, list) else [value]
    leaves_out = text(given.get("ensure_absent_val")) or SERVICE_DEFAULT
    if text(given.get("ensure")) == ABSENT or values == [leaves_out]:
        return settings.NO_OPTION
    if not values or value is None or not settings.known(values) or "<_IMMUTABLE_>" in values:
        return None
    words = [text(each).strip() for each in values]
    if kind != "Ini_setting" and any(each.lower() in {"true", "false"} for each in words):
        if kind in FILES:
            return None  # some of these types write a boolean as it is given, some as Python does
        words = [each.capitalize() if each.lower() in {"true", "false"} else each for each in words]
    return "\n".join(words)


_READERS: dict[str, Callable[[str, Parameters], Iterator[Setting]]] = {
    "Concat_file": _concat,
    "File": _file,
    "Group": _account("group"),
    "Mysql_database": _database,
    "Mysql_grant": _grant,
    "Package": _package,
    "Service": _service,
    "User": _account("user"),
}


def thing(what: What) -> What:
    """What a property belongs to."""
    return what if what[0] in {"option", "grant"} else what[:2]
