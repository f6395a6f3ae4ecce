"""Seeded faults: what is derived from the author's tasks, what is written, and what counts as caught."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT
from tests.unit import builders as make
from validator import plan
from validator.errors import UsageError
from validator.host.cache import Cache
from validator.record import DiskSeen, PathChange, Place, Run, SelfTest, ServicesSeen, Side, Task, UnitState
from validator.render import selftest as rendered
from validator.scenario import load, source
from validator.scenario.load import Loaded
from validator.selftest import kept, mutants, score
from validator.selftest.mutants import Mutant
from validator.selftest.run import Wanted, choose
from validator.selftest.score import Outcome, SelfTestResult, judged
from validator.verdict import judge

EVERY = [load.find(name, PROJECT / "scenarios") for name in load.names(PROJECT / "scenarios")]
SCENARIOS = [each for each in EVERY if not each.scenario.upgrade.tripleo]
TASKS = """\
# a comment
- name: first # and another
  ansible.builtin.copy:
    dest: /etc/a
    content: |
      one
      two
    mode: "0644"
    owner: root
  notify: restart

- name: second
  when: true
  block:
    - { name: inner, ansible.builtin.command: "true", notify: [a, b], changed_when: x.rc == 0 }
- name: third
  community.general.ini_file: { path: /etc/b.ini, section: s, option: o, value: "{{ item.value }}" }
  loop:
    - { value: 8 }
    - { value: "{{ x }}" }
    - { value: 'True' }
- ansible.builtin.shell: echo hello
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    directory = tmp_path / "s"
    directory.mkdir()
    (directory / "upgrade.yml").write_text(TASKS, encoding="utf-8")
    for name in ("old.pp", "new.pp"):
        (directory / name).write_text("file { '/etc/a': }\n", encoding="utf-8")
    document = {
        "title": "t",
        "image": {},
        "services": ["a.service"],
        "old": {"manifest": "old.pp"},
        "upgrade": {"tasks": "upgrade.yml", "vars": {"x": 3, "y": "word", "z": [1]}},
        "new": {"manifest": "new.pp"},
    }
    (directory / "scenario.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return load.load(directory)


def changed_lines(mutant: Mutant) -> list[str]:
    (text,) = mutant.files.values()
    diff = difflib.unified_diff(TASKS.splitlines(), text.splitlines(), n=0, lineterm="")
    return [line for line in diff if not line.startswith(("---", "+++", "@@"))]


def by_operator(loaded: Loaded, operator: str) -> list[Mutant]:
    return [mutant for mutant in mutants.derive(loaded) if mutant.operator == operator]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_every_fault_of_our_scenarios_is_a_scenario_that_differs_in_one_place(scenario: Loaded, tmp_path: Path) -> None:
    (tmp_path / "healthy").mkdir()
    healthy = plan.make(scenario, tmp_path / "healthy")
    derived = mutants.derive(scenario)
    assert len({mutant.id for mutant in derived}) == len(derived)
    for number, mutant in enumerate(derived):
        for text in mutant.files.values():
            assert yaml.safe_load(text)
        staging, into = tmp_path / f"{number}-staged", tmp_path / f"{number}-written"
        staging.mkdir()
        into.mkdir()
        faulty = plan.make(mutants.write(mutant, scenario, into), staging)
        assert faulty.old_state == healthy.old_state, mutant.id
        assert faulty.digest != healthy.digest, mutant.id


STYLES = {
    "wide dashes": """\
-   name: a
    ansible.builtin.command: x
-   name: b
    ansible.builtin.command: y
""",
    "dashes alone": """\
-
  name: a
  ansible.builtin.command: x
-
  name: b
  ansible.builtin.command: y
""",
    "one line": "[{name: a, ansible.builtin.command: x}, {name: b, ansible.builtin.command: y, notify: z}]\n",
    "folded": """\
- name: a
  ansible.builtin.command: x
  changed_when: >-
    a.rc == 0
  register: a
""",
    "a list of conditions": """\
- name: a
  ansible.builtin.command: x
  changed_when:
    - a.rc == 0
    # and
    - b
  # a comment that stays
  register: a
""",
    "notify first": """\
- name: a
  ansible.builtin.command: x
- notify: z
  name: b
  ansible.builtin.command: y
""",
    "an anchor in the task": """\
- name: a
  ansible.builtin.copy: {dest: /a, content: &c x}
- name: b
  vars: {c: *c}
  ansible.builtin.command: y
""",
}


@pytest.mark.parametrize("style", STYLES)
def test_a_fault_is_of_one_task_however_the_tasks_are_written(loaded: Loaded, style: str) -> None:
    (loaded.file.parent / "upgrade.yml").write_text(STYLES[style], encoding="utf-8")
    healthy = yaml.safe_load(STYLES[style])
    derived = [each for each in mutants.derive(loaded) if each.task]
    assert sum(each.operator == "drop-task" for each in derived) == len(healthy)
    for each in derived:
        faulty = yaml.safe_load(each.files["upgrade.yml"])
        assert len(faulty) == len(healthy), each.id
        differing = [before for before, after in zip(healthy, faulty, strict=True) if before != after]
        anchored = style == "an anchor in the task" and each.operator == "change-value"
        assert len(differing) == (2 if anchored else 1), each.id
        assert all(isinstance(task, dict) for task in faulty), each.id
        if each.operator == "hide-change":
            assert [task.get("changed_when") for task in faulty if task["name"] == each.task] == [False]


def test_a_value_behind_an_alias_is_changed_where_its_anchor_is_and_only_there(loaded: Loaded) -> None:
    text = """\
- { name: a, ansible.builtin.file: { path: /a, mode: &m '0644' } }
- { name: b, ansible.builtin.file: { path: /b, mode: *m } }
"""
    (loaded.file.parent / "upgrade.yml").write_text(text, encoding="utf-8")
    (fault,) = by_operator(loaded, "change-mode")
    faulty = yaml.safe_load(fault.files["upgrade.yml"])
    assert [task["ansible.builtin.file"]["mode"] for task in faulty] == ["0600", "0600"]


def test_what_would_say_the_same_is_no_fault(loaded: Loaded) -> None:
    text = "- { name: a, ansible.builtin.file: { path: /a, owner: daemon, group: root } }\n"
    (loaded.file.parent / "upgrade.yml").write_text(text, encoding="utf-8")
    (fault,) = by_operator(loaded, "change-owner")
    assert "another group" in fault.title


def test_files_outside_the_tasks_are_never_seeded(loaded: Loaded, tmp_path: Path) -> None:
    directory, text = loaded.file.parent, "- name: mine\n  ansible.builtin.command: x\n"
    shared = tmp_path / "shared"
    (shared / "tasks").mkdir(parents=True)
    (directory / "roles").mkdir()
    (directory / "roles/linked").symlink_to(shared)
    outside = (shared / "tasks/main.yml", tmp_path / "absolute.yml", tmp_path / "above.yml")
    for file in outside:
        file.write_text(text, encoding="utf-8")
    includes = f"- ansible.builtin.include_tasks: {outside[1]}\n- ansible.builtin.import_tasks: ../above.yml\n"
    (directory / "upgrade.yml").write_text(includes, encoding="utf-8")
    derived = mutants.derive(loaded)
    assert {name for each in derived for name in each.files} == {"upgrade.yml"}
    for number, each in enumerate(derived):
        (tmp_path / f"into-{number}").mkdir()
        mutants.write(each, loaded, tmp_path / f"into-{number}")
    linked = Mutant(
        id="x", operator="drop-task", title="t", place=Place(file="x"), files={"roles/linked/tasks/main.yml": "[]"}
    )
    (tmp_path / "into").mkdir()
    with pytest.raises(UsageError, match="not below"):
        mutants.write(linked, loaded, tmp_path / "into")
    assert [file.read_text(encoding="utf-8") for file in outside] == [text] * 3


def test_every_kind_of_fault_is_derived(loaded: Loaded) -> None:
    counted = Counter(mutant.operator for mutant in mutants.derive(loaded))
    assert counted == {
        "drop-task": 4,
        "remove-notify": 2,
        "change-value": 5,
        "change-mode": 1,
        "change-owner": 1,
        "hide-change": 2,
        "stop-service": 1,
        "disable-service": 1,
        "stray-line": 2,
        "noop": 1,
    }


def test_a_dropped_task_leaves_the_rest_as_it_was(loaded: Loaded) -> None:
    first, inner, third, last = by_operator(loaded, "drop-task")
    assert changed_lines(inner)[1:] == ["+    - {ansible.builtin.meta: noop}"]
    assert [line for line in changed_lines(first) if line.startswith("+")] == ["+- ansible.builtin.meta: noop"]
    assert "# a comment" in first.files["upgrade.yml"]
    assert (third.place.line, last.place.line) == (16, 22)
    assert changed_lines(last) == ["-- ansible.builtin.shell: echo hello", "+- ansible.builtin.meta: noop"]


def test_a_removed_notify(loaded: Loaded) -> None:
    block, flow = by_operator(loaded, "remove-notify")
    assert changed_lines(block) == ["-  notify: restart"]
    assert changed_lines(flow)[1] == (
        '+    - { name: inner, ansible.builtin.command: "true", changed_when: x.rc == 0 }'
    )


def test_other_values_are_of_the_same_kind(loaded: Loaded) -> None:
    content, first, last, *variables = by_operator(loaded, "change-value")
    assert yaml.safe_load(content.files["upgrade.yml"])[0]["ansible.builtin.copy"]["content"] == "one\ntwo\nchanged\n"
    assert changed_lines(first)[1] == "+    - { value: 9 }"
    assert changed_lines(last)[1] == "+    - { value: 'False' }"
    assert [mutant.variables for mutant in variables] == [
        {"x": 4, "y": "word", "z": [1]},
        {"x": 3, "y": "word-changed", "z": [1]},
    ]


def test_a_change_that_is_hidden(loaded: Loaded) -> None:
    said, unsaid = by_operator(loaded, "hide-change")
    assert yaml.safe_load(said.files["upgrade.yml"])[1]["block"][0]["changed_when"] is False
    assert yaml.safe_load(unsaid.files["upgrade.yml"])[3] == {
        "changed_when": False,
        "ansible.builtin.shell": "echo hello",
    }


def test_faults_at_the_end(loaded: Loaded) -> None:
    (stopped,) = by_operator(loaded, "stop-service")
    assert yaml.safe_load(stopped.files["upgrade.yml"])[-1] == {
        "name": "a seeded fault",
        "tags": ["always"],
        "ansible.builtin.systemd_service": {"name": "a.service", "state": "stopped"},
    }
    strays = [yaml.safe_load(each.files["upgrade.yml"])[-1] for each in by_operator(loaded, "stray-line")]
    assert [stray["ansible.builtin.shell"] for stray in strays] == [
        "test -f /etc/a && echo 'stray' >> /etc/a",
        "test -f /etc/b.ini && echo 'stray = 1' >> /etc/b.ini",
    ]
    assert all((stray["tags"], stray["failed_when"]) == (["always"], False) for stray in strays)


def test_tasks_that_are_imported_are_faulty_too(loaded: Loaded) -> None:
    directory = loaded.file.parent
    (directory / "more.yml").write_text("- ansible.builtin.command: echo more\n", encoding="utf-8")
    (directory / "upgrade.yml").write_text("- ansible.builtin.import_tasks: more.yml\n", encoding="utf-8")
    assert [task.file for task in source.tasks(directory, "upgrade.yml")] == ["upgrade.yml", "more.yml"]
    assert {name for mutant in by_operator(loaded, "hide-change") for name in mutant.files} == {"more.yml"}


def test_a_variant_is_not_seeded() -> None:
    variant = load.load(PROJECT / "tests/variants/plain-files/mode-wrong")
    with pytest.raises(UsageError, match="variant"):
        mutants.derive(variant)


def test_a_limit_takes_of_every_kind_in_turn(loaded: Loaded) -> None:
    derived = mutants.derive(loaded)
    few = choose(derived, Wanted(limit=10))
    assert {mutant.operator for mutant in few} == {mutant.operator for mutant in derived}
    assert choose(derived, Wanted(limit=10)) == few
    assert [mutant.id for mutant in choose(derived, Wanted(only=("noop:*",)))] == ["noop:new"]
    assert len(choose(derived, Wanted(limit=99))) == len(derived)


def mutant(operator: str, task: str = "a task") -> Mutant:
    place = Place(file="upgrade.yml", line=1)  # where `make.task` stands
    return Mutant(id=f"{operator}:x", operator=operator, title="a fault", place=place, task=task)


def answer(seeded: Mutant, faulty: object, healthy: object = None) -> str:
    base = healthy or make.healthy()
    return judged(seeded, base, faulty, judge(faulty), seconds=1.0).answer  # type: ignore[arg-type]  # runs, both


def test_what_is_not_converged_is_caught() -> None:
    loud = make.phase("converge", make.applied("t3", make.resource("File[/a]", make.event(), changed=True)))
    outcome_of = make.with_phase(make.healthy(), loud)
    assert answer(mutant("drop-task"), outcome_of) == "caught"


def test_a_machine_that_gave_way_is_not_a_caught_fault() -> None:
    from validator.record import Trouble  # noqa: PLC0415 - only here

    broken = replace(make.healthy(), phases=(), troubles=(Trouble(phase="old", message="no space", hint=""),))
    assert answer(mutant("drop-task"), broken) == "broken"


def test_a_fault_is_equivalent_only_when_nothing_differs() -> None:
    unchanged = make.phase("upgrade", ansible=(make.tasks(make.task(changed=False)),))
    healthy = make.with_phase(make.healthy(), unchanged)
    other = make.task("other", changed=False, place=Place(file="upgrade.yml", line=7))
    gone = make.with_phase(healthy, make.phase("upgrade", ansible=(make.tasks(other),)))
    without = make.with_phase(healthy, make.phase("upgrade", ansible=(make.tasks(make.task(changed=False)),)))
    assert answer(mutant("drop-task"), without, healthy) == "equivalent"
    assert answer(mutant("drop-task"), gone, healthy) == "missed"
    assert answer(mutant("hide-change"), make.healthy(), make.healthy()) == "equivalent"
    # It changed something that no witness sees, such as a database: nothing proves that it made no difference.
    assert answer(mutant("drop-task"), make.healthy(), make.healthy()) == "missed"


def test_another_file_after_the_upgrade_is_no_equivalence() -> None:
    side = Side(kind="file", mode="0644", owner=0, group=0, size=1, modified=1.0, digest="d")
    seen = DiskSeen(changes=(PathChange(path="/opt/x", kind="added", after=side),), noise={})
    upgrade = make.phase("upgrade", ansible=(make.tasks(make.task(changed=False)),))
    healthy = make.with_phase(make.healthy(), upgrade)
    faulty = make.with_phase(make.healthy(), replace(upgrade, disk=seen))
    assert answer(mutant("change-mode"), faulty, healthy) == "missed"
    assert answer(mutant("change-mode"), healthy, healthy) == "equivalent"


def upgraded(*results: Task, seen: DiskSeen | None = None) -> Run:
    return make.with_phase(make.healthy(), replace(make.phase("upgrade", ansible=(make.tasks(*results),)), disk=seen))


def equivalent(seeded: Mutant, healthy: Run, faulty: Run | None = None) -> bool:
    """What is said of a fault when the verdict is `converged`, whatever else a check finds in these small records."""
    converged = replace(judge(make.healthy()), verdict="converged", findings=())
    return judged(seeded, healthy, faulty or healthy, converged, seconds=1.0).answer == "equivalent"


def test_a_variable_may_be_what_any_task_wrote_to_a_database() -> None:
    seeded = replace(mutant("change-value", task=""), variables={"x": 1})
    assert not equivalent(seeded, upgraded(make.task()))
    assert equivalent(seeded, upgraded(make.task(changed=False)))
    assert not equivalent(seeded, upgraded(make.task(changed=False)), upgraded(make.task(changed=True)))


@pytest.mark.parametrize("recorded", ["db : database user", "user app", "user [redacted]"])
def test_a_seeded_task_is_known_by_its_place_whatever_its_name_became(recorded: str) -> None:
    assert not equivalent(mutant("change-value", "user {{ app }}"), upgraded(make.task(recorded)))


def test_a_value_that_only_the_fault_had_to_write_makes_a_difference() -> None:
    assert not equivalent(mutant("change-value"), upgraded(make.task(changed=False)), upgraded(make.task(changed=True)))


def test_a_handler_that_did_not_run_is_missed_though_it_is_called_as_its_notifier() -> None:
    restart = make.task("a task", handler=True, place=Place(file="upgrade.yml", line=9))
    assert not equivalent(mutant("remove-notify"), upgraded(make.task(), restart), upgraded(make.task()))
    assert equivalent(mutant("remove-notify"), upgraded(make.task(), restart))


def test_a_mode_is_proved_only_where_the_disk_was_compared() -> None:
    side = Side(kind="file", mode="0644", owner=0, group=0, size=1, modified=1.0, digest="d")
    seen = DiskSeen(changes=(PathChange(path="/a", kind="content", after=side),), noise={})
    left_out = DiskSeen(changes=(), noise={"temporary": 1})
    assert equivalent(mutant("change-mode"), upgraded(make.task(), seen=seen))
    assert not equivalent(mutant("change-mode"), upgraded(make.task(), seen=left_out))
    assert not equivalent(mutant("change-mode"), upgraded(make.task(args="[redacted]"), seen=seen))


def test_a_fault_that_could_not_be_made_is_broken() -> None:
    unmade = make.tasks(
        make.task(mutants.SEEDED, status="failed", changed=False, message="no such unit"),
        trouble="task 'a seeded fault' failed: no such unit",
        code=2,
    )
    faulty = make.with_phase(make.healthy(), make.phase("upgrade", ansible=(unmade,)))
    assert answer(mutant("stop-service", task=""), faulty) == "broken"


@pytest.mark.parametrize(
    ("enabled", "is_known"),
    [("disabled", True), ("static", True), ("enabled", False), ("generated", False), ("enabled-runtime", False)],
)
def test_a_unit_that_cannot_be_disabled_need_not_be_tried(enabled: str, *, is_known: bool) -> None:
    state = UnitState(
        unit="a.service",
        load="loaded",
        active="active",
        enabled=enabled,
        pid=1,
        invocation="i",
        started_at=1.0,
    )
    again = replace(make.phase("again", make.applied("t4")), services=ServicesSeen(events=(), states=(state,)))
    seeded = replace(mutant("disable-service", task=""), unit="a.service")
    assert (score.foreseen(seeded, make.with_phase(make.healthy(), again)) is not None) is is_known


def test_places_of_a_faulty_copy_are_those_of_the_author() -> None:
    copied = upgraded(make.task(place=Place(file="tmp/x/tasks/sub/u.yml", line=3)), make.task(place=None))
    upgrade = score.homeward(copied, "/tmp/x/tasks", "scenarios/s").phase("upgrade")
    assert upgrade is not None
    assert [task.place for task in upgrade.ansible[0].tasks] == [Place(file="scenarios/s/sub/u.yml", line=3), None]


def result(*answers: str, derived: int | None = None) -> SelfTestResult:
    outcomes = tuple(
        Outcome(mutant=mutant("drop-task"), answer=each, by="why", seconds=1.0)  # type: ignore[arg-type]  # any answer
        for each in answers
    )
    return SelfTestResult(
        scenario="s",
        where="scenarios/s",
        title="t",
        digest="d",
        derived=len(answers) if derived is None else derived,
        outcomes=outcomes,
        seconds=9.0,
        when=1.0,
    )


def test_the_score_is_of_faults_that_make_a_difference() -> None:
    assert result("caught", "caught", "missed", "equivalent").score == pytest.approx(2 / 3)
    assert result("equivalent").score is None
    assert not result("caught", derived=2).complete
    assert not result("caught", "broken").complete
    assert "399 of 400 seeded faults caught (score 99%)" in rendered.text(result(*["caught"] * 399, "missed"))
    text = rendered.text(result("caught", "missed", "equivalent", derived=4))
    assert "1 of 2 seeded faults caught (score 50%); 1 missed." in text
    assert "Only 3 of 4 faults were run" in text
    assert "validate selftest scenarios/s --only 'drop-task:x'" in text


def test_a_score_is_kept_for_the_very_content(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path)
    numbers = SelfTest(when=1.0, caught=2, missed=1, equivalent=0)
    assert kept.recall(cache, "d") is None
    kept.keep(cache, "d", numbers)
    assert kept.recall(cache, "d") == numbers
    assert kept.recall(cache, "e") is None
    (tmp_path / "selftests/d.json").write_text("{", encoding="utf-8")
    assert kept.recall(cache, "d") is None
