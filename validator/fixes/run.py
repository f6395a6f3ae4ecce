"""The story of a fix: the scenario as it is, then with changes of its tasks, until Puppet is quiet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from validator import files, record
from validator.clear import Clear
from validator.findings import Finding
from validator.fixes import ablation, trials
from validator.fixes.change import Known
from validator.fixes.runner import Gathered, Key, Runner, Trial, Tried, errors, key, measure
from validator.fixes.secrets import Vault
from validator.fixes.site import Site
from validator.fixes.trials import Board
from validator.host.cache import Cache
from validator.progress import Progress
from validator.record import Fix, Run
from validator.redact import Redactor
from validator.scenario.load import Loaded
from validator.validate import Recorded, validate
from validator.verdict import judge


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A file's text when the fix was tried, and with it."""

    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Mended:
    """A finished validation with its fixes, and the texts that the author's files have with all of them.

    `variables` are the names that the author has to give a value; `converges`: with the changes nothing is left to do.
    `unmended` says of each cause without a fix why there is none.
    """

    recorded: Recorded
    files: Mapping[Path, Changed] = field(default_factory=dict)
    diff: str = ""
    variables: tuple[str, ...] = ()
    converges: bool = False
    unmended: tuple[str, ...] = ()


def mend(loaded: Loaded, cache: Cache, progress: Progress, *, fix: bool = True, ablate: bool = False) -> Mended:
    """Run a scenario to its verdict. Where it diverged, find out by more runs what the record leaves open.

    With `ablate` which task is at fault, where nobody was seen at it; with `fix` which changes of the tasks mend it.
    The record holds both. Raises what `validate` does.
    """
    seen = Gathered(clear=Clear(), redactor=Redactor())
    recorded = validate(loaded, cache, progress, at_end=seen)
    if judge(recorded.run).verdict != "diverged":
        return Mended(recorded=recorded)
    if loaded.scenario.upgrade.tripleo:
        why = "the tasks are made of templates, and fixes go into files of tasks: `validate import tripleo` writes them"
        return Mended(recorded=_kept(recorded, replace(recorded.run, searched=True)), unmended=(why,))
    site = Site(loaded)
    if ablate:
        runner = Runner(site=site, cache=cache, progress=progress, about="ablation")
        measured = ablation.ablate(recorded.run, judge(recorded.run).findings, site, runner)
        recorded = _kept(recorded, replace(recorded.run, ablations=measured))
    if not fix:
        return Mended(recorded=recorded)
    runner = Runner(site=site, cache=cache, progress=progress, about="fix")
    return _mended(recorded, seen, site, runner)


def _mended(recorded: Recorded, seen: Gathered, site: Site, runner: Runner) -> Mended:
    result = judge(recorded.run)
    vault = Vault(redactor=seen.redactor, known=_variables(site))
    known = Known(recorded.run, seen.clear, site, seen.redactor)
    first = {key(finding): finding for finding in errors(result)}
    board = Board(site=site, vault=vault)
    trials.open_attempts(known, first.values(), board)
    board, tried = search(board, known, first, runner)
    fixes = tuple(_redacted(trials.fixes(board, result, tried, first), seen.redactor))
    shown = {(fix.rule, fix.subject) for fix in fixes}
    edits = board.edits([each for each in board.attempts if each in shown or each not in first]) if fixes else ()
    return Mended(
        recorded=_kept(recorded, replace(recorded.run, searched=True, fixes=fixes)),
        files={
            site.directory / name: Changed(before=site.text(name), after=text)
            for name, text in site.patched(edits).items()
        },
        diff=site.diff(edits),
        variables=tuple(dict.fromkeys(name for fix in fixes for name in fix.variables if name in vault.values)),
        converges=bool(fixes) and tried is not None and tried.result.verdict == "converged",
        unmended=tuple(_why(finding, board, tried) for each, finding in first.items() if each not in shown),
    )


def _why(finding: Finding, board: Board, tried: Tried | None) -> str:
    """Why there is no fix for a finding."""
    about = f"{finding.rule}: {finding.subject}"
    if finding.evidence.get("again") or finding.rule.startswith("again."):
        return f"{about}: Puppet does this in every run, whatever the tasks do"
    if tried is not None and key(finding) not in tried.left:
        return f"{about}: goes away with the fixes above"
    if key(finding) in board.spent:
        return f"{about}: what was tried did not help"
    return f"{about}: no task is known that would do it"


def _kept(recorded: Recorded, run: Run) -> Recorded:
    """The record with what was found out since, in the place of the one before."""
    files.write(record.dump(run), recorded.path)
    return Recorded(run=run, path=recorded.path)


def search(board: Board, known: Known, first: Mapping[Key, Finding], runner: Trial) -> tuple[Board, Tried | None]:
    """Try until all is mended or nothing is left to try; the attempts of the best trial, and what it came to."""
    best: tuple[Board, Tried] | None = None
    for _ in range(trials.ROUNDS):
        many = len(board.attempts)
        if not many:
            break
        tried = runner(board.edits(trial=True), f"{many} change{'' if many == 1 else 's'} of the tasks")
        if tried is None:
            break
        usable = not tried.failed and tried.result.verdict != "inconclusive"
        if usable and (best is None or measure(tried.result) < measure(best[1].result)):
            best = (_copy(board), tried)
        if tried.result.verdict == "converged" or not trials.learn(board, known, tried, frozenset(first)):
            break
    if best is None:
        return Board(site=board.site, vault=board.vault, spent=board.spent | set(board.attempts)), None
    best[0].spent |= board.spent
    return best


def _copy(board: Board) -> Board:
    attempts = {
        each: trials.Attempt(candidates=list(attempt.candidates), number=attempt.number)
        for each, attempt in board.attempts.items()
    }
    return Board(site=board.site, vault=board.vault, attempts=attempts)


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


def _redacted(fixes: Iterable[Fix], redactor: Redactor) -> Iterator[Fix]:
    """Fixes as a record may hold them: an author's own line beside an edit may show a secret.

    One whose tasks would show one, in a name for instance, is left out: what was taken out of it could not be pasted.
    """
    for fix in fixes:
        if redactor.text(fix.tasks) == fix.tasks:
            yield replace(fix, diff=redactor.text(fix.diff))
