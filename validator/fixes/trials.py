"""Changes of the tasks are tried before anybody is shown them: the whole scenario runs with them, from a cached state.

All causes are tried together. A change whose own task fails, or after which its finding is still there, gives way to
the next candidate; a refresh that gets lost because Puppet has nothing to do any more gets a restart or a command.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from validator.edited import Edit
from validator.findings import Finding
from validator.fixes import layout, proposals, refreshes
from validator.fixes.change import Change, Known
from validator.fixes.runner import Key, Tried, key, measure
from validator.fixes.secrets import Vault
from validator.fixes.site import Site
from validator.fixes.wanted import Draft
from validator.record import Fix, FixStatus
from validator.verdict import Result

ROUNDS = 6  # trials of one set of findings
# What else differs may follow from these.
FIRST = ("converge.", "refresh.", "restart.", "service.", "disk.", "vacuous.")


@dataclass(kw_only=True)
class Attempt:
    """The candidates for one finding, and which of them is in."""

    candidates: list[Change]
    number: int = 0

    @property
    def change(self) -> Change:
        """The candidate that is in."""
        return self.candidates[self.number]

    def next(self) -> bool:
        """Take the next candidate; False when there is none."""
        self.number += 1
        return self.number < len(self.candidates)

    def follow(self, change: Change) -> bool:
        """Put another version of the candidate in; False when it is the same."""
        same = change == self.change
        self.candidates[self.number] = change
        return not same


@dataclass(kw_only=True)
class Board:
    """The attempts so far, and how they are written into the author's files. `spent` are findings without a candidate
    that is left."""

    site: Site
    vault: Vault
    attempts: dict[Key, Attempt] = field(default_factory=dict)
    spent: set[Key] = field(default_factory=set)

    def edits(self, keys: Iterable[Key] | None = None, *, trial: bool = False) -> tuple[Edit, ...]:
        """The edits of all attempts, or of some. For a trial the tasks bring the values of made-up variables along."""
        chosen = self.attempts if keys is None else {key: self.attempts[key] for key in keys}
        found: list[Edit] = []
        for attempt in chosen.values():
            change = attempt.change
            found += change.edits
            if change.drafts:
                drafts = self.hidden(change)
                drafts = tuple(map(self.vault.filled, drafts)) if trial else drafts
                found.append(self.site.insert(drafts, change.behind))
        return tuple(dict.fromkeys(found))

    def hidden(self, change: Change) -> tuple[Draft, ...]:
        """A change's tasks with variables for secrets."""
        return tuple(self.vault.hide(draft) for draft in change.drafts)

    def owner(self, task: str) -> Key | None:
        """The attempt that a task belongs to."""
        for each, attempt in self.attempts.items():
            change = attempt.change
            anchored = change.anchor is not None and change.anchor.name == task
            if anchored or any(str(draft["name"]) == task for draft in change.drafts):
                return each
        return None

    def give_up(self, each: Key) -> None:
        """Take the next candidate, or none."""
        if not self.attempts[each].next():
            del self.attempts[each]
            self.spent.add(each)


def open_attempts(known: Known, found: Iterable[Finding], board: Board) -> None:
    """Enter candidates for findings. What may be but a consequence waits until nothing else is there to be mended."""
    findings = list(found)
    for chosen in (
        [each for each in findings if each.rule.startswith(FIRST)],
        [each for each in findings if not each.rule.startswith((*FIRST, "probe."))],
        [each for each in findings if each.rule.startswith("probe.")],
    ):
        # A unit is stopped before its file goes.
        for finding in sorted(chosen, key=lambda each: each.rule != "agreement.unit"):
            candidates = list(proposals.candidates(known, finding))
            if candidates and key(finding) not in {*board.attempts, *board.spent}:
                board.attempts[key(finding)] = Attempt(candidates=candidates)
        if board.attempts:
            return


def learn(board: Board, known: Known, tried: Tried, first: frozenset[Key]) -> bool:
    """Change the board by what a trial showed; False when it teaches nothing."""
    if tried.failed:
        owner = board.owner(tried.failed)
        if owner is not None:
            board.give_up(owner)
        return owner is not None
    changed = False
    left = tried.left
    for each in [each for each in board.attempts if each in left]:
        board.give_up(each)
        changed = True
    for each, finding in left.items():
        if each in first or each in board.attempts:
            continue
        changed = _caused(board, known, finding) or changed
    unmended = [finding for each, finding in left.items() if each in first and each not in board.attempts]
    before = len(board.attempts)
    again = replace(known, clear=tried.clear)
    if unmended and not changed:
        more = Board(site=board.site, vault=board.vault, spent=board.spent)
        open_attempts(again, unmended, more)
        board.attempts.update(more.attempts)
    return changed or len(board.attempts) > before


def _caused(board: Board, known: Known, finding: Finding) -> bool:
    """What a change of ours brought about: a refresh that nobody sends now, a restart too many."""
    told = finding.evidence.get("sources") or finding.evidence.get("by")
    listed = told if isinstance(told, list) else []
    said = [str(each.get("task")) if isinstance(each, dict) else str(each) for each in listed]
    owners = [owner for each in said if (owner := board.owner(each.rpartition(" (")[0] or each)) is not None]
    if finding.left_by is not None and (owner := board.owner(finding.left_by.task)) is not None:
        owners.append(owner)
    if finding.rule == "refresh.lost":
        if owners:
            attempt = board.attempts[owners[-1]]
            return attempt.follow(refreshes.followed(known, attempt.change, finding.subject))
        candidates = [] if key(finding) in board.spent else list(proposals.candidates(known, finding))
        if candidates:
            board.attempts[key(finding)] = Attempt(candidates=candidates)
        return bool(candidates)
    for owner in dict.fromkeys(owners):
        board.give_up(owner)
    return bool(owners)


def fixes(board: Board, before: Result, tried: Tried | None, first: Mapping[Key, Finding]) -> tuple[Fix, ...]:
    """The changes that helped, as they are shown: with what the trial of all of them came to."""
    found = []
    start = measure(before)
    for each, attempt in board.attempts.items():
        if each not in first:
            continue
        change = attempt.change
        edits = board.edits([each])
        hidden = board.hidden(change)
        status, after = _status(each, tried, start)
        if status is None:
            continue
        found.append(
            Fix(
                rule=each[0],
                subject=each[1],
                tasks=layout.tasks(hidden),
                diff=board.site.diff(edits),
                place=board.site.place(edits),
                status=status,
                before=start,
                after=after,
                variables=tuple(dict.fromkeys(name for draft in hidden for name in board.vault.used(draft))),
                note=change.note,
            )
        )
    return tuple(found)


def _status(each: Key, tried: Tried | None, before: int) -> tuple[FixStatus | None, int]:
    if tried is None:
        return "unverified", before
    after = measure(tried.result)
    if tried.result.verdict == "converged":
        return "verified", 0
    if each in tried.left or after >= before:
        return None, after
    return "reduces", after
