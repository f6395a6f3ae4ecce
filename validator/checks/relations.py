"""Who can be refreshed because of whom, from a compiled catalog.

The catalog's edges are containment only; relations are parameters: `notify` on the source, `subscribe` on the
target. What Puppet makes of them (lib/puppet/graph/relationship_graph.rb, lib/puppet/transaction/event_manager.rb):

- a container (class, define, stage) stands for two moments, before and after all it contains. An event goes in at the
  first and comes out at the second only through something inside: an empty container passes nothing on;
- a resource that is refreshed passes the event on. One whose type knows no refresh (a file, an option of a
  configuration file) drops it: in `Package ~> File ~> Service` the package does not restart the service.

Relations that types add by themselves (autonotify, autosubscribe) are not in a catalog and not seen here.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from pydantic import JsonValue

from validator.record import Catalog, CatalogResource

# Types that have no method `refresh`, read in Puppet 7.23 and the modules that Debian packages. A type that is not
# here passes an event on: better a refresh too many that a replay can rule out than one that nobody looks for.
_DEAF = (
    "A2mod Apt_key Augeas Computer Concat_file Concat_fragment Cron File File_line Filebucket Group Host "
    "Ini_subsetting K5login Macauthorization Mailalias Maillist Notify Nova_aggregate Nova_cell_v2 Nova_flavor "
    "Nova_service Policy_rcd Resources Schedule Selboolean Selmodule Ssh_authorized_key Sshkey Sysctl Sysctl_runtime "
    "Tidy User Vcsrepo Yumrepo Zfs Zpool"
)
DEAF = frozenset(_DEAF.split())
DEAF_PREFIXES = ("Keystone_", "Mysql_", "Nagios_", "Rabbitmq_")
DEAF_SUFFIXES = ("_config", "_ini", "_conf")
BEGAN, ENDED = " began", " ended"


def refreshes(catalog: Catalog) -> Mapping[str, frozenset[str]]:
    """For every resource, and for the two moments of every container, where an event of it goes directly."""
    names = _Names(catalog)
    graph: dict[str, set[str]] = defaultdict(set)
    for container, contained in names.edges:
        graph[container + BEGAN].add(names.entry(contained))
        graph[names.exit(contained)].add(container + ENDED)
    for resource in catalog.resources:
        for target in _refs(resource.parameters.get("notify")):
            graph[names.exit(resource.ref)].add(names.entry(names.find(target)))
        for source in _refs(resource.parameters.get("subscribe")):
            graph[names.exit(names.find(source))].add(names.entry(resource.ref))
    for resource in catalog.resources:
        own = graph[resource.ref]  # there even when nothing follows from it, so that it is known to be declared
        # The file that a Concat_file makes while Puppet runs reports its events under its own name.
        if kind_of(resource.ref) in {"File", "Concat_file"}:
            graph[f"File[{_identity(resource, 'path') or title_of(resource.ref)}]"] |= own
    return {source: frozenset(targets) for source, targets in graph.items()}


def reached(graph: Mapping[str, frozenset[str]], start: str) -> frozenset[str]:
    """Every resource that an event of `start` may refresh."""
    seen: set[str] = set()
    waiting = deque((_sender(graph, start),))
    while waiting:
        for target in graph.get(waiting.popleft(), ()):
            if target not in seen:
                seen.add(target)
                if passes_on(target):
                    waiting.append(target)
    return frozenset(seen)


def _sender(graph: Mapping[str, frozenset[str]], ref: str) -> str:
    """A file that is not declared was made from a directory that recurses or purges: that one sends its events."""
    if ref in graph or kind_of(ref) != "File":
        return ref
    above = (f"File[{directory}]" for directory in PurePosixPath(title_of(ref)).parents)
    return next((directory for directory in above if directory in graph), ref)


def passes_on(ref: str) -> bool:
    """Whether something that is refreshed sends the event on: all but resources whose type knows no refresh."""
    if ref.endswith((BEGAN, ENDED)):
        return True
    kind = kind_of(ref)
    return kind not in DEAF and not kind.startswith(DEAF_PREFIXES) and not kind.endswith(DEAF_SUFFIXES)


def kind_of(ref: str) -> str:
    """The type in `Type[title]`."""
    return ref.partition("[")[0]


def title_of(ref: str) -> str:
    """The title in `Type[title]`."""
    return ref.partition("[")[2].removesuffix("]")


class _Names:
    """The catalog's own spelling of references: a relation may name a class in small letters, a file by its path."""

    def __init__(self, catalog: Catalog) -> None:
        self._known: dict[str, str] = {}
        for resource in catalog.resources:
            for name in _other_names(resource):
                self._known.setdefault(_canonical(f"{kind_of(resource.ref)}[{name}]"), resource.ref)
        # A title beats another resource's second name.
        self._known.update({_canonical(resource.ref): resource.ref for resource in catalog.resources})
        self.edges = tuple((self.find(container), self.find(contained)) for container, contained in catalog.edges)
        self._containers = frozenset(
            {container for container, _ in self.edges}
            | {resource.ref for resource in catalog.resources if _is_container(resource.ref)}
        )

    def find(self, ref: str) -> str:
        """The resource that a reference means; the reference itself when the catalog has none."""
        canonical = _canonical(ref)
        return self._known.get(canonical, canonical)

    def entry(self, ref: str) -> str:
        """Where an event for it arrives."""
        return ref + BEGAN if ref in self._containers else ref

    def exit(self, ref: str) -> str:
        """Where its events, or those of all it contains, come from."""
        return ref + ENDED if ref in self._containers else ref


def _is_container(ref: str) -> bool:
    """Classes and stages; and only defined types can have `::` in the name of their type."""
    kind = kind_of(ref)
    return kind in {"Class", "Stage"} or "::" in kind


def _canonical(ref: str) -> str:
    kind, title = _capitalised(kind_of(ref.strip())), title_of(ref.strip())
    if kind == "Class":
        title = _capitalised(title)
    elif kind == "File":
        title = title.rstrip("/")
    return f"{kind}[{title}]"


def _capitalised(name: str) -> str:
    return "::".join(part[:1].upper() + part[1:].lower() for part in name.removeprefix("::").split("::"))


def _other_names(resource: CatalogResource) -> Iterator[str]:
    """What else a relation may call it (lib/puppet/resource/catalog.rb, create_resource_aliases)."""
    yield from _refs(resource.parameters.get("alias"))
    for parameter in ("name", "path"):
        if name := _identity(resource, parameter):
            yield name


def _identity(resource: CatalogResource, parameter: str) -> str:
    value = resource.parameters.get(parameter)
    return value if isinstance(value, str) else ""


def _refs(value: JsonValue) -> Iterable[str]:
    """The references in a parameter: one, or a list, nested or not."""
    if isinstance(value, str):
        return (value,)
    return tuple(ref for item in value for ref in _refs(item)) if isinstance(value, list) else ()
