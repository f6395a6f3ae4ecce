"""One trial: the whole scenario with edits of its tasks, from the last state in the cache that they do not touch."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import yaml

from validator import clear as clears
from validator import edited
from validator.bench import Bench
from validator.clear import Clear
from validator.edited import Edit
from validator.findings import Finding
from validator.fixes import resources
from validator.fixes.site import Site
from validator.host.cache import Cache
from validator.host.layer import Stack
from validator.progress import Progress
from validator.record import Run
from validator.redact import Redactor
from validator.validate import validate
from validator.verdict import Result, judge
from validator.work import Work

Key = tuple[str, str]  # a finding's rule and subject


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What came of one trial. `failed` is the name of a task that failed and ended the upgrade."""

    result: Result
    run: Run
    clear: Clear
    failed: str = ""

    @property
    def left(self) -> dict[Key, Finding]:
        """What is wrong with the edits."""
        return {key(finding): finding for finding in errors(self.result)}


def key(finding: Finding) -> Key:
    """What a finding is called, here and in another run."""
    return finding.rule, finding.subject


def errors(result: Result) -> tuple[Finding, ...]:
    """What keeps a result from being converged."""
    return tuple(finding for finding in result.findings if finding.means != "note")


def measure(result: Result) -> int:
    """How much is left to do: resources that Puppet changed or failed, and what other witnesses found."""
    converge = next((phase for phase in result.phases if phase.name == "converge"), None)
    done = sum(int(str(converge.counts.get(name, 0))) for name in ("changed", "failed")) if converge else 0
    return done + sum(not finding.rule.startswith(("converge.", "again.")) for finding in errors(result))


@dataclass
class Gathered:
    """What fixes are made of, gathered when a run has been through all its phases and its host is still there."""

    clear: Clear
    redactor: Redactor

    def __call__(self, work: Work, bench: Bench, fresh: Stack | None) -> None:
        """Gather it."""
        self.redactor = work.redactor
        if work.upgraded is not None:
            self.clear = clears.gather(work, bench, fresh, work.upgraded, _unknown(work, bench))


def _unknown(work: Work, bench: Bench) -> list[str]:
    """The resources that Puppet changed and no module is known for."""
    found = []
    for phase in work.phases:
        for apply in phase.puppet if phase.name == "converge" else ():
            for each in apply.report.notable if apply.report else ():
                parameters = (bench.in_clear or {}).get(each.ref, {})
                acts = any(event.property is not None for event in each.events)
                if acts and not resources.is_known(each.kind, each.title, parameters):
                    found.append(each.ref)
    return found


# Edits and what to call them: what the scenario comes to with them, None where they cannot be made.
Trial = Callable[[Iterable[Edit], str], Tried | None]


@dataclass(kw_only=True)
class Runner:
    """Runs a scenario with edits written into a copy of the author's files. `about` names what the trials are for."""

    site: Site
    cache: Cache
    progress: Progress
    about: str
    number: int = 0

    def __call__(self, edits: Iterable[Edit], what: str) -> Tried | None:
        """What the scenario comes to; None when the edits do not fit together, or leave no YAML."""
        self.number += 1
        what = f"trial {self.number}: {what}"
        try:
            texts = self.site.patched(edits)
            for text in texts.values():
                yaml.compose(text, Loader=yaml.SafeLoader)
        except (ValueError, yaml.YAMLError):
            return None
        self.progress.phase_starts(self.about, what)
        with self.cache.host_directory(f"trial-{uuid.uuid4().hex[:12]}") as (directory, _):
            loaded = edited.with_files(self.site.loaded, texts, directory)
            seen = Gathered(clear=Clear(), redactor=Redactor())
            ran = validate(loaded, self.cache, _Within(self.progress), keep=False, at_end=seen).run
        result = judge(ran)
        said = f"{what}: {result.verdict}, {measure(result)} left to do"
        self.progress.phase_ends(self.about, said, seconds=ran.seconds, cached=False)
        return Tried(result=result, run=ran, clear=seen.clear, failed=_failed(ran))


def _failed(run: Run) -> str:
    for phase in run.phases:
        for tasks in phase.ansible:
            for task in reversed(tasks.tasks):
                if tasks.trouble and task.status in {"failed", "unreachable"}:
                    return task.name
    return ""


@dataclass
class _Within:
    """A listener for a run that is a part of another one: its phases are what that one is doing."""

    outer: Progress

    def phase_starts(self, name: str, what: str) -> None:
        """A phase of the inner run begins."""
        self.outer.doing(f"{name}: {what}")

    def doing(self, what: str) -> None:
        """Within that phase."""
        self.outer.doing(what)

    def phase_ends(self, name: str, what: str, *, seconds: float, cached: bool) -> None:
        """The outer run says when all of it is over."""
