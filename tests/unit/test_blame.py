"""Who is at fault: what witnesses saw at the borders of tasks, what arguments say, what runs without tasks measure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from pydantic import JsonValue

from tests.unit import builders as make
from validator.checks.blame import Blame
from validator.checks.whose import Claims
from validator.clear import Clear
from validator.edited import Edit
from validator.findings import Finding, Left
from validator.fixes import ablation
from validator.fixes.runner import Tried
from validator.fixes.site import Site
from validator.record import Ablation, Catalog, Place, Resource, Run, Task, TaskName, TaskSpan
from validator.redact import MARK
from validator.scenario import load
from validator.verdict import judge


def upgraded(*pairs: tuple[TaskSpan, Task], **parts: object) -> Run:
    """A run whose upgrade had these tasks."""
    spans, results = tuple(span for span, _ in pairs), tuple(result for _, result in pairs)
    run = make.tasks(*results)
    phase = make.phase("upgrade", ansible=(replace(run, spans=spans),))
    return make.with_phase(make.healthy(), replace(phase, **parts))  # type: ignore[arg-type]  # any part


def at(name: str, line: int, start: float, *paths: str, **result: object) -> tuple[TaskSpan, Task]:
    """A task that ran from `start` for one second and wrote paths."""
    place = Place(file="upgrade.yml", line=line)
    span = replace(make.span(name, start, start + 1, *paths), place=place)
    return span, make.task(name, place=place, start=start, end=start + 0.9, **result)


def blamed(run: Run, catalog: Catalog, resource: Resource) -> tuple[str | None, str | None]:
    left, undone = Claims(run).blame(catalog, resource)
    return left.task if left else None, undone.task if undone else None


FILE = make.resource("File[/etc/a]", replace(make.event("mode"), desired="0640"))
CATALOG = make.catalog(("File[/etc/a]", {"mode": "0640", "path": "/etc/a"}))


def test_the_last_write_is_blamed_and_the_work_that_it_undid_is_named() -> None:
    run = upgraded(
        at("right", 1, 1.0, "/etc/a", args={"path": "/etc/a", "mode": "0640"}),
        at("content only", 2, 2.0, "/etc/a", args={"dest": "/etc/a", "content": "x"}),
        at("wrong", 3, 3.0, "/etc/a", args={"path": "/etc/a", "mode": "0644"}, item="x"),
        disk=make.disk(make.changed("/etc/a", "metadata", "mode", at=3.5)),
    )
    assert blamed(run, CATALOG, FILE) == ("wrong", "right")
    left, _ = Claims(run).blame(CATALOG, FILE)
    assert left is not None
    assert (left.did, left.known) == ("wrote /etc/a", "seen")


def test_no_task_is_blamed_for_what_none_touched() -> None:
    run = upgraded(at("another", 1, 1.0, "/etc/b", args={"dest": "/etc/b"}), disk=make.disk("/etc/b"))
    assert blamed(run, CATALOG, FILE) == (None, None)


def test_the_item_of_a_loop_is_named() -> None:
    items: list[JsonValue] = ["/etc/b", "/etc/a"]
    place = Place(file="upgrade.yml", line=1)
    results = tuple(
        make.task("loop", place=place, start=1.0, end=1.5, item=item, args={"path": item, "mode": "0644"})
        for item in items
    )
    span = make.span("loop", 1.0, 2.0, "/etc/a", "/etc/b")
    run = make.tasks(*results)
    phase = make.phase("upgrade", ansible=(replace(run, spans=(span,)),))
    seen = make.disk(make.changed("/etc/a", "metadata", "mode", at=1.5))
    left, _ = Claims(make.with_phase(make.healthy(), replace(phase, disk=seen))).blame(CATALOG, FILE)
    assert left is not None
    assert left.item == "/etc/a"


def test_a_unit_is_blamed_on_the_task_after_which_it_was_in_another_state() -> None:
    runs, stopped = make.unit_state(), make.unit_state(active="inactive")
    starts, stops = at("start", 1, 1.0), at("stop", 2, 2.0)
    run = upgraded(
        (replace(starts[0], units=(runs,)), starts[1]),
        (replace(stops[0], units=(stopped,)), stops[1]),
        at("later", 3, 3.0),
    )
    service = make.resource("Service[app]", replace(make.event("ensure"), desired="running"))
    left, undone = Claims(run).blame(make.catalog(("Service[app]", {"ensure": "running"})), service)
    assert left is not None
    assert undone is not None
    assert (left.task, left.did, left.known) == ("stop", "stopped app.service", "seen")
    assert (undone.task, undone.did) == ("start", "started app.service")


def test_accounts_are_told_by_arguments_and_by_the_client() -> None:
    grant = make.resource("Mysql_grant[app@localhost/app.*]", make.event("ensure"))
    catalog = make.catalog(("Mysql_grant[app@localhost/app.*]", {}))
    module = at("module", 1, 1.0, module="community.mysql.mysql_user", args={"name": "app"})
    revoke = {"cmd": "mariadb -e \"REVOKE ALL ON app.* FROM 'app'@'localhost'\""}
    client = at("client", 2, 2.0, module="ansible.builtin.command", args=revoke)
    assert blamed(upgraded(module, client), catalog, grant) == ("client", "module")
    assert blamed(upgraded(client, module), catalog, grant)[0] == "module"


def test_a_query_that_speaks_of_a_resource_comes_before_an_older_command() -> None:
    cell = make.resource("Nova_cell_v2[default]", make.event("ensure"))
    catalog = make.catalog(("Nova_cell_v2[default]", {}))
    create = {"cmd": "nova-manage cell_v2 create_cell --name default"}
    made = at("made", 1, 1.0, module="ansible.builtin.command", args=create)
    query = {"query": "DELETE FROM nova_api.cell_mappings WHERE name = 'default'"}
    gone = at("gone", 2, 2.0, module="community.mysql.mysql_query", args=query)
    assert blamed(upgraded(made, gone), catalog, cell) == ("gone", "made")
    # A query about something else says nothing of it.
    other = at("other", 3, 3.0, module="community.mysql.mysql_query", args={"query": "SELECT 1 FROM nova_api.hosts"})
    assert blamed(upgraded(made, gone, other), catalog, cell)[0] == "gone"


def test_a_task_that_hides_its_arguments_is_told_by_its_module_only() -> None:
    user = make.resource("Mysql_user[app@localhost]", make.event("password_hash"))
    catalog = make.catalog(("Mysql_user[app@localhost]", {}))
    hidden = at("hidden", 2, 2.0, module="community.mysql.mysql_user", args=MARK)
    open_one = at("open", 1, 1.0, module="community.mysql.mysql_user", args={"name": "app"})
    assert blamed(upgraded(open_one, hidden), catalog, user)[0] == "hidden"
    # A hidden command may have done anything: nobody is blamed before it.
    shell = at("shell", 3, 3.0, module="ansible.builtin.shell", args=MARK)
    assert blamed(upgraded(open_one, shell), catalog, user) == (None, None)


def test_an_exec_is_blamed_on_what_its_command_or_guard_reads() -> None:
    migrate = make.resource("Exec[migrate]", make.event("returns", status="failure"), failed=True)
    catalog = make.catalog(("Exec[migrate]", {"command": "/bin/m", "unless": "test -e /srv/lock"}))
    run = upgraded(at("other", 1, 1.0, "/srv/lock.old"), at("lock", 2, 2.0, "/srv/lock"), at("later", 3, 3.0, "/srv/x"))
    assert blamed(run, catalog, migrate)[0] == "lock"


def test_only_a_single_change_is_told_without_asking() -> None:
    look = at("look", 1, 1.0, module="ansible.builtin.stat", changed=False)
    one, two = at("one", 2, 2.0, "/a"), at("two", 3, 3.0, "/b")
    single = Blame(upgraded(look, one)).only_change("upgrade")
    assert single is not None
    assert single.task == "one"
    assert Blame(upgraded(one, two)).only_change("upgrade") is None


def test_an_option_that_a_task_found_as_it_sets_it_is_a_clash() -> None:
    """The old release had the value already: nothing was written, and yet the task says what Puppet does not want."""
    pool = make.resource("Nova_config[a/b]", replace(make.event("value"), previous="2", desired="4"))
    catalog = make.catalog(("Nova_config[a/b]", {"value": "4"}))
    args: dict[str, JsonValue] = {"path": "/etc/nova/nova.conf", "section": "a", "option": "b", "value": "2"}
    other = at("other", 2, 2.0, "/etc/nova/nova.conf", args={**args, "option": "c"})
    run = upgraded(at("same", 1, 1.0, args=args, changed=False), other, at("hidden", 3, 3.0, args=MARK))
    left, _ = Claims(run).blame(catalog, pool)
    assert left is not None
    assert (left.task, left.did, left.known) == ("same", "set it to 2", "named")
    assert Claims(run).whose(catalog, pool, left) == "clash"
    left, _ = Claims(upgraded(other)).blame(catalog, pool)
    assert left is None or left.did == "touched the file, and not this option"
    assert Claims(upgraded(other)).whose(catalog, pool, left) == "missed"


# --- Measured ---

FINDING = Finding(rule="probe.failed", means="diverged", phase="upgrade", subject="p", message="")


@pytest.mark.parametrize(
    ("guilty", "many"),
    [({0}, 1), ({3}, 4), ({5}, 8), ({1, 6}, 8), ({0, 1, 2}, 3)],
    ids=["the only one", "one of four", "one of eight", "two together", "all"],
)
def test_a_smallest_set_of_tasks_is_found(guilty: set[int], many: int, tmp_path: Path) -> None:
    """The finding is there as long as one of the guilty ones is."""
    site, run = _author(tmp_path, many)
    trials = 0

    def runner(edits: Iterable[Edit], _what: str) -> Tried:
        nonlocal trials
        trials += 1
        text = site.patched(edits)["upgrade.yml"]
        left = {int(task["name"].split()[1]) for task in yaml.safe_load(text) if task["name"] != "left out"}
        gone = guilty.isdisjoint(left)
        result = judge(make.healthy())
        return Tried(
            result=result if gone else replace(result, verdict="diverged", findings=(FINDING,)), run=run, clear=Clear()
        )

    (measured,) = ablation.ablate(run, (FINDING,), site, runner)
    assert {int(task.name.split()[1]) for task in measured.tasks} == guilty
    assert measured.trials == trials <= ablation.TRIALS


def test_what_is_there_without_all_tasks_is_nobodys(tmp_path: Path) -> None:
    site, run = _author(tmp_path, 3)
    stays = replace(judge(make.healthy()), verdict="diverged", findings=(FINDING,))
    asked = []

    def runner(edits: Iterable[Edit], what: str) -> Tried:
        asked.append((what, tuple(edits)))
        return Tried(result=stays, run=run, clear=Clear())

    (measured,) = ablation.ablate(run, (FINDING,), site, runner)
    assert measured == Ablation(rule="probe.failed", subject="p", tasks=(), trials=1)
    assert len(asked) == 1


def test_a_run_that_says_nothing_is_no_measurement(tmp_path: Path) -> None:
    site, run = _author(tmp_path, 2)
    silent = replace(judge(make.healthy()), verdict="inconclusive")

    def runner(_edits: Iterable[Edit], _what: str) -> Tried:
        return Tried(result=silent, run=run, clear=Clear())

    (measured,) = ablation.ablate(run, (FINDING,), site, runner)
    assert measured.tasks == ()


@pytest.mark.parametrize(
    ("finding", "is_open"),
    [
        (FINDING, True),
        (replace(FINDING, left_by=Left(task="a", place=None, known="seen")), False),
        (replace(FINDING, left_by=Left(task="a", place=None, known="named")), True),
        (replace(FINDING, rule="converge.change", whose="missed"), False),
        (replace(FINDING, rule="again.change"), False),
        (replace(FINDING, means="note"), False),
        (replace(FINDING, evidence={"again": True}), False),
    ],
    ids=["nobody", "seen", "named", "missed", "only again", "note", "every time"],
)
def test_what_is_measured_is_what_the_record_leaves_open(finding: Finding, is_open: bool) -> None:  # noqa: FBT001 - a case
    assert ablation.is_open(finding) == is_open


def test_a_measurement_stands_in_the_finding() -> None:
    run = make.healthy()
    probe = make.phase("upgrade", ansible=(make.tasks(),))
    place = Place(file="upgrade.yml", line=7)
    failed = make.resource("File[/a]", make.event())
    run = make.with_phase(make.with_phase(run, probe), make.phase("converge", make.applied("t3", failed)))
    subject = judge(run).findings[0].subject
    measured = Ablation(
        rule="converge.change", subject=subject, tasks=(TaskName(name="guilty", place=place),), trials=5
    )
    finding = judge(replace(run, ablations=(measured,))).findings[0]
    assert finding.left_by == Left(task="guilty", place=place, known="measured")
    assert finding.evidence["ablation"] == {"without": ["upgrade.yml:7"], "trials": 5}


def _author(directory: Path, many: int) -> tuple[Site, Run]:
    """An author's file with so many tasks, and a run in which each of them wrote a path."""
    tasks = "".join(
        f"- name: task {number}\n  ansible.builtin.copy: {{dest: /a{number}, content: x}}\n" for number in range(many)
    )
    (directory / "upgrade.yml").write_text(tasks, encoding="utf-8")
    (directory / "site.pp").write_text("", encoding="utf-8")
    release = {"manifest": "site.pp"}
    document = {"title": "a", "image": {}, "old": release, "upgrade": {"tasks": "upgrade.yml"}, "new": release}
    (directory / "scenario.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    site = Site(load.load(directory))
    pairs = [at(f"task {n}", 0, n + 1.0, f"/a{n}") for n in range(many)]
    placed = [
        (replace(span, place=site.place_of(task)), replace(result, place=site.place_of(task)))
        for (span, result), task in zip(pairs, site.tasks, strict=True)
    ]
    return site, upgraded(*placed)
