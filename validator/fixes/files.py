"""Files, directories and links: `copy` and `file`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from validator.clear import FileState
from validator.fixes.wanted import Draft, Drafts, Wanted

JINJA = re.compile(r"\{\{|\{%|\{#")
OWNERSHIP = ("owner", "group", "mode")


def of(wanted: Wanted) -> Iterator[Drafts]:
    """The tasks that make a path what Puppet makes of it."""
    path = wanted.path
    if wanted.is_absent:
        yield (removed(path),)
    elif wanted.failed:
        yield from _failed(wanted)
    elif (state := wanted.state or _declared(wanted)) is not None:
        made_up = not wanted.parameters and "ensure" in wanted.changed
        manages = {name for name in OWNERSHIP if name in wanted.parameters or made_up}
        only_metadata = set(wanted.changed) <= {"owner", "group", "mode"}
        yield from made(path, state, manages, content=not only_metadata)


def made(path: str, state: FileState, manages: set[str], *, content: bool = True) -> Iterator[Drafts]:
    """The task that makes a path this: only with `content` more than its owner, group and mode."""
    ownership = {name: getattr(state, name) for name in OWNERSHIP if name in manages}
    if state.kind == "link":
        yield (
            {
                "name": f"Let {path} lead to {state.link}",
                "ansible.builtin.file": {"path": path, "src": state.link, "state": "link"},
            },
        )
    elif state.kind == "directory":
        draft: Draft = {
            "name": f"Make the directory {path}",
            "ansible.builtin.file": {"path": path, "state": "directory", **ownership},
        }
        yield (draft,)
    elif not content and ownership:
        yield (
            {
                "name": f"Set {_words(ownership)} of {path}",
                "ansible.builtin.file": {"path": path, **ownership},
            },
        )
    elif state.kind == "file" and state.content is not None:
        yield (
            {
                "name": f"Write {path}",
                "ansible.builtin.copy": {"dest": path, "content": state.content, **ownership},
            },
        )


def removed(path: str) -> Draft:
    """The task that takes a path away."""
    return {"name": f"Remove {path}", "ansible.builtin.file": {"path": path, "state": "absent"}}


def _failed(wanted: Wanted) -> Iterator[Drafts]:
    """Puppet could not make it: what it lives in may be missing, or something else is in its place."""
    state = _declared(wanted)
    if state is None:
        return
    tasks = list(made(wanted.path, state, set(OWNERSHIP) & set(wanted.parameters)))
    parent: Draft = {
        "name": f"Make the directory of {wanted.path}",
        "ansible.builtin.file": {"path": str(PurePosixPath(wanted.path).parent), "state": "directory"},
    }
    for each in tasks:
        yield (parent, *each)
        yield (removed(wanted.path), *each)


def _declared(wanted: Wanted) -> FileState | None:
    """What the catalog says of a path that nobody has made yet. Without a content there is nothing to write."""
    ensure, content = wanted.given("ensure"), wanted.parameters.get("content")
    owner, group = wanted.given("owner") or "root", wanted.given("group") or "root"
    target = wanted.given("target") or (ensure if ensure.startswith("/") else "")
    if ensure == "link" or target:
        return FileState(kind="link", mode="0777", owner=owner, group=group, link=target)
    if ensure == "directory":
        return FileState(kind="directory", mode=_mode(wanted) or "0755", owner=owner, group=group)
    if not isinstance(content, str):
        return None
    return FileState(kind="file", mode=_mode(wanted) or "0644", owner=owner, group=group, content=content)


def _mode(wanted: Wanted) -> str:
    mode = wanted.given("mode")
    return mode.zfill(4) if mode.isdigit() else ""


def _words(names: object) -> str:
    found = list(names) if isinstance(names, dict) else []
    return " and ".join(found) if len(found) < 3 else ", ".join(found)  # noqa: PLR2004 - more than a pair
