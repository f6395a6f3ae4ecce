"""Where the record leaves open which task is at fault: the scenario without candidate tasks, until one is left over.

Delta debugging (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, 2002), over the tasks that
changed something: a smallest set of tasks without which the finding is gone. A trial in which the tasks do not get to
their end says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from validator.checks import spans
from validator.findings import Finding
from validator.fixes.runner import Key, Trial, Tried, key
from validator.fixes.site import Site, silenced
from validator.record import Ablation, Run, TaskName
from validator.scenario.source import Task

# What no task is at fault for.
NOBODYS = ("again.", "step.", "expect.", "evidence.", "vacuous.")
TRIALS = 24  # for one finding


def is_open(finding: Finding) -> bool:
    """Whether the record leaves open who is at fault: nobody was seen at it, and it is not that no task did it."""
    if finding.means == "note" or finding.evidence.get("again"):
        return False
    if finding.left_by is not None:
        return finding.left_by.known == "named"
    return finding.whose != "missed" and not finding.rule.startswith(
        ("again.", "step.", "expect.", "evidence.", "vacuous.")
    )


def ablate(run: Run, findings: Iterable[Finding], site: Site, runner: Trial) -> tuple[Ablation, ...]:
    """What is measured of each finding that is open."""
    search = _Search(site=site, runner=runner)
    candidates = _candidates(run, site)
    return tuple(search.of(key(finding), candidates) for finding in findings if is_open(finding))


def _candidates(run: Run, site: Site) -> tuple[Task, ...]:
    """The tasks of the author's file that changed something, in the order in which they ran."""
    found = []
    for name in ("upgrade", "fault"):
        for span, results in spans.of(run.phase(name)):
            task = site.find(span.place)
            if (
                task is not None
                and spans.may_write(results)
                and (span.paths or span.units or spans.says_changed(results))
            ):
                found.append(task)
    return tuple(dict.fromkeys(found))


@dataclass(kw_only=True)
class _Search:
    """Trials are remembered: several findings may ask for the same one."""

    site: Site
    runner: Trial
    _tried: dict[frozenset[int], Tried | None] = field(default_factory=dict)
    _budget: int = 0

    def of(self, about: Key, candidates: tuple[Task, ...]) -> Ablation:
        """A smallest set of tasks without which the finding is gone; none when it is there without all of them."""
        self._budget = TRIALS
        left, grain = list(range(len(candidates))), 2
        if not left or not self._gone(about, left, candidates):
            return Ablation(rule=about[0], subject=about[1], tasks=(), trials=TRIALS - self._budget)
        while len(left) > 1 and self._budget > 0:
            size = max(1, len(left) // grain)
            parts = [left[start : start + size] for start in range(0, len(left), size)]
            smaller = next((part for part in parts if self._gone(about, part, candidates)), None)
            if smaller is None and grain > 2:  # noqa: PLR2004 - with two parts each is the other's rest
                rests = ([one for one in left if one not in part] for part in parts)
                smaller = next((rest for rest in rests if self._gone(about, rest, candidates)), None)
                grain = max(grain - 1, 2) if smaller is not None else grain
            elif smaller is not None:
                grain = 2
            if smaller is None:
                if grain >= len(left):
                    break
                grain = min(grain * 2, len(left))
            else:
                left = smaller
        names = tuple(TaskName(name=candidates[one].name, place=self.site.place_of(candidates[one])) for one in left)
        return Ablation(rule=about[0], subject=about[1], tasks=names, trials=TRIALS - self._budget)

    def _gone(self, about: Key, without: list[int], candidates: tuple[Task, ...]) -> bool:
        """Whether the finding is gone without these tasks. A run that does not get to its end says no."""
        chosen = frozenset(candidates[one].node.start_mark.index for one in without)
        if chosen not in self._tried:
            if self._budget <= 0:
                return False
            self._budget -= 1
            edits = [edit for one in without if (edit := silenced(candidates[one])) is not None]
            many = len(edits)
            self._tried[chosen] = self.runner(edits, f"without {many} task{'' if many == 1 else 's'}")
        tried = self._tried[chosen]
        return tried is not None and tried.result.verdict != "inconclusive" and about not in tried.left
