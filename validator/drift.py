"""What is otherwise than Puppet for the new release wants it, path by path, as patches that mend it. Pure.

Every patch leads from what *is* to what *should* be. In a phase of Puppet's that is the way the phase went; a host that
Puppet alone deployed is what the upgraded one should be like, so there it is the way back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from validator.checks import agreement, managed
from validator.checks.known import Known, catalogs, of_phase, paths_of
from validator.checks.relations import kind_of, title_of
from validator.record import Form, Patch, PathChange, Phase, PhaseName, Resource, Run, Side

OPPOSITE = {"added": "removed", "removed": "added"}

Attributes = dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Digests:
    """The SHA-256 of both contents of a file that is compared as a whole; None where there is no file."""

    is_: str | None
    should: str | None


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What is known of a path besides its content, on both sides, and the RFC 6902 patch between these."""

    is_: Attributes
    should: Attributes
    patch: Patch


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A path that is not as it should be.

    `phase` is the one of Puppet's that changed it, or `fresh` where the host it differs from is the fresh one. `kind`
    says what has to happen to the path: `added` that it is not there and should be. `form` is None where there is no
    content of a file to compare, `patch` where there is none to give. `digests` are there for binary files only.
    `aspects` are the properties that differ besides content; extended attributes are among them, their values are not
    known. `resources` are those of Puppet's that have to do with the path.
    """

    path: str
    phase: PhaseName
    kind: str
    form: Form | None
    patch: Patch | None
    digests: Digests | None
    metadata: Metadata
    aspects: tuple[str, ...]
    resources: tuple[str, ...]


def of(run: Run) -> tuple[Drift, ...]:
    """The drift of a run: what Puppet changed where it should have had nothing to do, and what a fresh host differs in.

    In order of phase and path.
    """
    return tuple(_drift(run))


def _drift(run: Run) -> Iterator[Drift]:
    for name in ("converge", "again"):
        phase = run.phase(name)
        if phase is not None and phase.disk is not None:
            known = Known(of_phase(phase))
            for change in phase.disk.changes:
                if change.kind != "touched":
                    yield _forth(phase, known, change)
    if run.agreement is not None:
        known = Known(catalogs(run))
        for change in run.agreement.disk.changes:
            if agreement.differs(change):
                yield _back(known, change)


def _forth(phase: Phase, known: Known, change: PathChange) -> Drift:
    """Puppet brought the path from what it was to what it should be."""
    content = change.content
    return Drift(
        path=change.path,
        phase=phase.name,
        kind=change.kind,
        form=content.form if content else None,
        patch=content.patch if content else None,
        digests=_digests(change, change.before, change.after),
        metadata=_metadata(change.before, change.after),
        aspects=change.aspects,
        resources=tuple(_changed_by(phase, change)) or _owner(known, change.path),
    )


def _back(known: Known, change: PathChange) -> Drift:
    """The record leads from the fresh host to the upgraded one; the upgraded one is what is."""
    content = change.content
    return Drift(
        path=change.path,
        phase="fresh",
        kind=OPPOSITE.get(change.kind, change.kind),
        form=content.form if content else None,
        patch=content.back if content else None,
        digests=_digests(change, change.after, change.before),
        metadata=_metadata(change.after, change.before),
        aspects=change.aspects,
        resources=_owner(known, change.path),
    )


def _digests(change: PathChange, was: Side | None, should: Side | None) -> Digests | None:
    """Of a text the digest would let its secrets be guessed."""
    if change.content is None or change.content.form != "binary":
        return None
    return Digests(is_=was.digest or None if was else None, should=should.digest or None if should else None)


def _metadata(was: Side | None, should: Side | None) -> Metadata:
    before, after = _attributes(was), _attributes(should)
    return Metadata(is_=before, should=after, patch=tuple(_operations(before, after)))


def _attributes(side: Side | None) -> Attributes:
    """A path as a flat tree; an empty one where there is nothing."""
    if side is None:
        return {}
    link: Attributes = {"link": side.link} if side.kind == "link" else {}
    return {"kind": side.kind, "mode": side.mode, "owner": side.owner, "group": side.group, **link}


def _operations(before: Attributes, after: Attributes) -> Iterator[dict[str, JsonValue]]:
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield {"op": "remove", "path": f"/{name}"}
        elif name not in before:
            yield {"op": "add", "path": f"/{name}", "value": after[name]}
        elif before[name] != after[name]:
            yield {"op": "replace", "path": f"/{name}", "value": after[name]}


def _owner(known: Known, path: str) -> tuple[str, ...]:
    """The resource that manages the path. One that manages an option of the file does not answer for all of it."""
    if any(catalog.find(f"File[{path}]") for catalog in known.catalogs):
        return (f"File[{path}]",)
    owner = known.owner(path)
    if owner is None or managed.option_of(kind_of(owner.ref), title_of(owner.ref), owner.parameters) is not None:
        return ()
    return (owner.ref,)


def _changed_by(phase: Phase, change: PathChange) -> Iterator[str]:
    """The resources of a report that changed something and whose parameters, or whose type, lead to the path."""
    told: set[str] = set()
    for apply in phase.puppet:
        for resource in apply.report.notable if apply.report else ():
            declared = apply.catalog.find(resource.ref) if apply.catalog else None
            parameters = declared.parameters if declared else {}
            acted = any(event.status == "success" and event.property is not None for event in resource.events)
            if acted and resource.ref not in told and _leads_to(resource, parameters, change):
                told.add(resource.ref)
                yield resource.ref


def _leads_to(resource: Resource, parameters: dict[str, JsonValue], change: PathChange) -> bool:
    option = managed.option_of(resource.kind, resource.title, parameters)
    named = change.path in paths_of(resource.ref, parameters)
    if option is None or change.kind != "content" or change.content is None or change.content.patch is None:
        return named
    # Of many resources that write options to one file those that wrote what is different in it.
    configured = change.path.startswith(f"/etc/{resource.kind.lower().removesuffix('_config')}/")
    return (named or (configured and change.content.form == "ini")) and managed.touches(change, option)
