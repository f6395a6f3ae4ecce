"""The upgraded host beside a fresh one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit import builders as make
from validator.checks import agreement, probes
from validator.findings import Finding
from validator.record import (
    Agreement,
    Catalog,
    Content,
    PathChange,
    Phase,
    ProbeSeen,
    PuppetRun,
    Run,
    Side,
    Trouble,
    UnitState,
)

FRESH = make.phase("fresh", make.applied("f1"), make.applied("f2", number=2))
DIRECTORY = Side(kind="directory", mode="0755", owner=0, group=0, size=0, modified=1.0)


def compared(
    *changes: PathChange | str,
    fresh: tuple[UnitState, ...] = (),
    upgraded: tuple[UnitState, ...] = (),
    compiled: Catalog | None = None,
) -> Run:
    run = make.with_phase(make.healthy(), make.phase("converge", make.applied("t3", compiled=compiled)))
    return replace(
        run,
        subject=replace(run.subject, agreement=True, phases=("old", "fresh", "upgrade", "converge", "again")),
        phases=(run.phases[0], FRESH, *run.phases[1:]),
        agreement=Agreement(disk=make.disk(*changes), fresh_units=fresh, upgraded_units=upgraded),
    )


def told(run: Run) -> list[tuple[str, str, str]]:
    return [(each.rule, each.means, each.subject) for each in agreement.check(run)]


def test_hosts_that_agree_are_silent() -> None:
    assert told(compared()) == []
    assert told(make.healthy()) == []  # nobody asked


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (make.changed("/etc/a", "added"), "leftover: /etc/a is only on the upgraded host"),
        (make.changed("/etc/a", "removed"), "missing: /etc/a is only on the fresh host"),
        (make.changed("/etc/a"), "/etc/a differs from a fresh host: its content"),
        (make.changed("/etc/a", "metadata", "mode"), "/etc/a differs from a fresh host: mode is 0600, there 0644"),
        (make.changed("/etc/a", "content", "mode"), "its content; mode is 0600, there 0644"),
    ],
)
def test_paths_that_differ_are_found(change: PathChange, words: str) -> None:
    (finding,) = agreement.check(compared(change))
    assert (finding.rule, finding.means, finding.subject) == ("agreement.path", "diverged", "/etc/a")
    assert finding.phase == "fresh"
    assert words in finding.message
    assert finding.evidence["path"] == "/etc/a"


def test_aspects_are_told_with_both_values() -> None:
    (finding,) = agreement.check(compared(make.changed("/etc/a", "metadata", "mode")))
    assert finding.evidence["aspects"] == {"mode": {"fresh": "0644", "upgraded": "0600"}}


SAME = Content(form="ini", diff="-# a\n+# b", patch=())


@pytest.mark.parametrize(
    ("change", "count"),
    [
        (make.changed("/etc/a", "touched"), 0),
        (make.changed("/etc/a", "content", content=SAME), 0),
        (make.changed("/etc/a", "content", "mode", content=SAME), 1),
        (make.changed("/etc/a", "content", content=replace(SAME, patch=None)), 1),
        (make.changed("/etc/a", "content", content=replace(SAME, patch=({"op": "remove", "path": "/a"},))), 1),
    ],
)
def test_texts_that_mean_the_same_are_the_same(change: PathChange, count: int) -> None:
    assert len(told(compared(change))) == count


def test_who_left_it_and_who_manages_it_are_told() -> None:
    run = compared("/etc/a", "/etc/b", compiled=make.catalog(("File[/etc/a]", {})))
    spans = (make.span("first", 1.0, 2.0, "/etc/a"), make.span("last", 3.0, 4.0, "/etc/a"))
    run = make.with_phase(run, make.phase("upgrade", ansible=(replace(make.tasks(), spans=spans),)))
    managed, loose = agreement.check(run)
    assert managed.left_by is not None
    assert (managed.left_by.task, str(managed.declared_at)) == ("last", "new.pp:1")
    assert (loose.left_by, loose.declared_at) == (None, None)


@pytest.mark.parametrize("kind", ["added", "removed"])
def test_of_a_whole_directory_only_its_top_is_told(kind: str) -> None:
    paths = ("/opt/old", "/opt/old-er", "/opt/old/a", "/opt/old/a/b")
    findings = list(agreement.check(compared(*(make.changed(path, kind) for path in paths), "/opt/old.conf")))
    assert [each.subject for each in findings] == ["/opt/old", "/opt/old-er", "/opt/old.conf"]
    assert findings[0].evidence["below"] == 2
    assert "(with 2 path(s) below it)" in findings[0].message


def test_what_is_in_a_directory_that_was_a_file_goes_with_it() -> None:
    changed = replace(make.changed("/opt/a", "type"), after=DIRECTORY)
    (finding,) = agreement.check(compared(changed, make.changed("/opt/a/b", "added")))
    assert "it is a directory, there a file" in finding.message


def test_a_path_that_differs_below_a_directory_that_differs_is_told_itself() -> None:
    run = compared(make.changed("/opt/a", "metadata", "mode"), make.changed("/opt/a/b", "added"))
    assert [subject for _, _, subject in told(run)] == ["/opt/a", "/opt/a/b"]


def test_many_paths_are_counted() -> None:
    findings: list[Finding] = list(agreement.check(compared(*(f"/etc/{n:03}" for n in range(60)))))
    assert len(findings) == 51
    assert (findings[-1].subject, findings[-1].evidence["count"]) == ("10 more paths", 10)


UP = make.unit_state()
DOWN = make.unit_state(active="inactive")


@pytest.mark.parametrize(
    ("fresh", "upgraded", "words"),
    [
        (UP, UP, None),
        (DOWN, UP, "runs, on a fresh host it does not"),
        (UP, DOWN, "does not run, on a fresh host it does"),
        (UP, replace(UP, enabled="disabled"), "is disabled, on a fresh host enabled"),
        (UP, replace(UP, enabled="enabled-runtime"), None),
        (replace(UP, enabled="static"), replace(UP, enabled="indirect"), None),
        (replace(DOWN, enabled="disabled"), replace(DOWN, enabled="masked"), "is masked, on a fresh host disabled"),
        (None, UP, "is not on the fresh host; on the upgraded host it runs and is enabled"),
        (None, replace(DOWN, enabled="static"), None),
        (DOWN, None, "is not on the upgraded host; on the fresh host it is enabled"),
        (UP, replace(UP, load="not-found"), "is not on the upgraded host"),
        (replace(UP, kind="oneshot"), replace(DOWN, kind="oneshot"), None),
        (replace(UP, kind="dbus", enabled="static"), replace(DOWN, kind="dbus", enabled="static"), None),
        (replace(UP, kind="dbus"), replace(DOWN, kind="dbus"), "does not run"),
    ],
)
def test_units_side_by_side(fresh: UnitState | None, upgraded: UnitState | None, words: str | None) -> None:
    run = compared(fresh=(fresh,) if fresh else (), upgraded=(upgraded,) if upgraded else ())
    findings = list(agreement.check(run))
    assert [(each.rule, each.means, each.subject) for each in findings] == (
        [("agreement.unit", "diverged", "app.service")] if words else []
    )
    assert all(words is not None and words in each.message for each in findings)


@pytest.mark.parametrize("name", ["systemd-resolved.service", "user@0.service", "getty@tty1.service", "dbus-x.service"])
def test_units_that_come_and_go_are_silent(name: str) -> None:
    assert told(compared(upgraded=(replace(UP, unit=name),))) == []


def test_a_service_resource_says_where_a_unit_is_declared() -> None:
    run = compared(fresh=(UP,), upgraded=(DOWN,), compiled=make.catalog(("Service[app]", {})))
    (finding,) = agreement.check(run)
    assert str(finding.declared_at) == "new.pp:1"


def test_hosts_that_were_not_compared_prove_nothing() -> None:
    run = replace(compared(), agreement=None)
    assert told(run) == [("evidence.agreement", "unproven", "agreement")]


def test_where_the_run_stopped_before_the_comparison_is_not_missed() -> None:
    run = replace(compared(), agreement=None)
    assert told(make.without_phase(run, "again")) == []
    assert told(replace(run, troubles=(Trouble(phase="again", message="m", hint=""),))) == []
    broken = make.phase("again", replace(make.applied("t4"), report=None, trouble="no report"))
    assert told(make.with_phase(run, broken)) == []


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ((make.applied("f1", make.resource("File[/a]", make.event(), changed=True)), make.applied("f2", number=2)), []),
        (
            (make.applied("f1"), make.applied("f2", make.resource("File[/a]", make.event(), changed=True), number=2)),
            ["fresh.unsettled"],
        ),
        (
            (make.applied("f1", make.resource("Exec[a]", make.event("returns", status="failure"), failed=True)),),
            ["fresh.unsettled"],
        ),
        (
            (make.applied("f1"), make.applied("f2", make.resource("File[/a]", make.event(status="audit")), number=2)),
            [],
        ),
    ],
)
def test_a_release_that_does_not_settle_cannot_be_compared_with(
    runs: tuple[PuppetRun, ...], expected: list[str]
) -> None:
    settled = not expected
    run = make.with_phase(compared(*([] if settled else ["/etc/a"])), make.phase("fresh", *runs))
    assert [rule for rule, _, _ in told(run)] == expected
    assert [means for _, means, _ in told(run)] == ["unproven"] * len(expected)


def probed(phase: Phase, *failing: str) -> Phase:
    seen = (ProbeSeen(name=name, exit_code=1, output="", trouble="exit status 1") for name in failing)
    return replace(phase, probes=tuple(seen))


def test_a_probe_that_fails_everywhere_is_not_the_upgrades_fault() -> None:
    run = make.with_phase(compared(), probed(FRESH, "api"))
    run = make.with_phase(run, probed(make.phase("converge", make.applied("t3")), "api"))
    (finding,) = probes.check(run)
    assert (finding.rule, finding.means, finding.phase) == ("probe.failed", "diverged", "converge")
    assert finding.evidence["fresh"] == "exit status 1"
    assert "not the upgrade tasks" in finding.hint


def test_a_probe_that_fails_on_a_fresh_host_only_is_a_note() -> None:
    (note,) = probes.check(make.with_phase(compared(), probed(FRESH, "api")))
    assert (note.rule, note.means, note.subject) == ("agreement.probe", "note", "api")


def test_a_probe_that_fails_on_the_upgraded_host_only_is_the_upgrades() -> None:
    run = make.with_phase(compared(), probed(make.phase("converge", make.applied("t3")), "api"))
    (finding,) = probes.check(run)
    assert "fresh" not in finding.evidence


def test_a_probe_that_goes_on_failing_is_told_once() -> None:
    run = make.with_phase(compared(), probed(make.phase("upgrade", ansible=(make.tasks(),)), "api"))
    run = make.with_phase(run, probed(make.phase("converge", make.applied("t3")), "api"))
    assert [(each.rule, each.phase) for each in probes.check(run)] == [("probe.failed", "upgrade")]
