"""From a finding to the changes of the tasks that may mend it: candidates, the best first. Nothing is tried here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import yaml
from pydantic import JsonValue

from validator.checks import delivered, disk, restarts, spans
from validator.checks.managed import text
from validator.checks.relations import kind_of, title_of
from validator.clear import Clear
from validator.edited import Edit
from validator.findings import Finding
from validator.fixes import execs, files, inplace, options, resources, services, site
from validator.fixes.site import Site
from validator.fixes.wanted import Draft, Drafts, Wanted
from validator.record import CatalogResource, Place, Resource, Run
from validator.redact import Redactor
from validator.scenario.source import Task

NOT_WORD = re.compile(r"\W+")
WORD = re.compile(r"[a-z0-9]+")
SERVICE_KEYS = ("service", "systemd", "systemd_service")
COMMANDS_TRIED = 3  # refreshonly execs that are tried one by one before all of them together


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
        return _variable(str(self.drafts[0]["name"]).partition(" in ")[0])


@dataclass(frozen=True)
class Proposer:
    """What is known when changes are proposed: the run, values in clear, and the author's files."""

    run: Run
    clear: Clear
    site: Site
    redactor: Redactor

    def candidates(self, finding: Finding) -> Iterator[Change]:
        """The ways to mend a finding."""
        family, _, what = finding.rule.partition(".")
        if family == "converge" and what in {"change", "noop", "out-of-sync", "failure"}:
            if not finding.evidence.get("again"):  # what comes back in every run no task can mend
                yield from self._resource(finding)
            if what == "failure":
                yield from self._commands(finding)
                yield from self.without(finding)
        elif finding.rule in _BY_RULE:
            yield from _BY_RULE[finding.rule](self, finding)

    def followed(self, change: Change, target: str) -> Change:
        """The change with a restart, or a command, for a refresh that would get lost by it."""
        known = self.clear.parameters.get(target)
        if known is None or not (change.drafts or change.anchor):
            return change
        if change.anchor is None:
            first, rest, edits = {**change.drafts[0], "register": change.register}, change.drafts[1:], change.edits
            drafts: Drafts = (first, *rest)
            condition = f"{change.register} is changed"
        else:
            drafts, (condition, more_edits) = change.drafts, self._conditions([change.anchor])
            edits = (*change.edits, *more_edits)
        more = (_when(draft, condition) if condition else draft for draft in self._refresh(target, known))
        return replace(change, drafts=(*drafts, *more), edits=tuple(dict.fromkeys(edits)))

    # --- What Puppet changed, or failed to ---

    def _resource(self, finding: Finding) -> Iterator[Change]:
        resource = self._notable(finding)
        if resource is None:
            return
        wanted = self._wanted(resource)
        behind = self._behind(finding, wanted.path)
        targets = [each.subject for each in finding.consequences if self._would_be_lost(each.subject, behind)]
        for change in (*self._in_place(finding, wanted), *self._inserted(wanted, behind)):
            yield reduce(self.followed, targets, change)

    def _in_place(self, finding: Finding, wanted: Wanted) -> Iterator[Change]:
        """The value where it stands: in the task that touched it last, or one that sets the same option."""
        last = self.site.find(finding.left_by.place) if finding.left_by is not None else None
        tasks = [*([last] if last is not None else []), *inplace.setting(self.site.tasks, wanted)]
        for task in dict.fromkeys(tasks):
            if found := inplace.edits(task, wanted, self.redactor):
                yield Change(behind=task, edits=found, anchor=task)

    def _inserted(self, wanted: Wanted, behind: Task | None) -> Iterator[Change]:
        return (self._change(drafts, behind) for drafts in resources.candidates(wanted))

    def _notable(self, finding: Finding) -> Resource | None:
        phase = self.run.phase(finding.phase) if finding.phase else None
        reports = [apply.report for apply in (phase.puppet if phase else ()) if apply.report is not None]
        found = [each for report in reports for each in report.notable if each.ref == finding.subject]
        return found[-1] if found else None

    def _wanted(self, resource: Resource) -> Wanted:
        declared = self.clear.parameters.get(resource.ref)
        wanted = Wanted(
            kind=resource.kind,
            title=resource.title,
            parameters=declared or {},
            changed={event.property: event.desired for event in resource.events if event.property is not None},
            executed=self.clear.executed.get(resource.ref, ()),
            purged=declared is None,
            failed=resource.failed,
            services=self.run.subject.services,
        )
        path = _path(wanted)
        return replace(wanted, path=path, state=self.clear.files.get(path))

    def _would_be_lost(self, target: str, behind: Task | None) -> bool:
        """Whether nobody delivers a refresh once the fix is in its place: then Puppet's own does not come any more."""
        known = self.clear.parameters.get(target)
        if known is None:
            return False
        resource = CatalogResource(ref=target, declared_at=None, parameters=dict(known))
        if not delivered.is_target(resource):
            return False
        return not delivered.of(self._before_puppet, resource).after(self._ended(behind))

    @cached_property
    def _before_puppet(self) -> Run:
        return replace(self.run, phases=tuple(p for p in self.run.phases if p.name not in {"converge", "again"}))

    def _ended(self, behind: Task | None) -> float:
        """When a task that fixes go behind had ended; for ever after where they go to the end."""
        if behind is None:
            return math.inf
        found = [
            span.end
            for name in ("upgrade", "fault")
            for span, _ in spans.of(self.run.phase(name))
            if self.site.find(span.place) is behind
        ]
        return max(found, default=math.inf)

    def _behind(self, finding: Finding, path: str) -> Task | None:
        """The task that touched it last, else the last one that wrote the same file."""
        if finding.left_by is not None and (task := self.site.find(finding.left_by.place)) is not None:
            return task
        writer = disk.writer(self.run, path) if path else None
        return self.site.find(writer.place) if writer is not None else None

    def _change(self, drafts: Drafts, behind: Task | None, edits: tuple[Edit, ...] = ()) -> Change:
        upgrade = self.site.loaded.scenario.upgrade
        if upgrade.tags and self.site.loaded.fault is None:
            tag = next((tag for tag in upgrade.tags if "{" not in tag), "always")
            drafts = tuple({**draft, "tags": [tag]} for draft in drafts)
        return Change(drafts=drafts, behind=behind, edits=edits)

    # --- Refreshes, restarts, units ---

    def _refresh(self, target: str, parameters: Mapping[str, JsonValue]) -> Drafts:
        if kind_of(target) == "Service":
            resource = CatalogResource(ref=target, declared_at=None, parameters=dict(parameters))
            return (services.restarted(delivered.unit_of(resource), units=self.run.subject.services),)
        wanted = Wanted(kind="Exec", title=title_of(target), parameters=parameters, changed={})
        return execs.run(wanted, refresh=True)

    def lost(self, finding: Finding) -> Iterator[Change]:
        """Deliver it after the last write: by a restart that comes too early today, or by one more."""
        known = self.clear.parameters.get(finding.subject)
        if known is None:
            return
        sources = finding.evidence.get("sources")
        writes = [each for each in sources if isinstance(each, dict)] if isinstance(sources, list) else []
        writers = [self.site.find(_as_place(each.get("task_place"))) for each in writes]
        found = list(dict.fromkeys(task for task in writers if task is not None))
        behind = writers[-1] if writers else None
        early = self._early(finding)
        cut = site.removal(early) if early is not None and early is not behind else None
        moved = _as_draft(early) if early is not None else None
        if cut is not None and moved is not None and behind is not None:
            yield self._change((moved,), behind, edits=(cut,))
        drafts = self._refresh(finding.subject, known)
        conditions, edits = self._conditions(found) if len(found) == len(set(writers)) else ("", ())
        if conditions:
            yield self._change(tuple(_when(draft, conditions) for draft in drafts), behind, edits=edits)
        yield self._change(drafts, behind)

    def _conditions(self, writers: list[Task]) -> tuple[str, tuple[Edit, ...]]:
        """Whether one of the writing tasks changed something, with the edits that let them say so."""
        names: list[str] = []
        edits: list[Edit] = []
        for task in writers:
            known = task.keys.get("register")
            name = str(known[1].value) if known else _variable(task.name)
            edit = None if known else site.with_key(task, "register", name)
            if known is None and (edit is None or not name):
                return "", ()
            names.append(name)
            edits += [edit] if edit is not None else []
        return " or ".join(f"{name} is changed" for name in dict.fromkeys(names)), tuple(edits)

    def _early(self, finding: Finding) -> Task | None:
        """A task that does nothing but restart the service, and does it before the last write."""
        moment = finding.evidence.get("target_at")
        if not isinstance(moment, float):
            return None
        for name in ("fault", "upgrade"):
            found = spans.at(self.run.phase(name), moment)
            task = self.site.find(found[0].place) if found is not None else None
            if task is not None and _only_restarts(task):
                return task
        return None

    def without(self, finding: Finding) -> Iterator[Change]:
        """Where there is nothing that a task could do instead: without the task that did it."""
        task = self.site.find(finding.left_by.place) if finding.left_by is not None else None
        if task is not None and (cut := site.removal(task)) is not None:
            yield Change(edits=(cut,), note="it takes the task out: put what else it does somewhere else")

    def restarts(self, finding: Finding) -> Iterator[Change]:
        """Restart it once, at the end: without the tasks that restart it before."""
        accounts = [each for each in restarts.accounts(self.run) if each.unit == finding.subject]
        tasks = [self.site.find(each.who.place) for each in accounts if each.phase == finding.phase]
        early = [task for task in tasks[:-1] if task is not None and _only_restarts(task)]
        cuts = [cut for task in dict.fromkeys(early) if (cut := site.removal(task)) is not None]
        if cuts:
            yield Change(edits=tuple(cuts))

    def silent(self, finding: Finding) -> Iterator[Change]:
        """Let the task say itself whether it changed something."""
        place = finding.left_by.place if finding.left_by is not None else finding.declared_at
        task = self.site.find(place)
        if task is not None and (edit := site.without_key(task, "changed_when")) is not None:
            yield Change(edits=(edit,))

    def unit(self, finding: Finding) -> Iterator[Change]:
        """Bring a unit that Puppet does not manage back to what it was."""
        arguments: dict[str, JsonValue] = {"enabled": True} if finding.rule == "service.disabled" else {}
        if finding.rule == "service.stopped":
            arguments = {"state": "started"}
        verb = "Enable" if finding.rule == "service.disabled" else "Start"
        draft = services.told(finding.subject, f"{verb} {finding.subject} again", arguments, units=True)
        yield self._change((draft,), self._behind(finding, ""))

    # --- Compared with a fresh host ---

    def path(self, finding: Finding) -> Iterator[Change]:
        """Make a path what it is on a fresh host."""
        path = text(finding.evidence.get("path"))
        if path not in self.clear.fresh:
            return
        state, behind = self.clear.fresh[path], self._behind(finding, path)
        if state is None:
            yield self._change((files.removed(path),), behind)
            return
        metadata = finding.evidence.get("kind") == "metadata"
        for drafts in files.made(path, state, set(files.OWNERSHIP), content=not metadata):
            yield self._change(drafts, behind)

    def agreed(self, finding: Finding) -> Iterator[Change]:
        """Bring a unit to what it is on a fresh host; one that is not there goes before its file does."""
        agreement = self.run.agreement
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
        yield self._change((draft,), None)

    # --- Commands that wait for a refresh ---

    def _commands(self, finding: Finding) -> Iterator[Change]:
        """Refreshonly execs: what they would have done may be what is missing. Those that speak of it come first."""
        about = set(WORD.findall(f"{finding.subject} {finding.message}".lower()))
        proofs = [proof for proof in self.run.subject.proofs if proof.probe == finding.subject]
        proved = [pattern for proof in proofs for pattern in proof.resources]
        waiting = [
            (ref, parameters)
            for ref, parameters in self.clear.parameters.items()
            if kind_of(ref) == "Exec" and text(parameters.get("refreshonly")) == "true"
        ]

        def nearness(each: tuple[str, Mapping[str, JsonValue]]) -> tuple[bool, int]:
            ref, parameters = each
            words = set(WORD.findall(f"{ref} {text(parameters.get('command'))}".lower()))
            return ref not in proved, -len(words & about)

        ranked = sorted(waiting, key=nearness)
        for ref, parameters in ranked[:COMMANDS_TRIED]:
            yield self._change(self._refresh(ref, parameters), None)
        if len(ranked) > 1:
            every = tuple(draft for ref, parameters in waiting for draft in self._refresh(ref, parameters))
            yield self._change(every, None)


_BY_RULE = {
    "converge.restart-failed": Proposer.without,
    "vacuous.audit": Proposer.without,
    "agreement.path": Proposer.path,
    "agreement.unit": Proposer.agreed,
    "disk.task-said-ok": Proposer.silent,
    "probe.failed": Proposer._commands,
    "refresh.lost": Proposer.lost,
    "restart.upgrade": Proposer.restarts,
    "service.disabled": Proposer.unit,
    "service.stopped": Proposer.unit,
}


def _variable(words: str) -> str:
    """A variable's name from what a task is called."""
    return NOT_WORD.sub("_", words.lower()).strip("_")[:48].strip("_")


def _as_draft(task: Task) -> Draft | None:
    """A task of the author's as data; None where it holds what only Ansible can read (`!vault`)."""
    text = " " * task.node.start_mark.column + task.text[task.node.start_mark.index : task.end]
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    return loaded if isinstance(loaded, dict) and "name" in loaded else None


def _path(wanted: Wanted) -> str:
    if wanted.kind in {"File", "Concat_file"}:
        return wanted.given("path") or wanted.title
    if wanted.kind in resources.FILES:
        who = wanted.given("user") or "root"
        return wanted.given("target") or resources.FILES[wanted.kind].replace("{user}", who)
    return options.file_and_option(wanted)[0] if options.is_option(wanted) else ""


def _when(draft: Draft, condition: str) -> Draft:
    """The task with one more condition; a question is not asked in vain either."""
    own = draft.get("when")
    if own is None:
        return {**draft, "when": condition}
    return {**draft, "when": [condition, *(own if isinstance(own, list) else [own])]}


def _as_place(said: JsonValue) -> Place | None:
    if not isinstance(said, str):
        return None
    file, _, line = said.rpartition(":")
    return Place(file=file, line=int(line)) if line.isdigit() else Place(file=said)


def _only_restarts(task: Task) -> bool:
    arguments = task.module(*SERVICE_KEYS)
    state = arguments.get("state") if arguments else None
    return state is not None and str(state[1].value) == "restarted" and "loop" not in task.keys
