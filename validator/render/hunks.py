"""A unified diff as replacements of text in files, for programs that apply them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from validator.redact import MARK

HUNK = re.compile(r"@@ -(?P<old>\d+)(?:,(?P<olds>\d+))? \+\d+(?:,(?P<news>\d+))? @@.*")


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """Text between two places of a file, and what to put there. Lines and columns count from 1.

    The end is not part of it; columns are UTF-16 code units. An `end_column` of None is behind the last character of
    the line.
    """

    line: int
    column: int
    end_line: int
    end_column: int | None
    text: str


def replacements(diff: Sequence[str]) -> dict[str, tuple[Replacement, ...]]:
    """The replacements in each file, by its name in the diff; none at all where not all of it can be told.

    That is so where a line is not shown as it is (a secret in it), where a file comes or goes, and where only the end
    of the last line differs.
    """
    try:
        return _files(diff)
    except ValueError:
        return {}


def _files(diff: Sequence[str]) -> dict[str, tuple[Replacement, ...]]:
    found: dict[str, tuple[Replacement, ...]] = {}
    name, at = "", 0
    while at < len(diff):
        if diff[at].startswith("--- ") and diff[at + 1 : at + 2] and diff[at + 1].startswith("+++ "):
            name = _name(diff[at], diff[at + 1])
            at += 2
        elif (hunk := HUNK.fullmatch(diff[at])) and name:
            olds, news = int(hunk["olds"] or 1), int(hunk["news"] or 1)
            end = _end(diff, at + 1, olds, news)
            found[name] = (*found.get(name, ()), *_hunk(diff[at + 1 : end], int(hunk["old"]), olds))
            at = end
        else:
            raise ValueError(f"not a line of a unified diff: {diff[at]}")
    return found


def _name(old: str, new: str) -> str:
    before, after = (head[4:].partition("\t")[0] for head in (old, new))
    if before.startswith("a/") and after == f"b/{before[2:]}":
        return before[2:]
    if before != after:
        raise ValueError("a file that comes, goes or is renamed")
    return before


def _end(diff: Sequence[str], start: int, olds: int, news: int) -> int:
    at = start
    while at < len(diff) and (olds or news):
        olds -= diff[at][:1] in {" ", "-", ""}
        news -= diff[at][:1] in {" ", "+", ""}
        at += 1
    if olds or news or (at < len(diff) and diff[at].startswith("\\")):
        raise ValueError("a hunk that is cut off, or a missing line end")
    return at


def _hunk(lines: Sequence[str], first: int, olds: int) -> Iterator[Replacement]:
    """One replacement for each run of lines that differ."""
    number = first if olds else first + 1  # of no lines the one before is told
    before: str | None = None
    at = 0
    while at < len(lines):
        if lines[at][:1] in {" ", ""}:
            before = lines[at][1:]
            at, number = at + 1, number + 1
            continue
        run = at
        while at < len(lines) and lines[at][:1] in {"-", "+"}:
            at += 1
        if any(line[:1] == "\\" for line in lines[run : at + 1]):
            raise ValueError("a missing line end")
        gone = [line[1:] for line in lines[run:at] if line[0] == "-"]
        new = [line[1:] for line in lines[run:at] if line[0] == "+"]
        if any(MARK in line for line in (*gone, *new)):
            raise ValueError("a line that is not shown as it is")
        yield _replacement(number, before, len(gone), new, at_end=at == len(lines))
        number += len(gone)
        before = gone[-1] if gone else before


def _replacement(number: int, before: str | None, gone: int, new: list[str], *, at_end: bool) -> Replacement:
    text = "\n".join(new)
    if gone and new:
        return Replacement(line=number, column=1, end_line=number + gone - 1, end_column=None, text=text)
    if not at_end:
        end = f"{text}\n" if new else ""
        return Replacement(line=number, column=1, end_line=number + gone, end_column=1, text=end)
    # Behind the last line there may be none to begin with: from the end of the line before it.
    if before is None or MARK in before:
        raise ValueError("a line before it is not known")
    column = len(before.encode("utf-16-le")) // 2 + 1
    return Replacement(
        line=number - 1,
        column=column,
        end_line=number - 1 + gone,
        end_column=None if gone else column,
        text=f"\n{text}" if new else "",
    )
