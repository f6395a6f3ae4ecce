"""Settings that both tools can give a host: a file's mode, an option, a package's state, a grant.

`what` names the thing and the property in words that do not depend on the tool, `value` is normalised likewise, so
that equal settings are equal texts. A value of None is not known: a template, a secret, somebody else's default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import JsonValue

from validator.redact import MARK

What = tuple[str, ...]

ABSENT = "absent"
PRESENT = "present"
NO_OPTION = "\0"  # the option is not there: no value that one can have
ALL_PRIVILEGES = "ALL"
GRANT_OPTION = "GRANT"

_OCTAL = re.compile(r"0?[0-7]{3,4}")
_SYMBOLIC = re.compile(r"[ugo]=[rwx]*")
_UNIT = re.compile(r"\.service$")
_EXECUTE_WHERE_READ = ((0o400, 0o100), (0o040, 0o010), (0o004, 0o001))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One property of one thing.

    `adds`: the value is added to what is there. `below`: it is so for all files below the path. `kind` is what a path
    is, where that is known: `file`, `directory` or `link`.
    """

    what: What
    value: str | None
    adds: bool = False
    below: bool = False
    kind: str = ""

    @property
    def title(self) -> str:
        """In words: `mode of /etc/x`."""
        return titled(self.what)


def titled(what: What) -> str:
    """A thing and its property in words."""
    match what:
        case "option", path, section, name:
            return f"[{section}] {name} in {path}"
        case "grant", account, table:
            return f"privileges of {account} on {table}"
        case "file", path, aspect:
            return f"{aspect} of {path}"
        case kind, name, aspect:
            return f"{aspect} of {kind} {name}"
        case _:
            return " ".join(what)


def path(name: str) -> str:
    """A path as both tools mean it."""
    return str(PurePosixPath(name)) if name.startswith("/") else ""


def unit(name: str) -> str:
    """A service's name without the suffix that goes without saying."""
    return _UNIT.sub("", name)


def known(value: JsonValue) -> bool:
    """Whether nothing in a value is hidden or still a template."""
    if isinstance(value, dict):
        return all(map(known, value.values()))
    if isinstance(value, list):
        return all(map(known, value))
    return not (isinstance(value, str) and (MARK in value or "{{" in value or "{%" in value))


def word(value: JsonValue) -> str | None:
    """A scalar as a word, stripped; None for what is none or not known."""
    if value is None or isinstance(value, list | dict) or not known(value):
        return None
    return str(value).strip()


def mode(value: JsonValue, *, directory: bool = False) -> str | None:
    """A mode as four octal digits; None for one that depends on what is there."""
    bits: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        bits = value  # YAML has read 0644 as an octal number
    elif isinstance(value, str) and _OCTAL.fullmatch(value.strip()):
        bits = int(value, 8)
    elif isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        if {part[:1] for part in parts} == {"u", "g", "o"} and all(map(_SYMBOLIC.fullmatch, parts)):
            shifts = {"u": 6, "g": 3, "o": 0}
            digits = {"r": 4, "w": 2, "x": 1}
            bits = sum(sum(digits[each] for each in set(part[2:])) << shifts[part[0]] for part in parts)
    if bits is None:
        return None
    if directory:  # Puppet's number for a directory: who may read may enter
        for read, execute in _EXECUTE_WHERE_READ:
            bits |= execute if bits & read else 0
    return f"{bits:04o}"


def owner(value: JsonValue) -> str | None:
    """A user or group; root by any name."""
    name = word(value)
    return "root" if name == "0" else name


def charset(value: JsonValue) -> str | None:
    """A character set or collation of MySQL: `utf8` is the old name of utf8mb3."""
    name = word(value)
    return re.sub(r"^utf8(?=_|$)", "utf8mb3", name.lower()) if name else None


def privileges(value: JsonValue) -> str | None:
    """Privileges in order, without words that go without saying."""
    values: list[JsonValue] = []
    if isinstance(value, list):
        values = value
    elif isinstance(value, str):
        values = [*value.split(",")]
    if not values or not known(values):
        return None
    names = {re.sub(r"\s+PRIVILEGES$", "", str(each).strip().upper()) for each in values}
    names.discard("")
    names = {GRANT_OPTION if name == "GRANT OPTION" else name for name in names}
    if any("(" in name or ")" in name for name in names):  # of columns
        return None
    kept = {ALL_PRIVILEGES, *names & {GRANT_OPTION}} if ALL_PRIVILEGES in names else names - {"USAGE"}
    return ",".join(sorted(kept))


def table(value: str) -> str:
    """A table, or a database's tables, without quotes."""
    return value.replace("`", "").replace("\\", "").strip()


def account(name: str, host: str) -> str:
    """A database account."""
    return f"{name.strip(chr(39) + chr(34))}@{host.strip(chr(39) + chr(34))}"


def differs(told: Setting, given: Setting) -> bool:
    """Whether two known values contradict each other."""
    if told.value is None or given.value is None or told.value == given.value:
        return False
    aspect = given.what[-1] if given.what[0] != "option" else ""
    if told.kind and given.kind and told.kind != given.kind and aspect != "ensure":
        return False  # a copy into a directory is not about the directory
    if given.what[0] == "grant":
        return _privileges_differ(told, given.value)
    if aspect == "ensure" and PRESENT in {told.value, given.value}:
        return ABSENT in {told.value, given.value}
    if aspect in {"owner", "group", "gid"}:
        return told.value.isdigit() == given.value.isdigit()  # of a number nobody knows the name
    return True


def _privileges_differ(told: Setting, given: str) -> bool:
    if not told.adds:
        return True
    have, wanted = set((told.value or "").split(",")), set(given.split(","))
    wanted_all = ALL_PRIVILEGES in wanted
    return any(each not in wanted and (each == GRANT_OPTION or not wanted_all) for each in have)
