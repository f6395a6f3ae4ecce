"""Words for many things in one message."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from pydantic import JsonValue

SHOWN = 50  # names in the evidence of a finding
NAMED = 3  # names in its message


def count(items: Sized, one: str, many: str) -> str:
    """How many, with the word for one or for several."""
    return f"{len(items)} {one if len(items) == 1 else many}"


def named(names: Sequence[str]) -> str:
    """The first of them."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def listed(key: str, names: Sequence[str]) -> dict[str, JsonValue]:
    """Evidence that names many things: how many, and the first of them under `key`."""
    return {"count": len(names), key: list(names[:SHOWN])}
