"""What changed on disk must be what the tools say they changed.

Puppet's report covers what resources manage; what their guards and commands do besides is in no report. Ansible
believes a task that says it changed nothing (`changed_when: false`). The disk knows better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from validator.checks import spans
from validator.checks.known import Known, above, catalogs, goes_deep, of_phase, paths_of
from validator.findings import Finding, Left
from validator.record import (
    PathChange,
    Phase,
    PhaseName,
    Place,
    Resource,
    Run,
)

FINDINGS = 20  # of unreported paths, one each; the rest is counted
NAMED = 3  # paths that a note names in its message
PATHS_SHOWN = 50  # paths in the evidence of a note
PATHS_KEPT = 1000  # paths in the evidence of a finding that stands for many, for waivers to go by
# Types whose titles or parameters tell which files they write.
TOLD = frozenset(("File", "File_line", "Ini_setting", "Ini_subsetting"))
# Types that write nothing, whatever they report.
WRITELESS = frozenset(("Anchor", "Class", "Filebucket", "Notify", "Schedule", "Stage", "Whit"))
SLACK = 0.02  # seconds between a file's own clock and the border of a task
KINDS = {
    "added": "came into being",
    "removed": "was removed",
    "type": "became something of another kind",
    "content": "got another content",
}


def check(run: Run) -> Iterator[Finding]:
    """Paths that Puppet's report does not explain, writes of tasks that said ok, and notes of what nobody manages."""
    seen: set[str] = set()
    for name in ("converge", "again"):
        phase = run.phase(name)
        if phase is not None:
            yield from _unreported(phase, seen)
    for tasks in ("upgrade", "fault", "upgrade-again"):
        phase = run.phase(tasks)
        if phase is not None:
            yield from _said_ok(run, phase)
    yield from _unmanaged(run)


@dataclass(frozen=True, kw_only=True)
class Silent:
    """A task that said it changed nothing, and what it wrote."""

    task: str
    place: Place | None
    changes: tuple[PathChange, ...]


def what(change: PathChange) -> str:
    """What happened to a path, for a sentence that begins with it."""
    if change.kind in KINDS:
        return KINDS[change.kind]
    return f"got another {' and '.join(change.aspects)}" if change.aspects else f"changed ({change.kind})"


def shown(change: PathChange) -> dict[str, JsonValue]:
    """A changed path as evidence."""
    evidence: dict[str, JsonValue] = {"path": change.path, "kind": change.kind}
    if change.aspects:
        evidence["aspects"] = list(change.aspects)
    if change.content is not None and change.content.diff:
        evidence["diff"] = change.content.diff
    # Of a text the difference says the same.
    if change.content is not None and change.content.patch and change.content.form != "text":
        evidence["patch"] = list(change.content.patch)
    return evidence


def rest(paths: Sequence[str]) -> dict[str, JsonValue]:
    """The evidence of a finding that stands for many paths."""
    return {"count": len(paths), "paths": list(paths[:PATHS_KEPT])}


def writer(run: Run, path: str) -> Left | None:
    """The last task of the upgrade that wrote a path."""
    for name in ("fault", "upgrade"):
        for span, _ in reversed(tuple(spans.of(run.phase(name)))):
            if path in span.paths:
                return Left(task=span.name, place=span.place, did=f"wrote {path}", known="seen")
    return None


def silent(run: Run, phase: Phase) -> tuple[Silent, ...]:
    """The tasks of a phase that wrote what looks managed and said that they changed nothing."""
    known = Known(catalogs(run))
    changed = {
        change.path: change
        for change in (phase.disk.changes if phase.disk else ())
        if change.kind != "touched" and known.looks_managed(change.path)
    }
    every = tuple(spans.of(phase))
    told = {path for span, found in every if spans.says_changed(found) for path in span.paths}
    wrote: dict[tuple[str, Place | None], dict[str, PathChange]] = {}
    for span, found in every:
        if not spans.may_write(found) or spans.says_changed(found):
            continue
        for path in span.paths:
            change = changed.get(path)
            # Of a path that another task owned up to, only the last write is told by the file itself.
            if change is not None and (path not in told or span.start - SLACK <= change.changed_at <= span.end + SLACK):
                wrote.setdefault((span.name, span.place), {})[path] = change
    return tuple(Silent(task=task, place=place, changes=tuple(by.values())) for (task, place), by in wrote.items())


def _unreported(phase: Phase, seen: set[str]) -> Iterator[Finding]:
    known, explained = Known(of_phase(phase)), _Explained.by(phase)
    changes = phase.disk.changes if phase.disk else ()
    touched = [change.path for change in changes if change.kind == "touched"]
    untold = [change for change in changes if change.kind != "touched" and not explained.covers(change.path)]
    matters = [change for change in untold if known.looks_managed(change.path)]
    of_matter = {change.path for change in matters}
    new = [change for change in matters if change.path not in seen]
    seen |= of_matter
    for change in new[:FINDINGS]:
        yield _untold(phase.name, known, change)
    if left := [change.path for change in new[FINDINGS:]]:
        yield Finding(
            rule="disk.unreported",
            means="diverged",
            phase=phase.name,
            subject=f"{len(left)} more paths",
            message=f"Puppet's run changed {len(left)} more paths that its report does not mention",
            hint="Begin with the paths above; a directory of a daemon's own is declared under `noise` in the scenario.",
            evidence=rest(left),
        )
    if elsewhere := [change.path for change in untold if change.path not in of_matter]:
        yield _note(
            "disk.unmanaged", phase.name, elsewhere, "changed while Puppet ran, outside of what releases usually manage"
        )
    if touched:
        yield _note("disk.touched", phase.name, touched, f"written again in `{phase.name}`, with the content they had")


def _untold(phase: PhaseName, known: Known, change: PathChange) -> Finding:
    naming = known.naming(change.path)
    suspect, parameter = naming[0] if len(naming) == 1 else (known.owner(change.path), "")
    evidence = shown(change)
    if naming:
        evidence["suspects"] = [resource.ref for resource, _ in naming]
    named = "".join(f"; `{name}` of {resource.ref} names it" for resource, name in naming[:NAMED])
    return Finding(
        rule="disk.unreported",
        means="diverged",
        phase=phase,
        subject=suspect.ref if suspect is not None and parameter else change.path,
        message=f"{change.path} {what(change)} while Puppet ran, and Puppet's report says nothing of it{named}",
        declared_at=suspect.declared_at if suspect is not None else None,
        hint="Look for a guard (`unless`, `onlyif`) that writes, or a command with a side effect: it does so in every "
        "run. A daemon's own state file is declared under `noise` in the scenario.",
        evidence=evidence,
    )


@dataclass(frozen=True, kw_only=True)
class _Explained:
    """What Puppet says it did in a phase. `anything`: something whose files cannot be told."""

    anything: bool
    paths: frozenset[str]
    trees: frozenset[str]

    @classmethod
    def by(cls, phase: Phase) -> _Explained:
        anything, paths, trees = False, set[str](), set[str]()
        for apply in phase.puppet:
            declared = {each.ref: each for each in (apply.catalog.resources if apply.catalog else ())}
            for resource in apply.report.notable if apply.report else ():
                if not _acted(resource) or resource.kind in WRITELESS:
                    continue
                if resource.kind not in TOLD and not resource.kind.startswith("Concat"):
                    anything = True
                    continue
                known = declared.get(resource.ref)
                about = paths_of(resource.ref, known.parameters if known else {})
                paths |= about
                # What became a directory, or none any more, changed with all that is below it.
                if (known and goes_deep(known)) or any(event.property == "ensure" for event in resource.events):
                    trees |= about
        return cls(anything=anything, paths=frozenset(paths), trees=frozenset(trees))

    def covers(self, path: str) -> bool:
        return self.anything or path in self.paths or any(above in self.trees for above in above(path))


def _acted(resource: Resource) -> bool:
    return resource.changed or any(event.status in {"success", "failure"} for event in resource.events)


def _said_ok(run: Run, phase: Phase) -> Iterator[Finding]:
    for each in silent(run, phase):
        paths = [change.path for change in each.changes]
        first = each.changes[0]
        more = f" and {len(paths) - 1} more path(s)" if len(paths) > 1 else ""
        yield Finding(
            rule="disk.task-said-ok",
            means="diverged",
            phase=phase.name,
            subject=each.task,
            message=f"the task says it changed nothing, but while it ran {first.path} {what(first)}{more}",
            declared_at=each.place,
            left_by=Left(task=each.task, place=each.place, did=f"wrote {first.path}", known="seen"),
            hint="`changed_when: false` on something that writes hides it from every check of idempotence: give the "
            "task a truthful `changed_when`, or `creates`/`removes`. A daemon's own state file is declared under "
            "`noise` in the scenario.",
            evidence={**shown(first), **rest(paths)},
        )
    if loose := _loose(run, phase):
        yield _note("disk.no-task", phase.name, loose, "written while no task ran that writes")


def _loose(run: Run, phase: Phase) -> list[str]:
    """Paths that changed while no task ran, or one that only looks: a daemon's or a timer's."""
    known, every = Known(catalogs(run)), tuple(spans.of(phase))
    accounted = {path for span, found in every if spans.may_write(found) for path in span.paths}
    differing = {change.path for change in (phase.disk.changes if phase.disk else ()) if change.kind != "touched"}
    return sorted(
        path
        for path in {path for span, _ in every for path in span.paths} & (differing - accounted)
        if known.looks_managed(path)
    )


def _unmanaged(run: Run) -> Iterator[Finding]:
    upgrade, found = run.phase("upgrade"), of_phase(run.phase("converge"))
    if upgrade is None or upgrade.disk is None or not found:
        return
    known = Known(found)
    paths = [
        change.path for change in upgrade.disk.changes if change.kind != "touched" and not known.is_managed(change.path)
    ]
    if paths:
        yield _note(
            "disk.unmanaged", "upgrade", paths, "changed by the upgrade, managed by no resource of the new release"
        )


def _note(rule: str, phase: PhaseName, paths: Sequence[str], message: str) -> Finding:
    named = ", ".join(paths[:NAMED]) + (", ..." if len(paths) > NAMED else "")
    return Finding(
        rule=rule,
        means="note",
        phase=phase,
        subject=phase,
        message=f"{len(paths)} path(s) {message}: {named}",
        evidence={"count": len(paths), "paths": list(paths[:PATHS_SHOWN])},
    )
