"""Jinja templates of tasks, where variables that are known without a host are enough to render them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from jinja2 import StrictUndefined, TemplateError, Undefined
from jinja2.sandbox import SandboxedEnvironment
from pydantic import JsonValue

_ONE = re.compile(r"\s*\{\{(?P<inside>(?:(?!\{\{|\}\}).)*)\}\}\s*", re.DOTALL)
_TEMPLATED = ("{{", "{%", "{#")
_DEEPEST = 5  # variables that are templates of variables


class Renderer:
    """Renders with these variables. Ansible's own filters, tests and lookups are not there."""

    def __init__(self, variables: Mapping[str, JsonValue]) -> None:
        # As Ansible sets it up (ansible.template).
        self._jinja = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
        self._jinja.filters.pop("random")
        self._known = dict(variables)
        for _ in range(_DEEPEST):
            templated = {name: value for name, value in self._known.items() if _is_templated(value)}
            if not templated:
                break
            plain = {name: value for name, value in self._known.items() if name not in templated}
            for name, value in templated.items():
                rendered, missing = self._value(value, plain)
                if not missing:
                    self._known[name] = rendered
        self._known = {name: value for name, value in self._known.items() if not _is_templated(value)}

    def value(self, value: JsonValue) -> tuple[JsonValue, bool]:
        """The value with its templates rendered, and whether some could not be: these stay as written."""
        return self._value(value, self._known)

    def _value(self, value: JsonValue, known: Mapping[str, JsonValue]) -> tuple[JsonValue, bool]:
        if isinstance(value, dict):
            inner = {name: self._value(each, known) for name, each in value.items()}
            return {name: each for name, (each, _) in inner.items()}, any(missing for _, missing in inner.values())
        if isinstance(value, list):
            items = [self._value(each, known) for each in value]
            return [each for each, _ in items], any(missing for _, missing in items)
        if not isinstance(value, str) or not _is_templated(value):
            return value, False
        try:
            return self._text(value, known), False
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return value, True

    def _text(self, text: str, known: Mapping[str, JsonValue]) -> JsonValue:
        if one := _ONE.fullmatch(text):  # a template that is one expression keeps the type of its value
            found = self._jinja.compile_expression(one["inside"].strip(), undefined_to_none=False)(**known)
            if isinstance(found, Undefined):
                raise ValueError(text)
            return _plain(found)
        return self._jinja.from_string(text).render(**known)


def _is_templated(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return any(map(_is_templated, value.values()))
    if isinstance(value, list):
        return any(map(_is_templated, value))
    return isinstance(value, str) and any(mark in value for mark in _TEMPLATED)


def _plain(value: object) -> JsonValue:
    """What an expression yields as data. Raises `ValueError` for what is none (a function, say)."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | range | Iterator):  # an iterator: what `map` and `select` yield
        return [_plain(each) for each in value]
    raise ValueError(f"a template that yields {type(value).__name__}")
