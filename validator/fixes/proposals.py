"""From a finding to the changes of the tasks that may mend it: candidates, the best first. Nothing is tried here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from validator.findings import Finding
from validator.fixes import changed, commands, leftovers, refreshes
from validator.fixes.change import Change, Known

BY_RULE: Mapping[str, tuple[Callable[[Known, Finding], Iterator[Change]], ...]] = {
    "agreement.path": (leftovers.path,),
    "agreement.unit": (leftovers.agreed,),
    "converge.change": (changed.mended,),
    "converge.failure": (changed.mended, commands.missing, leftovers.without),
    "converge.noop": (changed.mended,),
    "converge.out-of-sync": (changed.mended,),
    "converge.restart-failed": (leftovers.without,),
    "disk.task-said-ok": (leftovers.silent,),
    "probe.failed": (commands.missing,),
    "refresh.lost": (refreshes.lost,),
    "restart.upgrade": (refreshes.restarts,),
    "service.disabled": (leftovers.unit,),
    "service.stopped": (leftovers.unit,),
    "vacuous.audit": (leftovers.without,),
}


def candidates(known: Known, finding: Finding) -> Iterator[Change]:
    """The ways to mend a finding. What comes back in every run no task can mend."""
    if not finding.evidence.get("again"):
        for propose in BY_RULE.get(finding.rule, ()):
            yield from propose(known, finding)
