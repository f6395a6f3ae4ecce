"""What replays say of a notification: put back what the upgrade wrote, and see whether Puppet sends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from validator.checks import relations
from validator.checks.ondisk import plain
from validator.record import Catalog, CatalogResource, Report, Resource, Run


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`needed`: Puppet refreshed the target, with its own words. `needless`: it did not. `open`: no replay tells."""

    says: Literal["needed", "needless", "open"]
    message: str = ""


class Replays:
    """The replays of a run that went well."""

    def __init__(self, run: Run) -> None:
        self._replays = tuple(_usable(run))

    def answer(self, source: CatalogResource, path: str, target: str) -> Answer:
        """Whether a change of `path` makes Puppet refresh `target` on behalf of `source`."""
        answers = [replay.answer(source, target) for replay in self._replays if path and plain(path) in replay.paths]
        ranked = ("needed", "needless", "open")
        return min(answers, key=lambda answer: ranked.index(answer.says), default=Answer(says="open"))


class _Replay:
    def __init__(self, paths: tuple[str, ...], report: Report, catalog: Catalog) -> None:
        self.paths = frozenset(map(plain, paths))
        self._notable = {resource.ref: resource for resource in report.notable}
        self._declared = {resource.ref: resource for resource in catalog.resources}
        self._graph = relations.refreshes(catalog)
        self._executed = report.executed
        self._failed = any(
            resource.failed or resource.failed_to_restart or resource.skipped for resource in report.notable
        )

    def answer(self, source: CatalogResource, target: str) -> Answer:
        if target not in relations.reached(self._graph, source.ref):
            return Answer(says="open")  # this catalog (of another step?) knows of no such notification
        sent = self._changed(source)
        if sent is False:
            return Answer(says="needless")
        refreshed = self._notable.get(target)
        refreshes = [event for event in (refreshed.events if refreshed else ()) if event.property is None]
        if sent and refreshes and self._held_back(target):
            return Answer(says="needless")
        if sent and refreshes:
            return Answer(says="needed", message=refreshes[0].message)
        # A service that Puppet has just started is not refreshed, and what follows a failure is not reached.
        if sent is None or self._failed or refreshed is not None:
            return Answer(says="open")
        return Answer(says="needless")

    def _held_back(self, target: str) -> bool:
        """Whether an exec was refreshed and its own `onlyif` or `unless` kept the command from running."""
        return relations.kind_of(target) == "Exec" and self._executed is not None and target not in self._executed

    def _changed(self, source: CatalogResource) -> bool | None:
        """Whether Puppet changed it. None when that cannot be told."""
        for ref in (source.ref, *_made_files(source)):
            resource = self._notable.get(ref)
            if resource is not None:
                return True if _is_changed(resource) else None
        # With the old state on disk it is in order: a change of the path is not a change of what it manages.
        declared = self._declared.get(source.ref)
        return False if declared is not None and declared.parameters == source.parameters else None


def _made_files(source: CatalogResource) -> Iterator[str]:
    if relations.kind_of(source.ref) == "Concat_file":
        path = source.parameters.get("path")
        yield f"File[{path if isinstance(path, str) else relations.title_of(source.ref)}]"


def _is_changed(resource: Resource) -> bool:
    return any(event.property is not None and event.status == "success" for event in resource.events)


def _usable(run: Run) -> Iterator[_Replay]:
    converge = run.phase("converge")
    for replay in run.replays:
        applied = replay.puppet
        if replay.trouble or applied is None or applied.trouble or applied.report is None:
            continue
        same_step = (each.catalog for each in (converge.puppet if converge else ()) if each.step == applied.step)
        catalog = applied.catalog or next(same_step, None)
        if applied.report.completed and not applied.report.noop and catalog is not None:
            yield _Replay(replay.paths, applied.report, catalog)
