"""What ran when, and its bars."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit import builders as make
from validator.checks import timeline
from validator.checks.restarts import RestartAccount, Who
from validator.checks.timeline import Outcome
from validator.record import AnsibleRun, Phase, PuppetRun, Run
from validator.render import tracks
from validator.verdict import judge


def converging(*runs: PuppetRun) -> Run:
    phase = replace(make.phase("converge", *runs), started=100.0, seconds=20.0)
    return make.with_phase(make.healthy(), phase)


def upgrading(run: AnsibleRun) -> Phase:
    return replace(make.phase("upgrade", ansible=(run,)), started=50.0, seconds=10.0)


def inner(run: Run, phase: str) -> list[timeline.Span]:
    return [span for span in timeline.of(run) if span.phase == phase and span.kind != "phase"]


def outcome_of(run: Run, phase: str) -> Outcome:
    [found] = [span.outcome for span in timeline.of(run) if span.kind == "phase" and span.name == phase]
    return found


def test_each_phase_is_followed_by_what_ran_in_it() -> None:
    told = [(span.kind, span.phase, span.name) for span in timeline.of(make.healthy())]
    assert told == [
        ("phase", "old", "old"),
        ("puppet", "old", "puppet apply"),
        ("puppet", "old", "puppet apply"),
        ("phase", "upgrade", "upgrade"),
        ("task", "upgrade", "a task"),
        ("phase", "converge", "converge"),
        ("puppet", "converge", "puppet apply"),
        ("phase", "again", "again"),
        ("puppet", "again", "puppet apply"),
    ]


def test_a_puppet_run_begins_when_it_began() -> None:
    first = replace(make.applied("t3"), started=103.0, seconds=4.0, step=1)
    second = replace(make.applied("t4"), started=110.0, seconds=2.0, step=2, round=2)
    spans = inner(converging(first, second), "converge")
    assert [(span.start, span.end, span.step, span.round) for span in spans] == [
        (103.0, 107.0, 1, 1),
        (110.0, 112.0, 2, 2),
    ]


def test_puppet_runs_without_a_begin_follow_one_another() -> None:
    runs = [replace(make.applied(name), seconds=seconds) for name, seconds in (("t3", 4.0), ("t4", 2.0))]
    assert [(span.start, span.end) for span in inner(converging(*runs), "converge")] == [(100.0, 104.0), (104.0, 106.0)]


CHANGED = make.resource("File[/a]", make.event(), changed=True)
FAILED = make.resource("File[/a]", make.event(status="failure"), failed=True)
NOT_RESTARTED = make.resource("Service[a]", make.event(), failed_to_restart=True)


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        (make.applied("t3"), "unchanged"),
        (make.applied("t3", CHANGED), "changed"),
        (make.applied("t3", FAILED), "failed"),
        (make.applied("t3", NOT_RESTARTED), "failed"),
        (replace(make.applied("t3"), report=None), "failed"),
        (replace(make.applied("t3"), trouble="killed"), "failed"),
    ],
)
def test_what_came_of_a_puppet_run(run: PuppetRun, outcome: Outcome) -> None:
    assert [span.outcome for span in inner(converging(run), "converge")] == [outcome]
    assert outcome_of(converging(run), "converge") == outcome


def test_a_task_lasts_until_the_next_one_and_is_all_items_of_its_loop() -> None:
    items = [make.task("loop", item=n, changed=n == 2, start=51.0 + n, end=52.0 + n) for n in (1, 2)]
    skipped = make.task("skipped", status="skipped", changed=False, start=55.0, end=55.1)
    run = replace(
        make.tasks(*items, skipped),
        step=3,
        spans=(make.span("loop", 51.5, 54.9), make.span("skipped", 54.9, 55.2), make.span("unseen", 55.2, 55.3)),
    )
    spans = inner(make.with_phase(make.healthy(), upgrading(run)), "upgrade")
    assert [(span.name, span.start, span.end, span.outcome, span.step) for span in spans] == [
        ("loop", 51.5, 54.9, "changed", 3),
        ("skipped", 54.9, 55.2, "skipped", 3),
        ("unseen", 55.2, 55.3, "unchanged", 3),
    ]
    assert all(span.place is not None for span in spans)


def test_tasks_whose_borders_nobody_watched() -> None:
    items = [make.task("loop", item=n, start=51.0 + n, end=52.0 + n, changed=False) for n in (1, 2)]
    failed = make.task("fails", status="failed", changed=False, start=54.0, end=55.0)
    run = make.with_phase(make.healthy(), upgrading(make.tasks(*items, failed)))
    assert [(span.name, span.start, span.end, span.outcome) for span in inner(run, "upgrade")] == [
        ("loop", 52.0, 54.0, "unchanged"),
        ("fails", 54.0, 55.0, "failed"),
    ]
    assert outcome_of(run, "upgrade") == "failed"


def restarted(*times: float, **changes: object) -> tuple[RestartAccount, ...]:
    made = RestartAccount(unit="app.service", phase="converge", who=Who(name="itself"), time=0.0)
    return tuple(replace(made, time=time, **changes) for time in times)  # type: ignore[arg-type]  # tests change any


def test_bars_and_marks_stand_where_they_were() -> None:
    run = replace(make.applied("t3"), started=105.0, seconds=10.0)
    result = replace(judge(converging(run)), restarts=restarted(100.0, 110.0, 110.5, 119.0, 130.0))
    [track] = [each for each in tracks.tracks(result) if each.phase.name == "converge"]
    assert [(bar.left, bar.width) for bar in track.bars] == [(25.0, 50.0)]
    assert [(mark.left, mark.label) for mark in track.marks] == [(0.0, "1"), (50.0, "2-3"), (95.0, "4"), (100.0, "5")]
    assert [each.number for each in track.restarts] == [1, 2, 3, 4, 5]
    assert track.summary.name == "converge"
    assert [each.marks for each in tracks.tracks(result) if each.phase.name != "converge"] == [()] * 3


def test_restarts_are_counted_by_unit_and_step() -> None:
    result = replace(
        judge(make.healthy()),
        restarts=(
            *restarted(1.0, 2.0, phase="upgrade"),
            *restarted(3.0, step=1),
            *restarted(4.0, 5.0, step=2, unit="a.service"),
        ),
    )
    steps, units = tracks.counted(result)
    assert steps == ("upgrade", "converge step 1", "converge step 2")
    assert units == {"a.service": (0, 0, 2), "app.service": (2, 1, 0)}
    looped = replace(result, restarts=(*restarted(3.0, step=1), *restarted(4.0, step=1, round=2)))
    assert tracks.counted(looped) == (("converge loop 1 step 1", "converge loop 2 step 1"), {"app.service": (1, 1)})
    assert tracks.counted(replace(result, restarts=())) == ((), {})
