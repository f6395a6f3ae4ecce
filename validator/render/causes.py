"""A cause for a person: what was found, what is known of it, what follows from it, and what mends it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from validator.findings import Finding
from validator.record import Fix, FixStatus
from validator.render import parts
from validator.render.page import Screen, flat, line, prose, row

CONSEQUENCES_SHOWN = 3
DIFF_LINES_SHOWN = 14
OUTPUT_LINES_SHOWN = 14
LABEL = 13  # columns of a label, behind the margin
MARGIN = "    "
COLOURS: dict[FixStatus, str] = {"verified": "bold green", "reduces": "yellow", "unverified": "yellow"}
OF_A_DIFF = {"+": "green", "-": "red", "@": "cyan"}


def lines(finding: Finding, number: str, screen: Screen, *, details: bool) -> Iterator[Text]:
    """The lines of one cause. `details` asks for all that follows from it."""
    yield line((f"{number} ", "dim"), (f"{finding.rule}: ", "bold red"), (finding.subject, "bold"))
    for told in finding.message.splitlines():
        yield from prose(told, screen, first=MARGIN, rest=f"{MARGIN}  ", keep=_places(finding))
    for label, said in parts.known(finding):
        yield from _fact(label, said, screen, keep=_places(finding))
    yield from _bars(parts.diff(finding), DIFF_LINES_SHOWN, "diff line(s)", coloured=True)
    output = parts.output(finding)
    if isinstance(finding.evidence.get("output"), list):
        output = output[-OUTPUT_LINES_SHOWN:]  # of a tool's the last are the ones that tell
    yield from _bars(output, OUTPUT_LINES_SHOWN, "line(s)")
    if finding.consequences:
        yield from _consequences(finding, screen, details=details)
    if finding.hint:
        yield from _fact("to do", finding.hint, screen, advice=True)
    if finding.fix is not None:
        yield from _fix(finding.fix, screen, details=details)


def _places(finding: Finding) -> Sequence[str]:
    """What must stay in one piece, to be opened or copied."""
    left = [each.place for each in (finding.left_by, finding.undone) if each is not None]
    fix = [finding.fix.place] if finding.fix is not None else []
    return [str(place) for place in (finding.declared_at, *left, *fix) if place is not None]


def _fact(
    label: str, said: str, screen: Screen, *, keep: Sequence[str] = (), style: str = "", advice: bool = False
) -> Iterator[Text]:
    """A label and what is known. Advice is prose, whatever it is shown on."""
    head = f"{MARGIN}{label:<{LABEL}}"
    rest = " " * len(head)
    if screen.narrow and len(head) + len(flat(said)) > screen.width:
        yield line((f"{MARGIN}{label}", "dim"))
        head = rest = f"{MARGIN}  "
    lay = prose if advice else row
    for number, told in enumerate(lay(said, screen, first=head, rest=rest, style=style, keep=keep)):
        if number == 0:
            told.stylize("dim", 0, len(head))
        yield told


def _consequences(finding: Finding, screen: Screen, *, details: bool) -> Iterator[Text]:
    label = "and so"
    if details:
        for each in finding.consequences:
            yield line((f"{MARGIN}{label:<{LABEL}}", "dim"), each.subject, (f": {each.message}", "dim"))
            label = ""
        return
    shown = [each.subject for each in finding.consequences[:CONSEQUENCES_SHOWN]]
    rest = len(finding.consequences) - len(shown)
    yield from _fact(label, ", ".join(shown) + (f" and {rest} more" if rest else ""), screen, keep=shown)


def _fix(fix: Fix, screen: Screen, *, details: bool) -> Iterator[Text]:
    """The tasks stand as they are to be pasted: no mark in front of a line, and no line is broken."""
    keep = [str(fix.place)] if fix.place is not None else []
    yield from _fact("fix", parts.fixed(fix), screen, keep=keep, style=COLOURS[fix.status])
    tasks, edits = parts.tasks(fix), parts.edits(fix)
    for each in tasks:
        yield line(MARGIN if each else "", each)
    # What only adds lines is told by the tasks and the place.
    if details or not tasks or parts.takes_away(fix):
        yield from _bars(edits, len(edits), "diff line(s)", coloured=True)
    for label, said in parts.remarks(fix):
        yield from _fact(label, said, screen, advice=True)


def _bars(shown: Sequence[str], limit: int, what: str, *, coloured: bool = False) -> Iterator[Text]:
    for each in shown[:limit]:
        heads = each.startswith(("--- ", "+++ "))
        style = ("bold" if heads else OF_A_DIFF.get(each[:1], "")) if coloured else ""
        yield line((f"{MARGIN}| ", "dim"), (each, style))
    if len(shown) > limit:
        yield line((f"{MARGIN}| ... {len(shown) - limit} more {what}", "dim"))
