"""A release that is applied in steps: what one step sets and another undoes.

The unit that must be silent is the whole loop. A second run of the last step alone is silent where an earlier step's
catalog lacks what a later one declares, and purges it (TripleO, review 434016).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from validator.checks import relations, restarts
from validator.checks.known import Known, above
from validator.checks.managed import text
from validator.checks.ondisk import plain
from validator.checks.words import NAMED, SHOWN
from validator.findings import Consequence, Finding
from validator.record import Catalog, CatalogResource, PhaseName, Place, PuppetRun, Resource, Run

CONTAINERS = ("Class[", "Stage[")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One application of one step."""

    phase: PhaseName
    run: PuppetRun

    @property
    def step(self) -> int:
        """Its number."""
        return self.run.step or 0


@dataclass(frozen=True, kw_only=True)
class Flap:
    """Things (paths, properties of resources) that `setter` sets and `remover` undoes. `refs` are their resources."""

    remover: Turn
    setter: Turn
    things: tuple[str, ...]
    refs: frozenset[str]


@dataclass
class _Seen:
    """What happened to one thing, in order: from what to what, in which turn, to which resource."""

    moves: list[tuple[JsonValue, JsonValue, Turn, str]] = field(default_factory=list)


def check(run: Run) -> Iterator[Finding]:
    """Steps that undo each other."""
    return (_flapping(run, flap) for flap in flaps(run))


def flaps(run: Run) -> tuple[Flap, ...]:
    """What one step sets and another undoes, in the loops that must be silent; one for each pair of steps."""
    seen: dict[str, _Seen] = {}
    for turn in turns(run):
        for thing, was, became, ref in _moves(turn.run):
            seen.setdefault(thing, _Seen()).moves.append((was, became, turn, ref))
    pairs: dict[tuple[int, int], tuple[Turn, Turn, dict[str, str]]] = {}
    for thing, each in seen.items():
        found = _undone(each)
        if found is not None:
            remover, setter, ref = found
            pair = pairs.setdefault((remover.step, setter.step), (remover, setter, {}))
            pair[2].setdefault(thing, ref)
    found_flaps = [
        Flap(
            remover=remover,
            setter=setter,
            things=tuple(dict.fromkeys(thing.partition("\n")[0] for thing in _most_telling_first(things, seen))),
            refs=frozenset(
                move[3]
                for thing in things
                for move in seen[thing].moves
                if {move[2].step} <= {remover.step, setter.step}
            )
            - {""},
        )
        for remover, setter, things in pairs.values()
    ]
    return tuple(sorted(found_flaps, key=lambda flap: len(flap.things), reverse=True))


def _most_telling_first(things: Iterable[str], seen: Mapping[str, _Seen]) -> list[str]:
    """What comes and goes before what only changes, as a list of ports does because of it."""
    return sorted(things, key=lambda thing: not any("absent" in (move[0], move[1]) for move in seen[thing].moves))


def turns(run: Run) -> Iterator[Turn]:
    """The applications of the new release on the host that is judged, where there are several steps."""
    names: tuple[PhaseName, ...] = ("fresh", "again") if run.subject.kind == "idempotence" else ("converge", "again")
    for name in names:
        phase = run.phase(name)
        runs = phase.puppet if phase else ()
        if len({each.step for each in runs}) > 1:
            yield from (Turn(phase=name, run=each) for each in runs)


def _moves(run: PuppetRun) -> Iterator[tuple[str, JsonValue, JsonValue, str]]:
    """What one application changed: the thing, what it was, what it became, and the resource that says so."""
    told: dict[str, str] = {}
    paths = _declared_paths(run.catalog)
    for resource in run.report.notable if run.report else ():
        for event in resource.events:
            if event.property is None or event.status != "success":
                continue
            path = paths.get(resource.ref) or _path(resource)
            told.setdefault(path, resource.ref)
            if not path:  # of files the disk tells more
                was, became = event.previous, event.desired
                yield f"{resource.ref}\n{event.property}", _state(was), _state(became), resource.ref
    for change in run.disk.changes if run.disk else ():
        before = _side(change.before.digest or change.before.link or change.before.kind if change.before else None)
        after = _side(change.after.digest or change.after.link or change.after.kind if change.after else None)
        if before != after:
            yield change.path, before, after, told.get(change.path, "")


def _side(value: str | None) -> JsonValue:
    return "absent" if value is None else value


def _state(value: JsonValue) -> JsonValue:
    """Puppet says that something is not there in several ways."""
    return "absent" if value in (None, "", "absent") else "present" if value == "created" else value


def _declared_paths(catalog: Catalog | None) -> dict[str, str]:
    """Where files are whose title is not their path."""
    return {
        resource.ref: plain(path)
        for resource in (catalog.resources if catalog else ())
        if relations.kind_of(resource.ref) in {"File", "Concat_file"}
        and (path := text(resource.parameters.get("path")))
    }


def _path(resource: Resource) -> str:
    return resource.title if resource.kind in {"File", "Concat_file"} and resource.title.startswith("/") else ""


def _undone(seen: _Seen) -> tuple[Turn, Turn, str] | None:
    """The turn that undoes and the one that sets: a change back to what it was before, in another step."""
    for number, (was, became, turn, ref) in enumerate(seen.moves):
        for _, later, other, other_ref in seen.moves[number + 1 :]:
            if later == was and other.step != turn.step:
                if became == "absent":
                    return turn, other, other_ref
                if was == "absent":
                    return other, turn, ref
                # Neither is an absence: the one that comes first in the loop finds what the later one left.
                first, last = (turn, other) if turn.step < other.step else (other, turn)
                return first, last, ref if last is turn else other_ref
    return None


def _flapping(run: Run, flap: Flap) -> Finding:
    by_set, by_removed = _declared(flap.setter, flap), _remover(flap)
    subject = by_set.ref if by_set is not None else next(iter(sorted(flap.refs)), flap.things[0])
    happened = [f"{turn.phase}, step {turn.step}: {'; '.join(said)}" for turn, said in _history(run, flap) if said]
    restarted = _restarts_in(run, {flap.remover.step, flap.setter.step})
    named = ", ".join(flap.things[:NAMED]) + (f" and {len(flap.things) - NAMED} more" if flap.things[NAMED:] else "")
    evidence: dict[str, JsonValue] = {
        "steps": {"removes": flap.remover.step, "sets": flap.setter.step},
        "things": list(flap.things[:SHOWN]),
        "set_by": None if by_set is None else {"resource": by_set.ref, "declared_at": _place(by_set.declared_at)},
        "removed_by": None
        if by_removed is None
        else {"resource": by_removed.ref, "declared_at": _place(by_removed.declared_at)},
        "history": list(happened),
        "restarts": dict(restarted),
    }
    remover = "" if by_removed is None else f" (by {by_removed.ref}{_at(by_removed.declared_at)})"
    setter = "" if by_set is None else f" (by {by_set.ref}{_at(by_set.declared_at)})"
    goes = _comes_and_goes(run, flap)
    first, second = f"step {flap.remover.step}{remover}", f"step {flap.setter.step}"
    message = [
        f"{first} undoes what {second} sets{setter}, in each loop: {named}"
        if goes
        else f"{first} and {second}{setter} want different things, and undo each other in each loop: {named}",
        *happened,
        *(f"{unit} was restarted {restarts.times(number)} meanwhile" for unit, number in restarted.items()),
    ]
    return Finding(
        rule="step.flapping",
        means="diverged",
        phase=flap.setter.phase if run.subject.kind == "upgrade" else "again",
        subject=subject,
        message="\n".join(message),
        declared_at=by_set.declared_at if by_set is not None else None,
        hint=(
            f"Declare it in step {flap.remover.step} already, or keep that step from purging what a later one declares."
            if goes
            else "Give it one value in all steps."
        )
        + " A second run of the last step alone does not show this.",
        evidence=evidence,
        consequences=tuple(
            Consequence(subject=ref, message=f"set and undone in steps {flap.remover.step} and {flap.setter.step}")
            for ref in sorted(flap.refs - {subject})
        ),
    )


def _comes_and_goes(run: Run, flap: Flap) -> bool:
    """Whether anything of it is not there for a while, rather than only different."""
    moves = (move for turn in turns(run) for move in _moves(turn.run))
    return any("absent" in (was, became) for thing, was, became, _ in moves if thing.partition("\n")[0] in flap.things)


def _history(run: Run, flap: Flap) -> Iterator[tuple[Turn, list[str]]]:
    """What came and went, turn by turn."""
    wanted = set(flap.things)
    for turn in turns(run):
        came: list[str] = []
        went: list[str] = []
        changed: list[str] = []
        for thing, was, became, _ in _moves(turn.run):
            name = thing.partition("\n")[0]
            if name in wanted and was != became:
                (went if became == "absent" else came if was == "absent" else changed).append(name)
        said = [
            f"{', '.join(names[:NAMED])}{', ...' if names[NAMED:] else ''} {word}"
            for names, word in ((came, "came"), (went, "went"), (changed, "changed"))
            if names
        ]
        yield turn, said


def _restarts_in(run: Run, steps: set[int]) -> Counter[str]:
    phases = {turn.phase for turn in turns(run)}
    # In the first loop on a host that has nothing yet, services are restarted for many reasons.
    return Counter(
        each.unit
        for each in restarts.accounts(run)
        if each.phase in phases and each.step in steps and (each.phase, each.round) != ("fresh", 1)
    )


def _declared(turn: Turn, flap: Flap) -> CatalogResource | None:
    """What the author declares: the define around the resource that manages the first thing, or that resource."""
    catalog = turn.run.catalog
    if catalog is None:
        return None
    known = {resource.ref: resource for resource in catalog.resources}
    within = {contained: container for container, contained in catalog.edges}
    refs = [ref for ref in (*_managing(catalog, flap.things), *sorted(flap.refs)) if ref in known]
    for ref in refs[:1]:
        outermost, each = ref, within.get(ref)
        while each is not None and not each.startswith(CONTAINERS):
            outermost, each = each, within.get(each)
        return known.get(outermost, known[ref])
    return None


def _managing(catalog: Catalog, things: tuple[str, ...]) -> Iterator[str]:
    known = Known((catalog,))
    for thing in things:
        if thing.startswith("/"):
            exact = [
                resource
                for resource in catalog.resources
                if resource.ref.startswith(("File[", "Concat_file[", "Concat["))
                and plain(text(resource.parameters.get("path")) or relations.title_of(resource.ref)) == plain(thing)
            ]
            owner = exact[0] if exact else known.owner(thing)
            if owner is not None:
                yield owner.ref
        else:
            yield thing


def _remover(flap: Flap) -> CatalogResource | None:
    """The resource of the undoing step that answers: one that names the thing, or the directory that purges."""
    catalog = flap.remover.run.catalog
    for thing in flap.things if catalog is not None else ():
        if not thing.startswith("/"):
            found = next((each for each in catalog.resources if each.ref == thing), None) if catalog else None
            if found is not None:
                return found
            continue
        known = Known((catalog,)) if catalog else None
        owner = known.owner(thing) if known else None
        if owner is not None:
            return owner
        purging = {
            plain(text(each.parameters.get("path")) or relations.title_of(each.ref)): each
            for each in (catalog.resources if catalog else ())
            if each.ref.startswith("File[") and text(each.parameters.get("purge")) == "true"
        }
        for directory in above(thing):
            if directory in purging:
                return purging[directory]
    return None


def _place(place: Place | None) -> JsonValue:
    return None if place is None else str(place)


def _at(place: Place | None) -> str:
    return "" if place is None else f", {place}"
