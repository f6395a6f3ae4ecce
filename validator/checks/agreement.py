"""The upgraded host must be like one that Puppet alone deployed with the new release: nothing left over or missing.

Puppet says nothing of what its catalog does not mention: files and units of the old release, modes that only a package
sets. The two hosts side by side show it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks import disk, restarts, services
from validator.checks.known import Known, above, catalogs
from validator.findings import Finding
from validator.record import Agreement, PathChange, Phase, Place, Resource, Run, Side, UnitState

FINDINGS = 50  # of paths, one each; the rest is counted
HINTS = {
    "added": "Let the upgrade remove it if the new release does not need it.",
    "removed": "Let the upgrade make what a fresh deployment makes.",
}
DIFFERS = "Let the upgrade bring it to what a fresh deployment makes of it."
CLASSES = {"enabled-runtime": "enabled", "masked-runtime": "masked"}
NAMED_CLASSES = frozenset(("enabled", "disabled", "masked"))
Pair = tuple[UnitState | None, UnitState | None]


def check(run: Run) -> Iterator[Finding]:
    """Paths and units that differ; why nothing could be compared."""
    if not run.subject.agreement:
        return
    fresh = run.phase("fresh")
    if fresh is not None and (unsettled := _unsettled(fresh)):
        yield unsettled
    elif run.agreement is None:
        yield from _missing(run)
    else:
        yield from _paths(run, run.agreement)
        yield from _units(run, run.agreement)


def _unsettled(fresh: Phase) -> Finding | None:
    for apply in fresh.puppet:
        for resource in apply.report.notable if apply.report else ():
            failed = resource.failed or resource.failed_to_restart
            if failed or (apply.round > 1 and _changes(resource)):
                what = "fails" if failed else "changes again in its second run"
                message = resource.events[0].message if resource.events else "no message"
                return Finding(
                    rule="fresh.unsettled",
                    means="unproven",
                    phase="fresh",
                    subject=resource.ref,
                    message="the new release itself does not settle on a fresh host, so that nothing can be compared: "
                    f"{resource.ref} {what}: {message}",
                    declared_at=resource.declared_at,
                    hint="Make the new release deploy a host from nothing first; the upgrade tasks are not at fault.",
                    evidence={"round": apply.round},
                )
    return None


def _changes(resource: Resource) -> bool:
    return resource.changed or any(event.status in {"success", "failure"} for event in resource.events)


def _missing(run: Run) -> Iterator[Finding]:
    """Only where nothing else says why the run did not come so far."""
    reached = all((phase := run.phase(name)) is not None and not _stopped(phase) for name in run.subject.phases)
    if reached and not run.troubles:
        yield Finding(
            rule="evidence.agreement",
            means="unproven",
            phase="fresh",
            subject="agreement",
            message="the upgraded host was not compared with one that Puppet alone deployed",
        )


def _stopped(phase: Phase) -> bool:
    return any(apply.trouble for apply in phase.puppet) or any(tasks.trouble for tasks in phase.ansible)


def _paths(run: Run, agreement: Agreement) -> Iterator[Finding]:
    known = Known(catalogs(run))
    found = _topmost(change for change in agreement.disk.changes if differs(change))
    for change, below in found[:FINDINGS]:
        yield _path(run, known, change, below)
    if left := [change.path for change, _ in found[FINDINGS:]]:
        yield Finding(
            rule="agreement.path",
            means="diverged",
            phase="fresh",
            subject=f"{len(left)} more paths",
            message=f"{len(left)} more paths differ between the upgraded host and a fresh one",
            hint="Begin with the paths above; what differs on any two hosts is declared under `noise` in the scenario.",
            evidence=disk.rest(left),
        )


def differs(change: PathChange) -> bool:
    """Whether a path of the two hosts differs in what it means, not only in how it is written."""
    if change.kind == "touched":
        return False
    same_meaning = change.content is not None and change.content.patch == ()
    return not (change.kind == "content" and same_meaning and not change.aspects)


def _topmost(changes: Iterator[PathChange]) -> list[tuple[PathChange, int]]:
    """Of whole directories that are on one host only the directory, and how much is below it."""
    every = {change.path: change for change in changes}
    below: dict[str, int] = {}
    top: dict[str, PathChange] = {}
    for path, change in sorted(every.items()):
        whole = [
            each
            for each in above(path)
            if each in every and change.kind in {"added", "removed"} and every[each].kind in {change.kind, "type"}
        ]
        if whole:
            below[whole[-1]] = below.get(whole[-1], 0) + 1
        else:
            top[path] = change
    return [(change, below.get(path, 0)) for path, change in top.items()]


def _path(run: Run, known: Known, change: PathChange, below: int) -> Finding:
    more = f" (with {below} path(s) below it)" if below else ""
    if change.kind == "added":
        message = f"leftover: {change.path} is only on the upgraded host{more}"
    elif change.kind == "removed":
        message = f"missing: {change.path} is only on the fresh host{more}"
    else:
        message = f"{change.path} differs from a fresh host: {_difference(change)}"
    owner = known.owner(change.path)
    evidence = disk.shown(change)
    if below:
        evidence["below"] = below
    if change.aspects:
        evidence["aspects"] = {
            aspect: {"fresh": _value(change.before, aspect), "upgraded": _value(change.after, aspect)}
            for aspect in change.aspects
        }
    return Finding(
        rule="agreement.path",
        means="diverged",
        phase="fresh",
        subject=change.path,
        message=message,
        declared_at=owner.declared_at if owner else None,
        left_by=disk.writer(run, change.path),
        hint=f"{HINTS.get(change.kind, DIFFERS)} What differs on any two hosts is declared under `noise`.",
        evidence=evidence,
    )


def _difference(change: PathChange) -> str:
    aspects = [
        f"{aspect} is {_shown(change.after, aspect)}, there {_shown(change.before, aspect)}"
        for aspect in change.aspects
    ]
    if change.kind == "type":
        kinds = [side.kind if side else "nothing" for side in (change.after, change.before)]
        return "; ".join((f"it is a {kinds[0]}, there a {kinds[1]}", *aspects))
    if change.kind == "content":
        is_link = change.after is not None and change.after.kind == "link"
        what = (
            f"it leads to {_value(change.after, 'link')}, there to {_value(change.before, 'link')}"
            if is_link
            else "its content"
        )
        return "; ".join((what, *aspects))
    return "; ".join(aspects) or change.kind


def _value(side: Side | None, aspect: str) -> JsonValue:
    values: dict[str, JsonValue] = (
        {} if side is None else {"mode": side.mode, "owner": side.owner, "group": side.group, "link": side.link}
    )
    return values.get(aspect)


def _shown(side: Side | None, aspect: str) -> str:
    value = _value(side, aspect)
    return "another" if value is None else str(value)


def _units(run: Run, agreement: Agreement) -> Iterator[Finding]:
    fresh, upgraded = _there(agreement.fresh_units), _there(agreement.upgraded_units)
    for unit in sorted(fresh.keys() | upgraded.keys()):
        pair = fresh.get(unit), upgraded.get(unit)
        difference = _unit(pair) if services.judged(unit) else ""
        if difference:
            yield Finding(
                rule="agreement.unit",
                means="diverged",
                phase="fresh",
                subject=unit,
                message=f"{unit} {difference}",
                declared_at=_declared(run, unit, pair),
                hint="Let the upgrade start, stop, enable, disable or remove the unit as a fresh deployment does.",
                evidence={"fresh": _words(pair[0]), "upgraded": _words(pair[1])},
            )


def _there(states: tuple[UnitState, ...]) -> dict[str, UnitState]:
    return {state.unit: state for state in states if state.load != services.GONE}


def _unit(pair: Pair) -> str:
    """How a unit of the upgraded host differs from the same one on the fresh host; empty when it does not."""
    fresh, upgraded = pair
    if fresh is None or upgraded is None:
        only, where, other = (upgraded, "upgraded", "fresh") if upgraded is not None else (fresh, "fresh", "upgraded")
        if only is None:
            return ""
        runs, enabled = only.runs and not _comes_and_goes(only), _class(only) == "enabled"
        how = " and ".join(word for word, so in (("runs", runs), ("is enabled", enabled)) if so)
        return f"is not on the {other} host; on the {where} host it {how}" if how else ""
    differences = []
    if upgraded.runs != fresh.runs and not (_comes_and_goes(upgraded) or _comes_and_goes(fresh)):
        differences.append(
            "runs, on a fresh host it does not" if upgraded.runs else "does not run, on a fresh host it does"
        )
    if _class(upgraded) != _class(fresh):
        differences.append(f"is {upgraded.enabled or 'not enabled'}, on a fresh host {fresh.enabled or 'not enabled'}")
    return " and ".join(differences)


def _class(state: UnitState) -> str:
    """What becomes of a unit at boot; all that nobody enables is one class (static, generated, indirect, ...)."""
    enabled = CLASSES.get(state.enabled, state.enabled)
    return enabled if enabled in NAMED_CLASSES else "other"


def _comes_and_goes(state: UnitState) -> bool:
    """Jobs, and what the bus starts when somebody asks: whether they run just now says nothing."""
    return state.kind == "oneshot" or (state.kind == "dbus" and _class(state) == "other")


def _declared(run: Run, unit: str, pair: Pair) -> Place | None:
    names = restarts.names_of(unit, (state for state in pair if state is not None))
    return next(
        (
            resource.declared_at
            for catalog in catalogs(run)
            for resource in catalog.resources
            if resource.ref.startswith("Service[") and restarts.service_name(resource) in names
        ),
        None,
    )


def _words(state: UnitState | None) -> str:
    return "not there" if state is None else ", ".join(word for word in (state.active, state.enabled) if word)
