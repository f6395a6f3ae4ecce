"""The story of a fix: the scenario as it is, then with changes of its tasks, until Puppet is quiet."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from validator import clear as clears
from validator import edited, record
from validator.bench import Bench
from validator.clear import Clear
from validator.fixes import resources, trials
from validator.fixes.proposals import Proposer
from validator.fixes.secrets import Vault
from validator.fixes.site import Site
from validator.fixes.trials import Board, Key, Tried
from validator.host.cache import Cache
from validator.host.layer import Stack
from validator.progress import Progress
from validator.record import Fix, Run
from validator.redact import Redactor
from validator.scenario.load import Loaded
from validator.validate import Recorded, validate
from validator.verdict import judge
from validator.work import Work


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A file's text when the fix was tried, and with it."""

    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Mended:
    """A finished validation with its fixes, and the texts that the author's files have with all of them.

    `variables` are the names that the author has to give a value.
    """

    recorded: Recorded
    files: Mapping[Path, Changed]
    diff: str
    variables: tuple[str, ...]
    converges: bool


@dataclass
class _Seen:
    """What is gathered at the end of a run."""

    clear: Clear
    redactor: Redactor

    def __call__(self, work: Work, bench: Bench, fresh: Stack | None) -> None:
        """Gather it, while the host is there."""
        self.redactor = work.redactor
        upgraded = work.upgraded
        if upgraded is None:
            return
        self.clear = clears.gather(work, bench, fresh, upgraded, tuple(_unknown(work, bench)))


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


def mend(loaded: Loaded, cache: Cache, progress: Progress) -> Mended:
    """Run a scenario to its verdict; where it diverged, find the changes of its tasks that mend it, and try them.

    The record holds the fixes. Raises what `validate` does.
    """
    seen = _Seen(clear=Clear(), redactor=Redactor())
    recorded = validate(loaded, cache, progress, at_end=seen)
    result = judge(recorded.run)
    if result.verdict != "diverged" or loaded.scenario.upgrade.tripleo:
        return Mended(recorded=recorded, files={}, diff="", variables=(), converges=result.verdict == "converged")
    site = Site(loaded)
    vault = Vault(redactor=seen.redactor, known=_variables(site))
    board = Board(site=site, vault=vault)
    proposer = Proposer(recorded.run, seen.clear, site)
    first = {trials.key(finding): finding for finding in trials.errors(result)}
    trials.open_attempts(proposer, first.values(), board)
    board, tried = _search(board, proposer, first, _Trial(site=site, cache=cache, progress=progress))
    fixes = trials.fixes(board, result, tried, first) if board.attempts else ()
    shown = [(fix.rule, fix.subject) for fix in fixes]
    keys = [each for each in board.attempts if each in shown or (fixes and each not in first)]
    edits = board.edits(keys) if fixes else ()
    run = replace(recorded.run, fixes=_redacted(fixes, seen.redactor))
    unfinished = recorded.path.with_suffix(".unfinished")
    unfinished.write_text(record.dump(run), encoding="utf-8")
    unfinished.replace(recorded.path)
    return Mended(
        recorded=Recorded(run=run, path=recorded.path),
        files={
            site.directory / name: Changed(before=site.text(name), after=text)
            for name, text in site.patched(edits).items()
        },
        diff=site.diff(edits),
        variables=tuple(dict.fromkeys(name for fix in fixes for name in fix.variables if name in vault.values)),
        converges=bool(fixes) and tried is not None and tried.result.verdict == "converged",
    )


def _search(
    board: Board, proposer: Proposer, first: Mapping[Key, object], trial: Callable[[Board], Tried | None]
) -> tuple[Board, Tried | None]:
    """Try until all is mended or nothing is left to try; the attempts of the best trial, and what it came to."""
    best: tuple[Board, Tried] | None = None
    for _ in range(trials.ROUNDS):
        if not board.attempts:
            break
        tried = trial(board)
        if tried is None:
            break
        mended = not tried.failed and tried.result.verdict == "converged"
        usable = not tried.failed and tried.result.verdict != "inconclusive"
        if usable and (best is None or trials.measure(tried.result) < trials.measure(best[1].result)):
            best = (_copy(board), tried)
        if mended or not trials.learn(board, proposer, tried, frozenset(first)):
            break
    if best is None:
        return Board(site=board.site, vault=board.vault), None
    return best


def _copy(board: Board) -> Board:
    attempts = {
        each: trials.Attempt(candidates=list(attempt.candidates), number=attempt.number)
        for each, attempt in board.attempts.items()
    }
    return Board(site=board.site, vault=board.vault, attempts=attempts)


@dataclass(kw_only=True)
class _Trial:
    """Runs the scenario with the attempts of a board written into a copy of the author's files."""

    site: Site
    cache: Cache
    progress: Progress
    number: int = 0

    def __call__(self, board: Board) -> Tried | None:
        """What the scenario comes to; None when the files cannot be written together."""
        self.number += 1
        many = len(board.attempts)
        what = f"trial {self.number}: {many} change{'' if many == 1 else 's'} of the tasks"
        self.progress.phase_starts("fix", what)
        with self.cache.host_directory(f"fix-{uuid.uuid4().hex[:12]}") as (directory, _):
            try:
                edits = board.edits(trial=True)
                loaded = edited.with_files(self.site.loaded, self.site.patched(edits), directory)
            except (ValueError, yaml.YAMLError):
                return None
            seen = _Seen(clear=Clear(), redactor=Redactor())
            ran = validate(loaded, self.cache, _Within(self.progress), keep=False, at_end=seen).run
        result = judge(ran)
        said = f"{what}: {result.verdict}, {trials.measure(result)} left to do"
        self.progress.phase_ends("fix", said, seconds=ran.seconds, cached=False)
        return Tried(result=result, run=ran, clear=seen.clear, failed=_failed(ran))


def _failed(run: Run) -> str:
    """The name of the task that failed and ended the upgrade."""
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


def _variables(site: Site) -> dict[str, str]:
    """The names of the author's variables, by their value: those of the scenario, and of the plays in its file."""
    found = {str(value): name for name, value in site.loaded.scenario.upgrade.vars.items() if isinstance(value, str)}
    if site.loaded.fault is None and site.loaded.scenario.upgrade.playbook is not None:
        try:
            plays = yaml.safe_load(site.text(site.main.name))
        except yaml.YAMLError:
            return found
        for play in plays if isinstance(plays, list) else ():
            own = play.get("vars") if isinstance(play, dict) else None
            for name, value in own.items() if isinstance(own, dict) else ():
                if isinstance(value, str):
                    found.setdefault(value, str(name))
    return found


def _redacted(fixes: tuple[Fix, ...], redactor: Redactor) -> tuple[Fix, ...]:
    """Fixes as a record may hold them: an author's own line beside an edit may show a secret."""
    return tuple(
        replace(fix, tasks=redactor.text(fix.tasks), diff=redactor.text(fix.diff), subject=fix.subject, note=fix.note)
        for fix in fixes
    )
