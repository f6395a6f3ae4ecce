"""Lines of text for a terminal or for a file: wrapped, coloured, and nothing in them that a terminal acts upon."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import TextIO

from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.text import Text

from validator.render import parts

NARROWEST, WIDEST = 40, 160  # columns: less is not adapted to, and more is hard to read
ROOMY = 80  # columns from which on labels have a column of their own
BREAKS = re.compile("[\r\n\u2028\u2029]+")
GLUE = "\0"  # stands for a space that must stay; `parts.clean` leaves none of its own


@dataclass(frozen=True, kw_only=True)
class Screen:
    """What a text is shown on. `terminal` says that lines longer than `width` columns are better broken.

    Elsewhere (pipes, files, logs) only prose is, so that a program finds a fact or a row of a table on one line.
    """

    width: int = 100
    colour: bool = False
    terminal: bool = False

    @property
    def narrow(self) -> bool:
        """Whether there is no room for a column of labels."""
        return self.terminal and self.width < ROOMY


PAPER = Screen()


def look(stream: TextIO, environ: Mapping[str, str]) -> Screen:
    """What a stream leads to. Colour is for terminals that know it, and nobody who has set NO_COLOR gets any.

    See https://no-color.org: set to anything but an empty text.
    """
    if not stream.isatty():
        return PAPER
    told = environ.get("COLUMNS", "")
    try:
        # A terminal that nobody told its size says 0.
        width = int(told) if told.isdecimal() and int(told) else os.get_terminal_size(stream.fileno()).columns
    except OSError:
        width = 0
    knows_colour = environ.get("TERM", "dumb").lower() not in {"", "dumb", "unknown"}
    return Screen(
        width=max(NARROWEST, min(width or ROOMY, WIDEST)),
        colour=knows_colour and not environ.get("NO_COLOR"),
        terminal=True,
    )


def line(*pieces: str | tuple[str, str]) -> Text:
    """One line of pieces, each with a style or without. What looks like markup in them is none."""
    told = Text()
    for piece in pieces:
        text, style = (piece, "") if isinstance(piece, str) else piece
        told.append(flat(text), style)
    return told


def flat(text: str) -> str:
    """A text on one line, without characters that a terminal acts upon."""
    return BREAKS.sub(" ", parts.clean(text))


def prose(
    text: str, screen: Screen, *, first: str = "", rest: str = "", style: str = "", keep: Iterable[str] = ()
) -> Iterator[Text]:
    """A text in lines no longer than the screen is wide, where words allow it. What is to `keep` is one word."""
    shown = flat(text)
    for each in filter(None, map(flat, keep)):
        shown = shown.replace(each, each.replace(" ", GLUE))
    lines = wrap(
        shown,
        screen.width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for number, each in enumerate(lines):
        indent = first if number == 0 else rest
        yield line(indent, (each.removeprefix(indent).replace(GLUE, " "), style))


def row(
    text: str, screen: Screen, *, first: str = "", rest: str = "", style: str = "", keep: Iterable[str] = ()
) -> Iterator[Text]:
    """A fact, or a row of a table: prose on a terminal, and one line elsewhere."""
    if screen.terminal:
        yield from prose(text, screen, first=first, rest=rest, style=style, keep=keep)
    else:
        yield line(first, (text, style))


def printed(lines: Iterable[Text], screen: Screen) -> str:
    """The lines as one text, with escape sequences where the screen knows colours."""
    if not screen.colour:
        return "".join(f"{each.plain}\n" for each in lines)
    # For its theme only: it would break lines and make tabs spaces.
    console = Console(force_terminal=True, color_system="standard", no_color=False)
    return "".join(_coloured(each, console) + "\n" for each in lines)


def _coloured(text: Text, console: Console) -> str:
    return "".join(
        (segment.style or Style.null()).render(segment.text, color_system=ColorSystem.STANDARD)
        for segment in text.render(console)
    )
