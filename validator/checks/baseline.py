"""The old release must settle: else a later change may be its fault, and nothing can be said of the upgrade."""

from __future__ import annotations

from collections.abc import Iterator

from validator.findings import Finding
from validator.record import Event, PuppetRun, Resource, Run

SHOWN = 20


def check(run: Run) -> Iterator[Finding]:
    """Failures of the old release in any run, changes in its second."""
    old = run.phase("old")
    if old is None:
        return
    for apply in old.puppet:
        bad = tuple(_unsettled(apply))
        if bad:
            first = bad[0]
            what = "fails" if first.failed or first.failed_to_restart else "changes again in its second run"
            message = first.events[0].message if first.events else ""
            yield Finding(
                rule="old.unsettled",
                means="inconclusive",
                phase="old",
                subject=first.ref,
                message=f"the old release does not settle: {first.ref} {what}: {message}",
                declared_at=first.declared_at,
                hint="Make the old release's own second Puppet run silent first; the upgrade tasks are not at fault.",
                evidence={"round": apply.round, "resources": [resource.ref for resource in bad[:SHOWN]]},
            )
            return
    if old.puppet and max(apply.round for apply in old.puppet) == 1 and not any(apply.trouble for apply in old.puppet):
        yield Finding(
            rule="old.unsettled",
            means="inconclusive",
            phase="old",
            subject="old",
            message="the old release was not applied a second time",
        )


def _unsettled(apply: PuppetRun) -> Iterator[Resource]:
    if apply.report is None:
        return
    for resource in apply.report.notable:
        failed = resource.failed or resource.failed_to_restart
        if failed or (apply.round > 1 and any(_acts(event) for event in resource.events)):
            yield resource


def _acts(event: Event) -> bool:
    """Whether Puppet did something, or tried. An audit only looks, and noop only says what it would do."""
    return event.property is not None and event.status in {"success", "failure"}
