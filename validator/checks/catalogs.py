"""Two compilations of one release must give one catalog: else what was proven of the first says nothing of the next."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks.words import SHOWN, count, named
from validator.findings import Finding, Meaning
from validator.record import Catalog, CatalogResource, Phase, PuppetRun, Run

# Relations have no order.
UNORDERED = frozenset(("alias", "before", "notify", "require", "subscribe", "tag"))


def check(run: Run) -> Iterator[Finding]:
    """One finding when the catalogs of `converge` and `again` differ."""
    first, second = _last_of_each_step(run.phase("converge")), _last_of_each_step(run.phase("again"))
    differing: list[tuple[CatalogResource, dict[str, JsonValue]]] = []
    edges = 0
    for step in first.keys() & second.keys():
        one, other = first[step].catalog, second[step].catalog
        if one is not None and other is not None:
            differing += _differing(one, other)
            edges += len(set(one.edges) ^ set(other.edges))
    if not differing and not edges:
        return
    again = run.phase("again")
    changed = {
        resource.ref
        for apply in (again.puppet if again else ())
        for resource in (apply.report.notable if apply.report else ())
        if resource.changed or any(event.status == "success" for event in resource.events)
    }
    # What Puppet changed once more is a divergence of its own, and this is why.
    means: Meaning = "note" if differing and all(each.ref in changed for each, _ in differing) else "unproven"
    subject = differing[0][0] if differing else None
    refs = list(dict.fromkeys(each.ref for each, _ in differing))
    yield Finding(
        rule="catalog.unstable",
        means=means,
        phase="again",
        subject=subject.ref if subject else "catalog",
        message="two compilations of the new release gave two catalogs: "
        + (
            f"{count(refs, 'resource differs', 'resources differ')} ({named(refs)})"
            if refs
            else f"{edges} edges differ"
        ),
        declared_at=subject.declared_at if subject else None,
        hint="Something in the manifests varies (a time, a random value, the order of a hash): what was proven of one "
        "catalog says nothing of the next.",
        evidence={"differences": [difference for _, difference in differing[:SHOWN]], "edges": edges},
    )


def _last_of_each_step(phase: Phase | None) -> dict[int | None, PuppetRun]:
    return {apply.step: apply for apply in (phase.puppet if phase else ())}


def _differing(one: Catalog, other: Catalog) -> Iterator[tuple[CatalogResource, dict[str, JsonValue]]]:
    before = {resource.ref: resource for resource in one.resources}
    after = {resource.ref: resource for resource in other.resources}
    for ref in sorted(before.keys() ^ after.keys()):
        there = ref in after
        yield (
            after[ref] if there else before[ref],
            {"resource": ref, "parameter": None, "first": not there, "second": there},
        )
    for ref in sorted(
        before.keys() & after.keys(), key=lambda ref: (ref.startswith(("Class[", "Stage[")) or "::" in ref, ref)
    ):
        old, new = before[ref].parameters, after[ref].parameters
        for name in sorted(old.keys() | new.keys()):
            if _plain(name, old.get(name)) != _plain(name, new.get(name)):
                yield (
                    after[ref],
                    {"resource": ref, "parameter": name, "first": old.get(name), "second": new.get(name)},
                )


def _plain(name: str, value: JsonValue) -> object:
    if name not in UNORDERED:
        return value
    return sorted(str(each) for each in (value if isinstance(value, list) else [value]))
