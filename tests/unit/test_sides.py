"""A unified diff in two columns."""

from __future__ import annotations

import difflib

import pytest

from validator.render import sides
from validator.render.sides import Row

BEFORE = ["a", "b = 1", "c", "d", "e", "f", "g", "h", "i", "j", "-- k", "l"]
AFTER = ["a", "b = 2", "c", "d", "e", "f", "g", "h", "i", "new", "j", "l", "m"]


def told(rows: list[Row]) -> list[tuple[str, str | None, str | None]]:
    def text(row: Row, side: str) -> str | None:
        cell = getattr(row, side)
        return None if cell is None else f"{cell.number}:{cell.head}[{cell.changed}]{cell.tail}"

    return [(row.kind, text(row, "left"), text(row, "right")) for row in rows]


def test_lines_that_stand_for_one_another_are_on_one_row() -> None:
    rows = list(sides.rows(difflib.unified_diff(BEFORE, AFTER, "old", "new", lineterm="", n=1)))
    assert told(rows) == [
        ("skip", None, None),
        ("same", "1:a[]", "1:a[]"),
        ("change", "2:b = [1]", "2:b = [2]"),
        ("same", "3:c[]", "3:c[]"),
        ("skip", None, None),
        ("same", "9:i[]", "9:i[]"),
        ("only-right", None, "10:[new]"),
        ("same", "10:j[]", "11:j[]"),
        ("only-left", "11:[-- k]", None),
        ("same", "12:l[]", "12:l[]"),
        ("only-right", None, "13:[m]"),
    ]


@pytest.mark.parametrize("context", [0, 1, 3, 99])
def test_both_sides_can_be_put_together_again(context: int) -> None:
    rows = list(sides.rows(difflib.unified_diff(BEFORE, AFTER, "old", "new", lineterm="", n=context)))
    for side, lines in (("left", BEFORE), ("right", AFTER)):
        cells = [cell for row in rows if (cell := getattr(row, side)) is not None]
        assert {cell.number: cell.head + cell.changed + cell.tail for cell in cells} == {
            number: line
            for number, line in enumerate(lines, 1)
            if context == 99 or number in {cell.number for cell in cells}
        }
        assert {cell.head + cell.changed + cell.tail for cell in cells if cell.changed} == {
            line for line in lines if line not in (AFTER if side == "left" else BEFORE)
        }


def test_a_missing_line_end_does_not_part_two_lines() -> None:
    rows = list(sides.rows(["@@ -1 +1 @@", "-one", "\\ No newline at end of file", "+once"]))
    assert told(rows) == [("skip", None, None), ("change", "1:on[]e", "1:on[c]e"), ("skip", None, None)]
    assert rows[-1].text == "No newline at end of file"


def test_lines_with_little_in_common_are_marked_as_a_whole() -> None:
    [row] = sides.rows(["-a = one thing", "+another = 2"])
    assert told([row]) == [("change", "1:[a = one thing]", "1:[another = 2]")]


def test_what_is_no_diff_is_shown_all_the_same() -> None:
    assert told(list(sides.rows(["--- a", "+++ b", "-```", "+</details>", "", "x"]))) == [
        ("change", "1:[```]", "1:[</details>]"),
        ("same", "2:[]", "2:[]"),
        ("same", "3:[]", "3:[]"),
    ]
