"""Changes that the author leaves to Puppet: the converging run must make exactly these, and no run after it any."""

from __future__ import annotations

from collections.abc import Iterator

from validator.findings import Finding
from validator.record import Event, Expected, Resource, Run, alike

REFRESH = "refresh"


def find(run: Run, resource: Resource, event: Event) -> Expected | None:
    """What the author said of an event, or None."""
    return next((each for each in run.subject.expect if _fits(each, resource.ref, event)), None)


def check(run: Run) -> Iterator[Finding]:
    """Declared changes that did not happen, where Puppet came to the end of its run."""
    converge = run.phase("converge")
    if converge is None or not converge.puppet or any(each.report is None for each in converge.puppet):
        return
    made = [
        (resource.ref, event)
        for each in converge.puppet
        for resource in (each.report.notable if each.report else ())
        for event in resource.events
    ]
    for wanted in run.subject.expect:
        if any(_fits(wanted, ref, event) for ref, event in made):
            continue
        others = [event for ref, event in made if ref == wanted.resource and event.property == wanted.property]
        instead = f"; it set {others[0].desired!r} instead" if others else ""
        what = "refresh it" if wanted.property == REFRESH else f"set {wanted.property} to {wanted.value!r}"
        yield Finding(
            rule="expect.unmet",
            means="diverged",
            phase="converge",
            subject=wanted.resource,
            message=f"the scenario expects Puppet to {what}, and it did not{instead}",
            declared_at=wanted.place,
            hint="Take it out of `expect` when a task does it now; else find out why Puppet no longer does.",
            evidence={"property": wanted.property, "value": wanted.value, "reason": wanted.reason},
        )


def _fits(wanted: Expected, ref: str, event: Event) -> bool:
    if wanted.resource != ref or event.status != "success":
        return False
    if wanted.property == REFRESH:
        return event.property is None
    if wanted.property != event.property:
        return False
    return alike(wanted.value, event.desired) if event.as_expected is None else event.as_expected
