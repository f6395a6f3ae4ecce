"""What other witnesses found: paths and units unlike those of a fresh host, units left down, hidden changes."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks.managed import text
from validator.findings import Finding
from validator.fixes import files, services, site
from validator.fixes.change import Change, Known


def without(known: Known, finding: Finding) -> Iterator[Change]:
    """Where there is nothing that a task could do instead: without the task that did it."""
    task = known.blamed(finding)
    if task is not None and (cut := site.removal(task)) is not None:
        yield Change(edits=(cut,), note="it takes the task out: put what else it does somewhere else")


def silent(known: Known, finding: Finding) -> Iterator[Change]:
    """Let the task say itself whether it changed something."""
    task = known.blamed(finding)
    if task is not None and (edit := site.without_key(task, "changed_when")) is not None:
        yield Change(edits=(edit,))


def unit(known: Known, finding: Finding) -> Iterator[Change]:
    """Bring a unit that Puppet does not manage back to what it was."""
    arguments: dict[str, JsonValue] = {"enabled": True} if finding.rule == "service.disabled" else {}
    if finding.rule == "service.stopped":
        arguments = {"state": "started"}
    verb = "Enable" if finding.rule == "service.disabled" else "Start"
    draft = services.told(finding.subject, f"{verb} {finding.subject} again", arguments, units=True)
    yield known.change((draft,), known.behind(finding, ""))


def path(known: Known, finding: Finding) -> Iterator[Change]:
    """Make a path what it is on a fresh host."""
    path = text(finding.evidence.get("path"))
    if path not in known.clear.fresh:
        return
    state, behind = known.clear.fresh[path], known.behind(finding, path)
    if state is None:
        yield known.change((files.removed(path),), behind)
        return
    metadata = finding.evidence.get("kind") == "metadata"
    for drafts in files.made(path, state, set(files.OWNERSHIP), content=not metadata):
        yield known.change(drafts, behind)


def agreed(known: Known, finding: Finding) -> Iterator[Change]:
    """Bring a unit to what it is on a fresh host; one that is not there goes before its file does."""
    agreement = known.run.agreement
    if agreement is None:
        return
    fresh = next((state for state in agreement.fresh_units if state.unit == finding.subject), None)
    runs = fresh is not None and fresh.runs
    enabled = fresh is not None and fresh.enabled == "enabled"
    arguments: dict[str, JsonValue] = {"state": "started" if runs else "stopped", "enabled": enabled}
    if fresh is not None and fresh.enabled == "masked":
        arguments = {"state": "stopped", "enabled": False, "masked": True}
    words = "as on a fresh host" if fresh is not None else "which a fresh host does not have"
    draft = services.told(finding.subject, f"Bring {finding.subject} to where it is {words}", arguments, units=True)
    yield known.change((draft,), None)
