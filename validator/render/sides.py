"""A unified diff as two columns: what is only left, only right, and which lines stand for one another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile, zip_longest
from typing import Literal

HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
FEWEST = 0.3  # the share of a line that two lines must have in common for their difference to be marked in them


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One line on one side: `head` and `tail` are as on the other side, `changed` is not. Numbers count from 1."""

    number: int
    head: str
    changed: str = ""
    tail: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of both sides, or of one; of a `skip`, where lines were left out, the `text` says which."""

    kind: Literal["same", "change", "only-left", "only-right", "skip"]
    left: Cell | None = None
    right: Cell | None = None
    text: str = ""


@dataclass
class _Open:
    """Lines that may yet find their counterpart: those taken away, those put in their place, and words about them."""

    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def ends_at(self, sign: str) -> bool:
        """Whether a line that begins so belongs to other ones."""
        return sign not in {"-", "+", "\\"} or (sign == "-" and bool(self.added))


def rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of a unified diff. Lines before the first hunk that name the files are left out."""
    left = right = 1
    begun, pending = False, _Open()
    for line in lines:
        if not begun and line.startswith(("--- ", "+++ ")):
            continue
        begun, sign = True, line[:1]
        if pending.ends_at(sign):
            yield from _changed(pending, left, right)
            pending = _Open()
        if hunk := HUNK.match(line):
            left, right = int(hunk[1]), int(hunk[2])
            yield Row(kind="skip", text=line)
        elif sign == "-":
            pending.removed.append(line[1:])
            left += 1
        elif sign == "+":
            pending.added.append(line[1:])
            right += 1
        elif sign == "\\":
            pending.notes.append(line[1:].strip())
        else:
            yield Row(kind="same", left=Cell(number=left, head=line[1:]), right=Cell(number=right, head=line[1:]))
            left, right = left + 1, right + 1
    yield from _changed(pending, left, right)


def _changed(pending: _Open, left: int, right: int) -> Iterator[Row]:
    """The rows of lines that are done with; `left` and `right` are the numbers of the lines that come next."""
    left, right = left - len(pending.removed), right - len(pending.added)
    for offset, (old, new) in enumerate(zip_longest(pending.removed, pending.added)):
        if new is None:
            yield Row(kind="only-left", left=Cell(number=left + offset, head="", changed=old))
        elif old is None:
            yield Row(kind="only-right", right=Cell(number=right + offset, head="", changed=new))
        else:
            head = _alike(old, new)
            tail = _alike(old[head:][::-1], new[head:][::-1])
            if head + tail < FEWEST * max(len(old), len(new)):
                head = tail = 0
            yield Row(
                kind="change",
                left=_cell(left + offset, old, head, tail),
                right=_cell(right + offset, new, head, tail),
            )
    for note in pending.notes:
        yield Row(kind="skip", text=note)


def _alike(old: str, new: str) -> int:
    """How many characters two lines have in common at their begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _cell(number: int, line: str, head: int, tail: int) -> Cell:
    end = len(line) - tail
    return Cell(number=number, head=line[:head], changed=line[head:end], tail=line[end:])
