"""Arguments of a task that are written as one string, as Ansible splits them (ansible.parsing.splitter)."""

from __future__ import annotations

import re

from pydantic import JsonValue

# Of a free-form command line only these are arguments of the module; other words with `=` belong to the command.
OF_COMMANDS = frozenset(
    {"chdir", "creates", "decrypt", "executable", "removes", "stdin", "stdin_add_newline", "strip_empty_ends", "warn"}
    | {"apply", "file"}
)
_WORD = re.compile(
    r"""(?:\{\{.*?\}\}|\{%.*?%\}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|[^\s"'{\\]|[{"'\\])+""", re.DOTALL
)
_PAIR = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)


def key_values(text: str) -> dict[str, JsonValue]:
    """`name=value` words; others mean nothing."""
    pairs = (_PAIR.fullmatch(word[0]) for word in _WORD.finditer(text))
    return {pair["name"]: _unquoted(pair["value"]) for pair in pairs if pair}


def free_form(text: str) -> tuple[str, dict[str, JsonValue]]:
    """A command line, and the module's own arguments that stood in it."""
    pairs: dict[str, JsonValue] = {}

    def taken(word: re.Match[str]) -> str:
        pair = _PAIR.fullmatch(word[0])
        if pair is None or pair["name"] not in OF_COMMANDS:
            return word[0]
        pairs[pair["name"]] = _unquoted(pair["value"])
        return ""

    return _WORD.sub(taken, text).strip(), pairs


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
