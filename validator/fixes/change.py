"""One way to mend a finding, and what is known when one is proposed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import yaml
from pydantic import JsonValue

from validator.checks import delivered, disk
from validator.checks.relations import kind_of, title_of
from validator.clear import Clear
from validator.edited import Edit
from validator.findings import Finding
from validator.fixes import execs, services
from validator.fixes.site import Site
from validator.fixes.wanted import Draft, Drafts, Wanted
from validator.record import CatalogResource, Run
from validator.redact import Redactor
from validator.scenario.source import Task

NOT_WORD = re.compile(r"\W+")
SERVICE_KEYS = ("service", "systemd", "systemd_service")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One way to mend a finding: tasks behind another one (None: at the end), edits of tasks that are there.

    `anchor` is the task whose values are edited.
    """

    drafts: Drafts = ()
    behind: Task | None = None
    edits: tuple[Edit, ...] = ()
    anchor: Task | None = None
    note: str = ""

    @property
    def register(self) -> str:
        """The variable that says whether the first of the tasks changed something."""
        return variable(str(self.drafts[0]["name"]).partition(" in ")[0])


@dataclass(frozen=True)
class Known:
    """What is known when changes are proposed: the run, values in clear, the author's files, and what is secret."""

    run: Run
    clear: Clear
    site: Site
    redactor: Redactor

    def blamed(self, finding: Finding) -> Task | None:
        """The task that touched last what a finding is about, if it stands in these files."""
        return self.site.find(finding.left_by.place) if finding.left_by is not None else None

    def behind(self, finding: Finding, path: str) -> Task | None:
        """The task that touched it last, else the last one that wrote the same file."""
        if (task := self.blamed(finding)) is not None:
            return task
        writer = disk.writer(self.run, path) if path else None
        return self.site.find(writer.place) if writer is not None else None

    def change(self, drafts: Drafts, behind: Task | None, edits: tuple[Edit, ...] = ()) -> Change:
        """Tasks behind another one, with the tags that let them run."""
        upgrade = self.site.loaded.scenario.upgrade
        if upgrade.tags and self.site.loaded.fault is None:
            tag = next((tag for tag in upgrade.tags if "{" not in tag), "always")
            drafts = tuple({**draft, "tags": [tag]} for draft in drafts)
        return Change(drafts=drafts, behind=behind, edits=edits)

    def refresh(self, target: str, parameters: Mapping[str, JsonValue]) -> Drafts:
        """The tasks that do what a refresh of a service or an exec would."""
        if kind_of(target) == "Service":
            resource = CatalogResource(ref=target, declared_at=None, parameters=dict(parameters))
            return (services.restarted(delivered.unit_of(resource), units=self.run.subject.services),)
        wanted = Wanted(kind="Exec", title=title_of(target), parameters=parameters, changed={})
        return execs.run(wanted, refresh=True)


def variable(words: str) -> str:
    """A variable's name from what a task is called."""
    return NOT_WORD.sub("_", words.lower()).strip("_")[:48].strip("_")


def as_draft(task: Task) -> Draft | None:
    """A task of the author's as data; None where it holds what only Ansible can read (`!vault`)."""
    text = " " * task.node.start_mark.column + task.text[task.node.start_mark.index : task.end]
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    return loaded if isinstance(loaded, dict) and "name" in loaded else None


def when(draft: Draft, condition: str) -> Draft:
    """The task with one more condition; a question is not asked in vain either."""
    own = draft.get("when")
    if own is None:
        return {**draft, "when": condition}
    return {**draft, "when": [condition, *(own if isinstance(own, list) else [own])]}


def only_restarts(task: Task) -> bool:
    """Whether a task restarts a service and does nothing else."""
    arguments = task.module(*SERVICE_KEYS)
    state = arguments.get("state") if arguments else None
    return state is not None and str(state[1].value) == "restarted" and "loop" not in task.keys
