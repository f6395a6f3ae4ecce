"""Texts without a structure as trees: the list of their lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from pydantic import JsonValue


def tree(text: str | None) -> list[str]:
    """The lines of a text. One that ends with a line end has an empty last one, and no text at all has none.

    Joined by line ends they are the text again.
    """
    return [] if text is None else text.split("\n")


def patch(before: Sequence[str], after: Sequence[str]) -> tuple[dict[str, JsonValue], ...]:
    """The operations of RFC 6902 that lead from one list of lines to the other, one for each line.

    A list that is empty, as that of a file which is not there, is replaced whole.
    """
    if not (before and after):
        return ({"op": "replace", "path": "", "value": list(after)},) if before or after else ()
    return tuple(_operations(before, after))


def _operations(before: Sequence[str], after: Sequence[str]) -> Iterator[dict[str, JsonValue]]:
    for _, old, old_end, new, new_end in difflib.SequenceMatcher(None, before, after).get_opcodes():
        # What stands before is by now as in `after`, so that a line's number there is its place in the list.
        both = min(old_end - old, new_end - new)
        for number in range(new, new + both):
            if after[number] != before[old + number - new]:
                yield {"op": "replace", "path": f"/{number}", "value": after[number]}
        for _ in range(old + both, old_end):
            yield {"op": "remove", "path": f"/{new + both}"}
        for number in range(new + both, new_end):
            yield {"op": "add", "path": f"/{number}", "value": after[number]}
