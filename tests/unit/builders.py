"""Small records of a healthy run, for tests that break one thing in them."""

from __future__ import annotations

from dataclasses import replace

from pydantic import JsonValue

from validator.record import (
    AnsibleRun,
    Catalog,
    CatalogResource,
    Content,
    DiskSeen,
    Event,
    Kind,
    PathChange,
    Phase,
    PhaseName,
    Place,
    PuppetRun,
    Report,
    Resource,
    Run,
    ServicesSeen,
    Side,
    Subject,
    Task,
    TaskSpan,
    UnitEvent,
    UnitState,
)

PHASES: tuple[PhaseName, ...] = ("old", "upgrade", "converge", "again")


def catalog(*resources: tuple[str, dict[str, JsonValue]]) -> Catalog:
    declared = tuple(
        CatalogResource(ref=ref, declared_at=Place(file="new.pp", line=number), parameters=parameters)
        for number, (ref, parameters) in enumerate(resources, 1)
    )
    return Catalog(version="1", resources=declared, edges=())


def event(name: str | None = "content", *, status: str = "success", message: str = "changed") -> Event:
    return Event(
        name="refresh" if name is None else f"{name}_changed",
        status=status,  # type: ignore[arg-type]  # tests pass every status
        property=name,
        previous=None if name is None else "a",
        desired=None if name is None else "b",
        message=message,
    )


def resource(ref: str, *events: Event, **flags: bool) -> Resource:
    return Resource(
        ref=ref,
        kind=ref.partition("[")[0],
        title=ref.partition("[")[2][:-1],
        declared_at=Place(file="new.pp", line=3),
        containment=(),
        events=events,
        **flags,
    )


def report(transaction: str, *notable: Resource, evaluated: int = 5) -> Report:
    changes = sum(each.status == "success" for item in notable for each in item.events)
    failed = sum(item.failed for item in notable)
    restarts = sum(item.failed_to_restart for item in notable)
    return Report(
        format=12,
        puppet_version="7.23.0",
        status="changed" if changes else "unchanged",
        time="2026-01-01T00:00:00Z",
        completed=True,
        noop=False,
        transaction=transaction,
        resources=evaluated + 7,
        evaluated=evaluated,
        metrics={
            "resources": {"total": evaluated + 7, "failed": failed, "failed_to_restart": restarts},
            "changes": {"total": changes},
        },
        notable=notable,
        logs=(),
    )


def applied(transaction: str, *notable: Resource, number: int = 1, compiled: Catalog | None = None) -> PuppetRun:
    made = report(transaction, *notable)
    metrics = made.metrics
    failed = metrics["resources"]["failed"] + metrics["resources"]["failed_to_restart"]
    code = 2 * (metrics["changes"]["total"] > 0) + 4 * (failed > 0)
    return PuppetRun(
        step=None, round=number, exit_code=code, seconds=1.0, report=made, catalog=compiled or catalog(("File[/a]", {}))
    )


def task(name: str = "a task", **changes: object) -> Task:
    made = Task(
        name=name,
        role="",
        place=Place(file="upgrade.yml", line=1),
        module="ansible.builtin.copy",
        status="ok",
        changed=True,
        item=None,
        args={"dest": "/a"},
        diff=None,
        message="",
        handler=False,
        notify=(),
        start=1.0,
        end=2.0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests change any field


def phase(name: PhaseName, *puppet: PuppetRun, ansible: tuple[AnsibleRun, ...] = ()) -> Phase:
    return Phase(
        name=name,
        tool="ansible" if ansible else "puppet",
        started=1.0,
        seconds=2.0,
        cpu_seconds=1.0,
        overhead_seconds=0.1,
        puppet=puppet,
        ansible=ansible,
        services=ServicesSeen(events=(), states=()),
        disk=DiskSeen(changes=(), noise={}),
    )


def tasks(*results: Task, trouble: str = "", code: int = 0) -> AnsibleRun:
    return AnsibleRun(
        step=None, exit_code=code, seconds=1.0, finished=not trouble, tasks=results or (task(),), trouble=trouble
    )


def healthy() -> Run:
    """A run that is converged; every test breaks one thing in it."""
    return Run(
        id="1",
        validator="0",
        started=1.0,
        seconds=9.0,
        subject=Subject(name="s", title="t", file="scenario.yml", digest="d", image="i", phases=PHASES),
        phases=(
            phase("old", applied("t1", number=1), applied("t2", number=2)),
            phase("upgrade", ansible=(tasks(),)),
            phase("converge", applied("t3")),
            phase("again", applied("t4")),
        ),
    )


def with_phase(run: Run, changed: Phase) -> Run:
    return replace(run, phases=tuple(changed if each.name == changed.name else each for each in run.phases))


def without_phase(run: Run, name: PhaseName) -> Run:
    return replace(run, phases=tuple(each for each in run.phases if each.name != name))


def changed(
    path: str, kind: str = "content", *aspects: str, at: float = 0.0, content: Content | None = None
) -> PathChange:
    """A path that differs; of a file that was there before, both sides."""
    side = Side(kind="file", mode="0644", owner=0, group=0, size=1, modified=1.0)
    return PathChange(
        path=path,
        kind=kind,
        aspects=aspects,
        before=None if kind == "added" else side,
        after=None if kind == "removed" else replace(side, mode="0600"),
        content=content,
        changed_at=at,
    )


def disk(*changes: PathChange | str) -> DiskSeen:
    """What the disk witness saw; a mere path is one whose content changed."""
    return DiskSeen(
        changes=tuple(changed(each) if isinstance(each, str) else each for each in changes), noise={}, looked_at=9
    )


def span(name: str, start: float, end: float, *paths: str, units: tuple[UnitState, ...] = ()) -> TaskSpan:
    return TaskSpan(name=name, place=Place(file="upgrade.yml", line=1), start=start, end=end, units=units, paths=paths)


def unit_event(kind: str, at: float, name: str = "app.service", *, job: str = "") -> UnitEvent:
    return UnitEvent(unit=name, kind=kind, job=job, invocation="", time=at)  # type: ignore[arg-type]  # any kind


def unit_state(name: str = "app.service", active: str = "active", **changes: object) -> UnitState:
    made = UnitState(
        unit=name,
        load="loaded",
        active=active,
        enabled="enabled",
        pid=7 if active == "active" else 0,
        invocation="",
        started_at=1.0,
        kind="simple",
        result="success",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests change any field


def of_kind(kind: Kind, *phases: Phase) -> Run:
    """A run that is not an upgrade, with the phases that it is made of."""
    run = healthy()
    return replace(
        run, subject=replace(run.subject, kind=kind, phases=tuple(each.name for each in phases)), phases=phases
    )
