"""A scenario whose upgrade tasks are edited: in a copy, so that the author's files stay as they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from validator.errors import UsageError
from validator.inputs import LEFT_OUT
from validator.scenario.load import Loaded
from validator.scenario.paths import written

COPY = "tasks"  # where the copy of the author's tasks lies


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A change of one file beside the tasks: the characters from `at` to `until` give way to `text`.

    Of edits at one place those of the lowest `rank` come first: what belongs to a task before what follows it.
    """

    file: str
    at: int
    until: int
    text: str
    rank: int = 0


def apply(text: str, edits: Iterable[Edit]) -> str:
    """A file's text after its edits; those at one place in the order in which they are given."""
    done, end = [], 0
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: (edit.at, edit.rank)):
        if edit.at < end:
            raise ValueError(f"two edits of {edit.file} overlap")
        done += [text[end : edit.at], edit.text]
        end = edit.until
    return "".join((*done, text[end:]))


def tasks_file(loaded: Loaded) -> Path:
    """The file whose tasks run last: the author's playbook or list of tasks, or a variant's fault.

    Raises `UsageError` when there is none.
    """
    upgrade = loaded.scenario.upgrade
    file = loaded.fault or upgrade.playbook or upgrade.tasks
    if file is None:
        raise UsageError("the scenario has no upgrade tasks")
    return file


def with_files(loaded: Loaded, files: Mapping[str, str], into: Path) -> Loaded:
    """The scenario with other texts for files beside its tasks (see `tasks_file`), copied below `into`."""
    source, copy = tasks_file(loaded), into / COPY
    shutil.copytree(source.parent, copy, symlinks=True, ignore=LEFT_OUT)
    for name, text in files.items():
        file = (copy / name).resolve()
        if not file.is_relative_to(copy.resolve()):  # behind a link: that file is the author's own
            raise UsageError(f"{name} is not below {written(source.parent)}: it cannot be edited in a copy")
        file.write_text(text, encoding="utf-8")
    if loaded.fault is not None:
        return replace(loaded, fault=copy / source.name)
    key = "playbook" if loaded.scenario.upgrade.playbook else "tasks"
    return _with_upgrade(loaded, {key: copy / source.name})


def with_variables(loaded: Loaded, variables: Mapping[str, JsonValue]) -> Loaded:
    """The scenario with these variables for its tasks instead of its own."""
    return _with_upgrade(loaded, {"vars": dict(variables)})


def _with_upgrade(loaded: Loaded, update: Mapping[str, object]) -> Loaded:
    upgrade = loaded.scenario.upgrade.model_copy(update=dict(update))
    return replace(loaded, scenario=loaded.scenario.model_copy(update={"upgrade": upgrade}))
