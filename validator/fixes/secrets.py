"""Secrets in tasks are variables, never values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from validator.fixes import layout
from validator.fixes.wanted import Draft
from validator.redact import MARK, Redactor, is_secret_name

NOT_WORD = re.compile(r"\W+")
MODULES = re.compile(r"[a-z_]+\.[a-z_]+\.[a-z_]+")


@dataclass(kw_only=True)
class Vault:
    """Which variable stands for which secret. `known` are variables that the author has already, by their value;
    `values` those that had to be made up, with their values, which only a trial gets to see."""

    redactor: Redactor
    known: Mapping[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def hide(self, draft: Draft) -> Draft:
        """The task with variables in place of secrets, and texts that look like templates marked as plain ones."""
        return {
            key: self._tree(value, about=str(draft.get("name", "")), secret=False) if MODULES.fullmatch(key) else value
            for key, value in draft.items()
        }

    def used(self, draft: Draft) -> tuple[str, ...]:
        """The variables that a task takes secrets from."""
        text = layout.tasks([draft])
        names = dict.fromkeys((*self.known.values(), *self.values))
        return tuple(name for name in names if re.search(rf"\{{\{{ {re.escape(name)} \}}\}}", text))

    def filled(self, draft: Draft) -> Draft:
        """The task with the values of made-up variables beside it, for a trial that nobody sees."""
        found: dict[str, JsonValue] = {name: self.values[name] for name in self.used(draft) if name in self.values}
        return {**draft, "vars": found} if found else draft

    def _tree(self, value: JsonValue, *, about: str, secret: bool) -> JsonValue:
        if isinstance(value, dict):
            named = f"{value.get('option', '')}"
            return {
                key: self._tree(
                    each,
                    about=named or about,
                    secret=secret or is_secret_name(key) or (key in {"value", "values"} and is_secret_name(named)),
                )
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self._tree(each, about=about, secret=secret) for each in value]
        return self._text(value, about=about, secret=secret) if isinstance(value, str) else value

    def _text(self, value: str, *, about: str, secret: bool) -> str:
        if secret and value:
            return f"{{{{ {self._variable(value, about)} }}}}"
        shown = self.redactor.text(value)
        if MARK not in shown:
            return layout.literal(value)
        if layout.EXPRESSION.search(value):
            return f"{{{{ {self._variable(value, about)} }}}}"
        # What was taken out, found again by what is left around it.
        between = re.fullmatch("(.+?)".join(map(re.escape, shown.split(MARK))), value, re.DOTALL)
        if between is None:
            return f"{{{{ {self._variable(value, about)} }}}}"
        parts = shown.split(MARK)
        names = [self._variable(piece, about) for piece in between.groups()]
        return "".join(
            part + (f"{{{{ {names[number]} }}}}" if number < len(names) else "") for number, part in enumerate(parts)
        )

    def _variable(self, value: str, about: str) -> str:
        if value in self.known:
            return self.known[value]
        for name, known in self.values.items():
            if known == value:
                return name
        stem = NOT_WORD.sub("_", about.lower()).strip("_")[-40:].strip("_") or "value"
        name = stem if is_secret_name(stem) else f"{stem}_secret"
        name = name if name[0].isalpha() else f"the_{name}"
        number = 2
        while name in self.values:
            name, number = f"{stem}_secret_{number}", number + 1
        self.values[name] = value
        return name
