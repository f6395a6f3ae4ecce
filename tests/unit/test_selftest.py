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
from validator.record import DiskSeen, PathChange, Place, SelfTest, Side
from validator.render import selftest as rendered
from validator.scenario import load
from validator.scenario.load import Loaded
from validator.selftest import kept, mutants, source
from validator.selftest.mutants import Mutant
from validator.selftest.run import Wanted, choose
from validator.selftest.score import Outcome, SelfTestResult, judged
from validator.verdict import judge

SCENARIOS = [load.find(name, PROJECT / "scenarios") for name in load.names(PROJECT / "scenarios")]
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
    assert changed_lines(inner)[1:] == ["+    - ansible.builtin.meta: noop"]
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
        "ansible.builtin.systemd_service": {"name": "a.service", "state": "stopped"},
    }
    assert [yaml.safe_load(each.files["upgrade.yml"])[-1] for each in by_operator(loaded, "stray-line")] == [
        {"name": "a seeded fault", "ansible.builtin.shell": "echo 'stray' >> '/etc/a'"},
        {"name": "a seeded fault", "ansible.builtin.shell": "echo 'stray = 1' >> '/etc/b.ini'"},
    ]


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
    return Mutant(id=f"{operator}:x", operator=operator, title="a fault", place=Place(file="u.yml"), task=task)


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
    gone = make.with_phase(healthy, make.phase("upgrade", ansible=(make.tasks(make.task("other", changed=False)),)))
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
    text = rendered.text(result("caught", "missed", "equivalent", derived=4))
    assert "1 of 2 seeded faults caught (score 50%); 1 missed." in text
    assert "Only 3 of 4 faults were run" in text
    assert "validate selftest scenarios/s --only 'drop-task:x'" in text


def test_a_score_is_kept_for_the_very_content(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path)
    score = SelfTest(when=1.0, caught=2, missed=1, equivalent=0)
    assert kept.recall(cache, "d") is None
    kept.keep(cache, "d", score)
    assert kept.recall(cache, "d") == score
    assert kept.recall(cache, "e") is None
    (tmp_path / "selftests/d.json").write_text("{", encoding="utf-8")
    assert kept.recall(cache, "d") is None
