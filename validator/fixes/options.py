"""Options of configuration files: `ini_file`. Values as they stand in the file once Puppet has written it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks.managed import option_of
from validator.checks.settings_puppet import file_of
from validator.fixes.wanted import Draft, Drafts, Wanted, listed
from validator.witness import trees

MODULE = "community.general.ini_file"
ASSIGNMENT = re.compile(r"^[^#;\[\n=]+?(?P<before>[ \t]*)=", re.MULTILINE)


def is_option(wanted: Wanted) -> bool:
    """Whether the resource is an option of a file in sections."""
    option = option_of(wanted.kind, wanted.title, wanted.parameters)
    return option is not None and bool(option[1]) and bool(file_of(wanted.kind) or wanted.given("path"))


def file_and_option(wanted: Wanted) -> tuple[str, str, str]:
    """The file, section and option of such a resource."""
    section, option = option_of(wanted.kind, wanted.title, wanted.parameters) or ("", "")
    return wanted.given("path") or wanted.path or file_of(wanted.kind), section, option


def of(wanted: Wanted) -> Iterator[Drafts]:
    """The task that sets an option, or takes it out."""
    path, section, option = file_and_option(wanted)
    where: dict[str, JsonValue] = {"path": path, "section": section, "option": option}
    named = f"[{section}] {option}" if section else option
    if wanted.is_absent or str(wanted.changed.get("ensure")) == "absent":
        draft: Draft = {"name": f"Take {named} out of {path}", MODULE: {**where, "state": "absent"}}
        yield (draft,)
        return
    found = values(wanted)
    if not found:
        return
    value: dict[str, JsonValue] = {"value": found[0]} if len(found) == 1 else {"values": [*found]}
    spaces: dict[str, JsonValue] = {} if _has_spaces(wanted) else {"no_extra_spaces": True}
    yield ({"name": f"Set {named} in {path}", MODULE: {**where, **value, **spaces, "create": False}},)


def values(wanted: Wanted) -> list[str]:
    """What the file says; else what the catalog says. Lists are options that are given several times."""
    _, section, option = file_and_option(wanted)
    found = _written(wanted, section, option)
    known = found if found is not None else listed(wanted.parameters.get("value"))
    return [str(value) for value in known if isinstance(value, str | int | float | bool)]


def _written(wanted: Wanted, section: str, option: str) -> list[JsonValue] | None:
    if wanted.state is None or wanted.state.content is None:
        return None
    parsed = trees.parse(wanted.state.content, wanted.path)
    if parsed is None or parsed[0] != "ini" or not isinstance(parsed[1], dict):
        return None
    options = parsed[1].get(section)
    value = options.get(option) if isinstance(options, dict) else None
    return None if value is None else listed(value)


def _has_spaces(wanted: Wanted) -> bool:
    """Whether the file's options have spaces around their `=`."""
    content = wanted.state.content if wanted.state is not None and wanted.state.content else ""
    found = [bool(match["before"]) for match in ASSIGNMENT.finditer(content)]
    return not found or sum(found) * 2 >= len(found)
