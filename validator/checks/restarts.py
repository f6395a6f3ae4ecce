"""Nothing may be restarted while Puppet converges. Counted from the service manager's journal, not from Puppet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from validator.findings import Finding
from validator.record import Phase, Run, UnitEvent


def check(run: Run) -> Iterator[Finding]:
    """One finding for each unit that was stopped and started again in `converge` or `again`."""
    for name in ("converge", "again"):
        phase = run.phase(name)
        if phase is not None and phase.services is not None:
            for unit, times in sorted(restarts(phase.services.events).items()):
                refreshed = _refreshed(phase, unit)
                yield Finding(
                    rule=f"restart.{name}",
                    means="diverged",
                    phase=phase.name,
                    subject=unit,
                    message=f"{unit} was restarted {'once' if times == 1 else f'{times} times'}"
                    + (f" by Puppet ({refreshed})" if refreshed else ", and Puppet's report does not say why"),
                    hint="Users of the service notice. What made Puppet restart it is among the causes."
                    if refreshed
                    else "Look for an exec or a package script that restarts it.",
                    evidence={"restarts": times},
                )


def restarts(events: tuple[UnitEvent, ...]) -> Counter[str]:
    """How often each unit was stopped and then started by somebody. What systemd restarts by itself is left out."""
    stopped: set[str] = set()
    by_itself: set[str] = set()
    counted: Counter[str] = Counter()
    for event in events:
        if event.kind == "restarts-itself":
            by_itself.add(event.unit)
        elif event.kind == "stopped" and event.unit not in by_itself:
            stopped.add(event.unit)
        elif event.kind == "started":
            counted[event.unit] += event.unit in stopped
            stopped.discard(event.unit)
            by_itself.discard(event.unit)
    return +counted


def _refreshed(phase: Phase, unit: str) -> str:
    """The Service resource of this unit that Puppet says it refreshed."""
    for apply in phase.puppet:
        if apply.report is None:
            continue
        names = {
            resource.ref: str(resource.parameters.get("name", resource.ref[len("Service[") : -1]))
            for resource in (apply.catalog.resources if apply.catalog else ())
            if resource.ref.startswith("Service[")
        }
        for resource in apply.report.notable:
            if names.get(resource.ref) in {unit, unit.removesuffix(".service")} and resource.events:
                return resource.ref
    return ""
