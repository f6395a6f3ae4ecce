"""Refreshes that got lost, or would: restarts and commands after the last write, and restarts too many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from validator.checks import restarts as accounts
from validator.checks import spans
from validator.edited import Edit
from validator.findings import Finding
from validator.fixes import site
from validator.fixes.change import Change, Known, as_draft, only_restarts, variable, when
from validator.fixes.wanted import Drafts
from validator.record import Place
from validator.scenario.source import Task


def followed(known: Known, change: Change, target: str) -> Change:
    """The change with a restart, or a command, for a refresh that would get lost by it."""
    parameters = known.clear.parameters.get(target)
    if parameters is None or not (change.drafts or change.anchor):
        return change
    if change.anchor is None:
        first, rest, edits = {**change.drafts[0], "register": change.register}, change.drafts[1:], change.edits
        drafts: Drafts = (first, *rest)
        condition = f"{change.register} is changed"
    else:
        drafts, (condition, more_edits) = change.drafts, _conditions([change.anchor])
        edits = (*change.edits, *more_edits)
    more = (when(draft, condition) if condition else draft for draft in known.refresh(target, parameters))
    return replace(change, drafts=(*drafts, *more), edits=tuple(dict.fromkeys(edits)))


def lost(known: Known, finding: Finding) -> Iterator[Change]:
    """Deliver it after the last write: by a restart that comes too early today, or by one more."""
    parameters = known.clear.parameters.get(finding.subject)
    if parameters is None:
        return
    sources = finding.evidence.get("sources")
    writes = [each for each in sources if isinstance(each, dict)] if isinstance(sources, list) else []
    writers = [known.site.find(_as_place(each.get("task_place"))) for each in writes]
    found = list(dict.fromkeys(task for task in writers if task is not None))
    behind = writers[-1] if writers else None
    early = _early(known, finding)
    cut = site.removal(early) if early is not None and early is not behind else None
    moved = as_draft(early) if early is not None else None
    if cut is not None and moved is not None and behind is not None:
        yield known.change((moved,), behind, edits=(cut,))
    drafts = known.refresh(finding.subject, parameters)
    conditions, edits = _conditions(found) if len(found) == len(set(writers)) else ("", ())
    if conditions:
        yield known.change(tuple(when(draft, conditions) for draft in drafts), behind, edits=edits)
    yield known.change(drafts, behind)


def restarts(known: Known, finding: Finding) -> Iterator[Change]:
    """Restart it once, at the end: without the tasks that restart it before."""
    found = [each for each in accounts.accounts(known.run) if each.unit == finding.subject]
    tasks = [known.site.find(each.who.place) for each in found if each.phase == finding.phase]
    early = [task for task in tasks[:-1] if task is not None and only_restarts(task)]
    cuts = [cut for task in dict.fromkeys(early) if (cut := site.removal(task)) is not None]
    if cuts:
        yield Change(edits=tuple(cuts))


def _conditions(writers: list[Task]) -> tuple[str, tuple[Edit, ...]]:
    """Whether one of the writing tasks changed something, with the edits that let them say so."""
    names: list[str] = []
    edits: list[Edit] = []
    for task in writers:
        known = task.keys.get("register")
        name = str(known[1].value) if known else variable(task.name)
        edit = None if known else site.with_key(task, "register", name)
        if known is None and (edit is None or not name):
            return "", ()
        names.append(name)
        edits += [edit] if edit is not None else []
    return " or ".join(f"{name} is changed" for name in dict.fromkeys(names)), tuple(edits)


def _early(known: Known, finding: Finding) -> Task | None:
    """A task that does nothing but restart the service, and does it before the last write."""
    moment = finding.evidence.get("target_at")
    if not isinstance(moment, float):
        return None
    for name in ("fault", "upgrade"):
        found = spans.at(known.run.phase(name), moment)
        task = known.site.find(found[0].place) if found is not None else None
        if task is not None and only_restarts(task):
            return task
    return None


def _as_place(said: JsonValue) -> Place | None:
    if not isinstance(said, str):
        return None
    file, _, line = said.rpartition(":")
    return Place(file=file, line=int(line)) if line.isdigit() else Place(file=said)
