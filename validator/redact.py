"""Secrets, kept out of everything that is stored or shown.

Puppet marks some values as sensitive, hides others in messages only (OpenStack's `secret => true` leaves both
passwords of a change in clear in the event), and writes its catalog in clear. So values are collected from every
place that is named like a secret, and then removed wherever they appear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

MARK = "[redacted]"

_WORDS = (
    "password|passwd|passphrase|pass|pw|pwd|secret|secrets|token|credential|credentials|private[-_]?key|api[-_]?key|"
    "(?:secret|access|auth|encryption|hmac)[-_]?key|cookie|password_hash"
)
# Both begin at the beginning of a word only: a search from within each would take quadratic time.
_NAME = re.compile(rf"(?<![A-Za-z0-9_])(?:[A-Za-z0-9]*_)*(?:{_WORDS})(?![A-Za-z0-9_])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ASSIGNMENT = re.compile(
    rf"(?P<name>(?<![\w.-])[\w.-]*(?<![A-Za-z0-9])(?:{_WORDS})[\"']?[ \t]*(?:=>|=|:)[ \t]*)"
    r"(?P<value>\"[^\"\n]+\"|'[^'\n]+'|[^\s\"',;}}]+)",
    re.IGNORECASE,
)
_URL = re.compile(r"(?P<before>\w://[^/\s:@]*:)(?P<value>[^@/\s]+)(?P<after>@)")
_SQL = re.compile(
    r"(?P<before>IDENTIFIED\s+(?:WITH\s+\w+\s+)?(?:BY|AS)\s+(?:PASSWORD\s+)?)(?P<value>'[^']*'|\"[^\"]*\")",
    re.IGNORECASE,
)

# Shorter values are common words; they are removed where they are assigned, not wherever they appear.
_DISTINCT = 5
_PLAIN_WORDS = {"true", "false", "none", "null", "undef", "absent", "present", "notrun", MARK, "<service default>"}


def is_secret_name(name: str) -> bool:
    """Whether an option, parameter or variable of this name holds a secret."""
    return _NAME.search(name) is not None or _NAME.search(_CAMEL.sub("_", name)) is not None


def values_in(tree: object, *, secret: bool = False) -> set[str]:
    """Secret values in nested data: what stands under a secret's name, and passwords inside URLs."""
    if isinstance(tree, Mapping):
        found: set[str] = set()
        for name, value in tree.items():
            found |= values_in(value, secret=secret or is_secret_name(str(name)))
        return found
    if isinstance(tree, list | tuple | set | frozenset):
        return {value for item in tree for value in values_in(item, secret=secret)}
    if isinstance(tree, bool) or tree is None:
        return set()
    text = str(tree)
    inside = {match["value"] for match in _URL.finditer(text)}
    if isinstance(tree, str):
        inside |= {match["value"].strip("\"'") for match in _SQL.finditer(text)}
    return inside | {text} if secret else inside


def literals_in(code: str) -> set[str]:
    """Secret values that a program assigns as plain quoted strings, such as `$admin_password = 'x'`."""
    return {
        match["value"][1:-1]
        for match in _ASSIGNMENT.finditer(code)
        if match["value"].startswith(("'", '"')) and not {"$", "{", "%"} & set(match["value"])
    }


class Redactor:
    """Removes known secret values, and what is plainly assigned to a secret's name, from text and data."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._names: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.learn(values)

    def keep(self, names: Iterable[str]) -> None:
        """Names of resources are no secrets, even when a default password is the same word (`guest`)."""
        self._names |= set(names)
        self.learn(())

    def learn(self, values: Iterable[str]) -> None:
        """Add values that must never be shown."""
        new = {
            value
            for value in values
            if len(value) >= _DISTINCT and value.lower() not in _PLAIN_WORDS and not value.startswith("{{")
        }
        known = self._values
        self._values = (known | new) - self._names
        if self._values != known:
            longest_first = sorted(self._values, key=lambda value: (-len(value), value))
            pattern = "|".join(rf"(?<!\w){re.escape(value)}(?!\w)" for value in longest_first)
            self._pattern = re.compile(pattern) if pattern else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(MARK, text)
        # Records hold a hundred thousand short strings; what cannot match is not searched.
        if "://" in text:
            text = _URL.sub(rf"\g<before>{MARK}\g<after>", text)
        if "IDENTIFIED" in text.upper():
            text = _SQL.sub(rf"\g<before>{MARK}", text)
        return _ASSIGNMENT.sub(_assigned, text) if "=" in text or ":" in text else text

    def tree(self, tree: JsonValue, *, secret: bool = False) -> JsonValue:
        """The data without secrets; keys stay, everything under a secret's name goes."""
        if isinstance(tree, dict):
            return {name: self.tree(value, secret=secret or is_secret_name(name)) for name, value in tree.items()}
        if isinstance(tree, list | tuple):
            return [self.tree(item, secret=secret) for item in tree]
        if secret and not isinstance(tree, bool) and tree is not None and str(tree).lower() not in _PLAIN_WORDS:
            return MARK
        return self.text(tree) if isinstance(tree, str) else tree


def _assigned(match: re.Match[str]) -> str:
    value = match["value"].strip("\"'")
    if value.lower() in _PLAIN_WORDS or value.startswith(("{{", "[", "$")):
        return match[0]
    return f"{match['name']}{MARK}"
