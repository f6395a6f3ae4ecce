"""Moments of a run at which its host can be looked at: the end of a phase, or the end of a task of the upgrade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from validator.errors import UsageError
from validator.record import Place, WrittenTask

After = Literal["image", "old", "upgrade", "fault", "converge", "again"]
ORDER: tuple[After, ...] = get_args(After)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The end of a phase, or of the upgrade task at a place. `words` say it to a person."""

    after: After
    words: str
    task: Place | None = None

    def includes(self, phase: After) -> bool:
        """Whether a phase has run at this moment."""
        return ORDER.index(phase) <= ORDER.index(self.after)


PHASES: dict[After, str] = {
    "image": "the bare image, before any release",
    "old": "the old release, before the upgrade tasks",
    "upgrade": "after the upgrade tasks, before Puppet",
    "fault": "after the fault, before Puppet",
    "converge": "after Puppet for the new release",
    "again": "after Puppet's second run",
}


def find(asked: str, tasks: Sequence[WrittenTask], *, variant: bool) -> Moment:
    """The moment that somebody asks for: a phase, or a task by its name, its `file:line`, or a part of its name.

    Without a word it is the host as Puppet for the new release finds it. Raises `UsageError`, which lists the tasks,
    when no task or more than one is meant.
    """
    asked = asked.strip() or ("fault" if variant else "upgrade")
    for phase in ORDER:
        if asked == phase:
            if phase == "fault" and not variant:
                raise UsageError("only a variant has a fault", hint="Choose `--at upgrade`.")
            return Moment(after=phase, words=PHASES[phase])
    places = {task.place: task for task in tasks if task.place is not None}
    found = _meant(asked, tuple(places.values()))
    if len(found) == 1 and found[0].place is not None:
        return Moment(
            after="upgrade", words=f"after the task '{found[0].name}' ({found[0].place})", task=found[0].place
        )
    listed = "\n".join(f"  {task.place}  {task.name}" for task in found or places.values())
    which = f"{len(found)} tasks are called" if found else "there is neither a phase nor a task"
    raise UsageError(
        f"{which} {asked!r}; {'these are they' if found else 'the tasks are'}:\n{listed}",
        hint=f"Give --at a phase ({', '.join(PHASES)}), a task's name, a part of it that no other has, or file:line.",
    )


def _meant(asked: str, tasks: Sequence[WrittenTask]) -> tuple[WrittenTask, ...]:
    """The tasks that fit best: by name, by place, by a part of the name."""
    ways = (
        lambda task: task.name == asked,
        lambda task: f"/{task.place}".endswith(f"/{asked.removeprefix('./')}"),
        lambda task: asked.casefold() in task.name.casefold(),
    )
    return next((found for way in ways if (found := tuple(filter(way, tasks)))), ())
