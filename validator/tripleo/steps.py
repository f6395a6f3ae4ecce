"""Which steps tasks are for: by tags (ocata, pike) or by conditions (queens and later)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from validator.errors import Problem
from validator.tripleo.values import Spot

# batch_upgrade_steps_max and upgrade_steps_max of puppet/major_upgrade_steps.j2.yaml, common/deploy-steps.j2: 0 to 5.
STEPS = tuple(range(6))
# What `--tags` is given at a step: puppet/upgrade_config.yaml (ocata).
TAGS = ("common", "step{step}")
_STEP_TAG = re.compile(r"^step\d+$")
_STEP = re.compile(r"\bstep\b")
SECTIONS = ("block", "rescue", "always")


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a step is chosen: the tags of a run, and the steps there are. Neither when no task has a step."""

    tags: tuple[str, ...] = ()
    steps: tuple[int, ...] = ()


def style(tasks: Sequence[tuple[Mapping[str, JsonValue], Spot]]) -> tuple[Style, tuple[Problem, ...]]:
    """How the tasks choose their step, and the tasks that would never run because the others choose differently."""
    tagged = [_tags(task) for task, _ in tasks]
    if not any(_STEP_TAG.match(tag) for tags in tagged for tag in tags):
        steps = STEPS if any(_conditional(task) for task, _ in tasks) else ()
        return Style(steps=steps), ()
    message = "this task chooses its step by `when`, others by tags: a run with `--tags common,stepN` leaves it out"
    mixed = tuple(
        spot.problem("when", message)
        for (task, spot), tags in zip(tasks, tagged, strict=True)
        if _conditional(task) and not any(tag == "common" or _STEP_TAG.match(tag) for tag in tags)
    )
    return Style(tags=TAGS, steps=STEPS), mixed


def inner(task: Mapping[str, JsonValue]) -> Iterator[Mapping[str, JsonValue]]:
    """A task and, when it is a block, the tasks in it."""
    yield task
    for section in SECTIONS:
        tasks = task.get(section)
        for each in tasks if isinstance(tasks, list) else []:
            if isinstance(each, dict):
                yield from inner(each)


def _tags(task: Mapping[str, JsonValue]) -> list[str]:
    return [tag for each in inner(task) for tag in _listed(each.get("tags"))]


def _conditional(task: Mapping[str, JsonValue]) -> bool:
    return any(_STEP.search(condition) for each in inner(task) for condition in _listed(each.get("when")))


def _listed(value: JsonValue) -> list[str]:
    """Ansible takes a list, or a string with commas (of tags) or with one condition."""
    items = value if isinstance(value, list) else [value]
    return [part.strip() for item in items if isinstance(item, str) for part in item.split(",")]
