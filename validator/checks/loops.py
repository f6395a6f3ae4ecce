"""What goes in steps and costs restarts: too many in one loop, and configuration that comes after the start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from validator.checks import relations, restarts
from validator.checks.managed import text
from validator.checks.steps import CONTAINERS, Turn, turns
from validator.checks.words import SHOWN
from validator.findings import Finding
from validator.record import CatalogResource, Run


def check(run: Run) -> Iterator[Finding]:
    """Restarts in a loop of steps, and resources that are configured later than the service they tell of changes."""
    yield from _restarted(run)
    yield from _late(run)


def _restarted(run: Run) -> Iterator[Finding]:
    """A host deployed from nothing: how often each unit was restarted in one loop of steps."""
    phase = run.phase("fresh")
    if phase is None or len({each.step for each in phase.puppet}) <= 1:
        return
    deploys = run.subject.kind == "idempotence"
    counted: dict[tuple[str, int], Counter[int]] = {}
    for unit, events in restarts.counted(phase).items():
        for event in events:
            step, number = restarts.step_of(phase, event.time)
            counted.setdefault((unit, number), Counter())[step or 0] += 1
    for (unit, number), steps in counted.items():
        if steps.total() <= run.subject.restarts.loop:
            continue
        words = ", ".join(f"step {step}: {times}" for step, times in sorted(steps.items()))
        yield Finding(
            rule="restart.steps",
            means="diverged" if deploys else "note",
            warns=True,
            phase="fresh",
            subject=unit,
            message=f"{unit} was restarted {steps.total()} times in one loop of steps (loop {number}; {words}), "
            f"allowed: {run.subject.restarts.loop}",
            hint="Configure the service in the step that starts it, or allow more under `restarts.loop`.",
            evidence={"loop": number, "restarts": {str(step): times for step, times in sorted(steps.items())}},
        )


def _late(run: Run) -> Iterator[Finding]:
    """Resources that tell a service of a change and come in a later step than its start."""
    every = list(turns(run))
    first_loop = [turn for turn in every if turn.phase == every[0].phase and turn.run.round == 1]
    known: set[str] = set()
    started: dict[str, Turn] = {}
    late: dict[str, list[tuple[CatalogResource, Turn]]] = {}
    for turn in first_loop:
        catalog = turn.run.catalog
        if catalog is None:
            continue
        new = [each for each in catalog.resources if each.ref not in known]
        if started and new:
            graph = relations.refreshes(catalog)
            for resource in new:
                if resource.ref.startswith(CONTAINERS) or "::" in relations.kind_of(resource.ref):
                    continue
                for ref in relations.reached(graph, resource.ref) & started.keys():
                    late.setdefault(ref, []).append((resource, turn))
        for each in catalog.resources:
            if each.ref.startswith("Service[") and text(each.parameters.get("ensure")) in {"running", "true"}:
                started.setdefault(each.ref, turn)
        known |= {each.ref for each in catalog.resources}
    for ref, found in late.items():
        first, turn = found[0]
        names = [resource.ref for resource, _ in found]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield Finding(
            rule="step.late",
            means="note",
            warns=True,
            phase=turn.phase,
            subject=ref,
            message=f"{ref} is started in step {started[ref].step}, and {first.ref}{more}, which tells it of changes, "
            f"is first configured in step {turn.step}: a host that is deployed from nothing restarts it",
            declared_at=first.declared_at,
            hint=f"Declare it in step {started[ref].step}, or start the service in step {turn.step}.",
            evidence={"starts_in": started[ref].step, "configured_in": turn.step, "resources": list(names[:SHOWN])},
        )
