"""Parameters of tests of which `make test` runs some, and `make test-all` every one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

import pytest

T = TypeVar("T")


def only(usual: Collection[str], values: Iterable[T], name: Callable[[T], str] = str) -> list[object]:
    """Each value under its name; those whose name is not among the usual ones are `extended`."""
    named = [(name(value), value) for value in values]
    unknown = set(usual) - {text for text, _ in named}
    assert not unknown, f"no such parameter: {sorted(unknown)}"
    return [
        pytest.param(value, id=text, marks=[] if text in usual else [pytest.mark.extended]) for text, value in named
    ]
