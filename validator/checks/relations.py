"""Who can be refreshed because of whom, from a compiled catalog.

The catalog's edges are containment only; relations are parameters: `notify` on the source, `subscribe` on the
target. A container passes events on, in both directions.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from validator.record import Catalog


def refreshes(catalog: Catalog) -> Mapping[str, frozenset[str]]:
    """For every resource, where an event of it goes directly."""
    graph: dict[str, set[str]] = defaultdict(set)
    for container, contained in catalog.edges:
        graph[contained].add(f"{container} ended")
        graph[f"{container} began"].add(contained)
        graph[f"{container} began"].add(f"{contained} began")
        graph[f"{contained} ended"].add(f"{container} ended")
    for resource in catalog.resources:
        for target in _refs(resource.parameters.get("notify")):
            _relate(graph, resource.ref, target)
        for source in _refs(resource.parameters.get("subscribe")):
            _relate(graph, source, resource.ref)
    return {source: frozenset(targets) for source, targets in graph.items()}


def reached(graph: Mapping[str, frozenset[str]], start: str) -> frozenset[str]:
    """Every resource that an event of `start` may refresh."""
    seen: set[str] = set()
    waiting = deque((start,))
    while waiting:
        for target in graph.get(waiting.popleft(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return frozenset(seen)


def _relate(graph: dict[str, set[str]], source: str, target: str) -> None:
    for origin in (source, f"{source} ended"):
        graph[origin].update((target, f"{target} began"))


def _refs(value: JsonValue) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
