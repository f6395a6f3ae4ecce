"""Tasks as a person writes them in YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable

import yaml

from validator.fixes.wanted import Draft

WIDTH = 110
STRING = "tag:yaml.org,2002:str"
EXPRESSION = re.compile(r"\{\{|\{%|\{#")


class _Unsafe(str):
    """A text that Ansible must not take for a template."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, as in most playbooks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - PyYAML's
        del indentless
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    quoted = yaml.safe_dump(value, width=100_000).startswith(("'", '"'))
    style = "|" if "\n" in value else '"' if quoted else None
    return dumper.represent_scalar(STRING, value, style=style)


def _unsafe(dumper: yaml.SafeDumper, value: _Unsafe) -> yaml.Node:
    return dumper.represent_scalar("!unsafe", str(value), style="|" if "\n" in value else "'")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Unsafe, _unsafe)


def tasks(drafts: Iterable[Draft], *, airy: bool = True) -> str:
    """Tasks as a list that can be pasted, with empty lines between them or not, ending with a line end."""
    return ("\n" if airy else "").join(_task(draft) for draft in drafts)


def literal(value: str) -> str:
    """A text that is to reach the host as it is, also where it looks like a template."""
    return _Unsafe(value) if EXPRESSION.search(value) else value


def indented(text: str, column: int) -> str:
    """Lines moved to the right; empty ones stay empty."""
    return "".join(f"{' ' * column}{line}" if line.strip() else line for line in text.splitlines(keepends=True))


def _task(draft: Draft) -> str:
    return yaml.dump(
        [draft], Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True, default_flow_style=False
    )
