"""The author's file that fixes go into: where a task stands in it, and what an edit looks like."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from validator import edited
from validator.edited import Edit
from validator.fixes import layout
from validator.fixes.wanted import Draft
from validator.record import Place
from validator.scenario import source
from validator.scenario.load import Loaded
from validator.scenario.paths import written
from validator.scenario.source import Task

LOOKS = "{name: left out, ansible.builtin.assert: {that: true, quiet: true}}"
DASH = re.compile(r"(?P<indent>[ \t]*)-[ \t]+")


@dataclass(frozen=True)
class Site:
    """The files of the tasks that run last: the upgrade's, or those of a variant's fault."""

    loaded: Loaded

    @property
    def main(self) -> Path:
        """The playbook or list of tasks."""
        return edited.tasks_file(self.loaded)

    @property
    def directory(self) -> Path:
        """Where it and all that belongs to it lies."""
        return self.main.parent

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Every task of the files, as written."""
        return tuple(source.tasks(self.directory, self.main.name))

    def find(self, place: Place | None) -> Task | None:
        """The task that begins at a place, if it is one of these."""
        if place is None:
            return None
        return next((task for task in self.tasks if self.place_of(task) == place), None)

    def place(self, edits: Iterable[Edit]) -> Place | None:
        """Where the first of the edits is: the last line of what it goes behind, or the line that it changes."""
        for edit in edits:
            text = self.text(edit.file)
            return Place(file=written(self.directory / edit.file), line=text.count("\n", 0, edit.at) + 1)
        return None

    def place_of(self, task: Task) -> Place:
        """Where a task stands, as the author names the file."""
        return Place(file=written(self.directory / task.file), line=task.line)

    def text(self, file: str) -> str:
        """A file's text."""
        return (self.directory / file).read_text(encoding="utf-8")

    def insert(self, drafts: Sequence[Draft], behind: Task | None) -> Edit:
        """Tasks behind a task of a list, else behind the last one."""
        if behind is not None and not behind.handler and (edit := _behind(behind, drafts)) is not None:
            return edit
        return self._at_end(drafts)

    def _at_end(self, drafts: Sequence[Draft]) -> Edit:
        last = [task for task in self.tasks if task.file == self.main.name and not task.handler and _is_top(task)][-1:]
        edit = _behind(last[0], drafts) if last else None
        if edit is not None:
            return edit
        text = self.text(self.main.name)
        # Nothing in the file that tasks could stand behind (roles only, or a list in one line): a play of their own.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        column = root.start_mark.column if root is not None else 0
        body = layout.tasks(drafts)
        if self.loaded.fault is None and self.loaded.scenario.upgrade.playbook is not None:
            body = "- hosts: all\n  gather_facts: false\n  tasks:\n" + layout.indented(body, 4)
        return Edit(
            file=self.main.name,
            at=len(text),
            until=len(text),
            text=("" if text.endswith("\n") or not text else "\n") + layout.indented(body, column),
        )

    def patched(self, edits: Iterable[Edit]) -> dict[str, str]:
        """The texts of the files that the edits change. Raises `ValueError` when two overlap."""
        by_file: dict[str, list[Edit]] = defaultdict(list)
        for edit in edits:
            by_file[edit.file].append(edit)
        return {file: edited.apply(self.text(file), found) for file, found in by_file.items()}

    def diff(self, edits: Iterable[Edit]) -> str:
        """The edits as a unified diff of the author's files, for `patch -p1` where the command was started."""
        found: list[str] = []
        for file, text in self.patched(edits).items():
            name = written(self.directory / file).lstrip("/")
            before, after = self.text(file).splitlines(keepends=True), text.splitlines(keepends=True)
            found += _ended(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}"))
        return "".join(found)


def _ended(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _is_top(task: Task) -> bool:
    """Whether a task is no part of a block that a condition may hold back: the shallowest dash of its file."""
    dash = _dash(task)
    columns = [found for each in source.siblings(task) if (found := _dash(each)) is not None]
    return dash is not None and dash <= min(columns, default=dash)


def _dash(task: Task) -> int | None:
    start = task.text.rfind("\n", 0, task.node.start_mark.index) + 1
    before = task.text[start : task.node.start_mark.index]
    found = DASH.fullmatch(before)
    return len(found["indent"]) if found else None


def _behind(task: Task, drafts: Sequence[Draft]) -> Edit | None:
    """Tasks behind one of a block list; None where the list is written in one line."""
    column = _dash(task)
    if column is None:
        return None
    end = task.end
    airy = _is_airy(task)
    body = layout.indented(layout.tasks(drafts, airy=airy), column).rstrip("\n")
    return Edit(file=task.file, at=end, until=end, text=("\n\n" if airy else "\n") + body)


def _is_airy(task: Task) -> bool:
    """Whether there are empty lines between the task and its neighbours."""
    start = task.text.rfind("\n", 0, task.node.start_mark.index) + 1
    return task.text[:start].endswith("\n\n") or task.text[task.end :].startswith("\n\n")


def removal(task: Task) -> Edit | None:
    """The edit that takes a task out of a block list; None where it cannot be cut out."""
    if _dash(task) is None:
        return None
    start = task.text.rfind("\n", 0, task.node.start_mark.index) + 1
    # With the line ends before it: what is inserted behind it begins with its own.
    start -= len("\n\n" if task.text.endswith("\n\n", 0, start) else "\n" if start else "")
    return Edit(file=task.file, at=start, until=task.end, text="")


def silenced(task: Task) -> Edit | None:
    """The edit that puts a task that only looks in place of one: when all are gone, there is still one that ran."""
    text = task.replaced(task.node, LOOKS)
    try:
        source.meaning(text)
    except yaml.YAMLError:  # an anchor that others refer to has gone
        text = task.with_key("when", "false")
    return _difference(task.file, task.text, text)


def with_key(task: Task, key: str, value: str) -> Edit | None:
    """The edit that gives a task one more key."""
    if key in task.keys or _dash(task) is None or task.node.flow_style:
        return None
    line = f"\n{' ' * task.node.start_mark.column}{key}: {value}"
    return Edit(file=task.file, at=task.end, until=task.end, text=line, rank=-1)


def without_key(task: Task, key: str) -> Edit | None:
    """The edit that takes a key out of a task."""
    after = task.without_key(key) if key in task.keys else task.text
    return _difference(task.file, task.text, after)


def _difference(file: str, before: str, after: str) -> Edit | None:
    """The one stretch of a text that differs from another."""
    if before == after:
        return None
    start = next((at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), None)
    start = min(len(before), len(after)) if start is None else start
    end, other = len(before), len(after)
    while end > start and other > start and before[end - 1] == after[other - 1]:
        end, other = end - 1, other - 1
    return Edit(file=file, at=start, until=end, text=after[start:other])
