"""Which moment somebody asks for with `--at`, and the line that a result ends with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit import builders as make
from validator import moments
from validator.errors import UsageError
from validator.record import Place, Run, WrittenTask
from validator.render import text, whatnext
from validator.verdict import judge


def written(name: str, line: int, file: str = "scenarios/shop/upgrade.yml") -> WrittenTask:
    return WrittenTask(name=name, place=Place(file=file, line=line), module="copy", args={}, keywords={})


TASKS = (
    written("stop the shop", 1),
    written("write the configuration", 5),
    written("write the configuration of workers", 9),
    written("start", 13),
    written("start", 3, "scenarios/shop/more.yml"),
    written("old", 17),
)


@pytest.mark.parametrize(
    ("asked", "variant", "after", "line"),
    [
        ("", False, "upgrade", None),
        ("", True, "fault", None),
        ("old", False, "old", None),
        (" again ", True, "again", None),
        ("write the configuration", False, "upgrade", 5),
        ("STOP", False, "upgrade", 1),
        ("workers", False, "upgrade", 9),
        ("more.yml:3", False, "upgrade", 3),
        ("./scenarios/shop/upgrade.yml:17", False, "upgrade", 17),
    ],
)
def test_one_moment_is_meant(asked: str, variant: bool, after: str, line: int | None) -> None:  # noqa: FBT001 - a table
    found = moments.find(asked, TASKS, variant=variant)
    assert found.after == after
    assert (found.task.line if found.task else None) == line


@pytest.mark.parametrize(
    ("asked", "listed"),
    [("start", 2), ("configuration", 2), ("nowhere", 6), ("rade.yml:1", 6), ("fault", 0)],
)
def test_what_is_not_one_moment_lists_the_tasks(asked: str, listed: int) -> None:
    with pytest.raises(UsageError) as raised:
        moments.find(asked, TASKS, variant=False)
    assert raised.value.message.count("\n  scenarios/shop/") == listed
    assert raised.value.hint


def test_a_loop_is_one_task() -> None:
    assert moments.find("each", (written("each a", 2), written("each b", 2)), variant=False).task is not None


def line_of(run: Run, file: str = "scenarios/shop/scenario.yml") -> list[str]:
    found = whatnext.steps(
        judge(replace(run, subject=replace(run.subject, name=Path(file).parent.name or "shop", file=file)))
    )
    return [f"{what}: {command}" for what, command in found if what == "shell"]


def failing() -> Run:
    return make.with_phase(
        make.healthy(), make.phase("converge", make.applied("t3", make.resource("File[/a]", make.event())))
    )


def test_a_converged_run_leads_nowhere() -> None:
    assert line_of(make.healthy()) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("scenarios/shop/scenario.yml", "shop"),
        ("scenarios/deep/shop/scenario.yml", "scenarios/deep/shop"),
        ("shop/scenario.yml", "./shop"),
        ("scenario.yml", "./."),
        ("/srv/my shop/scenario.yml", "'/srv/my shop'"),
    ],
)
def test_the_name_is_one_that_the_command_takes(file: str, name: str) -> None:
    assert line_of(failing(), file) == [f"shell: validate shell {name} --at upgrade"]


def test_the_moment_is_the_last_one_before_puppet_that_there_was() -> None:
    fault = make.phase("fault", ansible=(make.tasks(),))
    run = failing()
    old, upgrade, *rest = run.phases
    assert line_of(replace(run, phases=(old, upgrade, fault, *rest)))[0].endswith("--at fault")
    assert line_of(replace(run, phases=(old,)))[0].endswith("--at old")
    unsettled = make.phase(
        "old", make.applied("t1"), make.applied("t2", make.resource("File[/a]", make.event()), number=2)
    )
    assert line_of(replace(run, phases=(unsettled,)))[0].endswith("--at image")
    assert line_of(replace(run, phases=())) == []


def test_the_text_ends_with_it() -> None:
    assert text.render(judge(failing())).splitlines()[-1].startswith("shell: validate shell ")
