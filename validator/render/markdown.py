"""The result as GitHub's Markdown: a comment on a pull request, or a job's summary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from validator.findings import Finding
from validator.record import Fix
from validator.render import parts
from validator.render.words import HEADLINES
from validator.verdict import PhaseSummary, Result, Verdict

# GitHub refuses a comment of more than 65,536 characters; the rest is for the sentence that says what was left out,
# and for characters that are counted twice.
LIMIT = 64_000
LONGEST = 3_000  # characters of one value; the whole of it is in the JSON result
LINES_SHOWN = 200
ROWS_SHOWN = 100
SIGNS: Mapping[Verdict, str] = {
    "converged": ":white_check_mark:",
    "diverged": ":x:",
    "inconclusive": ":grey_question:",
}
# Punctuation that Markdown gives a meaning, anywhere or at the begin of a line (GFM 2.4: a backslash takes it away).
PUNCTUATION = re.compile(r"[\\`*_\[\]<>|~$]|^[#+=-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
# GitHub makes links of `@name`, `#12` and addresses, and notifies the name, and a picture of `:word:`. A space without
# width between keeps them text.
LINKED = re.compile(r"[@#](?=\w)|:(?=//)|(?<=www)\.|:(?=[a-z+-][\w+-]*:)")
NO_WIDTH = "&#8203;"


@dataclass(frozen=True, kw_only=True)
class Block:
    """A part of the comment, and what to call it. Where there is no room, `brief` stands for it and `lacks` something.

    What is `first` comes before everything else when room is scarce.
    """

    text: str
    what: str
    brief: str = ""
    lacks: str = ""
    first: bool = False


def render(result: Result, *, details: bool = False) -> str:
    """One comment, short enough for GitHub. `details` adds the changed paths of each phase."""
    return _fitted(tuple(_blocks(result, details=details)))


def _blocks(result: Result, *, details: bool) -> Iterator[Block]:
    yield Block(text="\n\n".join(_head(result)), what="the verdict", first=True)
    causes = parts.causes(result)
    for number, finding in enumerate(causes, 1):
        brief = _cause(finding, number, len(causes))
        yield Block(
            text="\n\n".join((brief, *_folded(finding))), what="causes", brief=brief, lacks="what belongs to causes"
        )
    for word, title in (("waived", "Waived"), ("warning", "Warnings"), ("note", "Notes")):
        found = [finding for finding in result.findings if finding not in causes and parts.word(finding) == word]
        if found:
            yield Block(text=_asides(title, found, folded=word == "note"), what=title.lower())
    if result.phases:
        yield Block(text=_phases(result.phases), what="the phases", first=True)
    if result.restarts:
        yield Block(text=_restarts(result), what="restarts")
    if details:
        for phase in result.phases:
            if phase.changed:
                rows = ((kind, _code(path)) for path, kind in phase.changed.items())
                changed = _fold(f"{phase.name}: {len(phase.changed)} path(s) differ", _table(("kind", "path"), rows))
                yield Block(text=changed, what="changed paths")
    if result.records:
        yield Block(text="\n".join(f"Record: {_code(path)}  " for path in result.records), what="records")


def _head(result: Result) -> Iterator[str]:
    yield f"## {SIGNS[result.verdict]} {_prose(result.scenario)}: {result.verdict}"
    yield _prose(result.title)
    yield f"**{_prose(HEADLINES[result.kind][result.verdict])}**"
    waived = sum(finding.waived is not None for finding in result.findings)
    declared = sum(finding.whose == "declared" for finding in result.findings)
    # Said beside the verdict: what counts as nothing only because somebody has accepted it.
    if waived:
        yield f"Waived findings: {waived}, see below."
    if declared:
        yield f"Changes left to Puppet on purpose: {declared}, see below."


def _cause(finding: Finding, number: int, total: int) -> str:
    rows = [(label, _prose(said)) for label, said in parts.facts(finding)]
    told = [f"### {number}/{total} {_code(finding.rule)}: {_code(finding.subject)}", _prose(finding.message)]
    if rows:
        told.append(_table(("", ""), rows))
    return "\n\n".join(told)


def _folded(finding: Finding) -> Iterator[str]:
    """What belongs to a cause and is not needed at first sight."""
    if finding.fix is not None:
        yield from _fix(finding.fix)
    diff, output = parts.diff(finding), parts.output(finding)
    if diff:
        yield _fold("The difference", _fenced(diff, "diff"))
    if output:
        yield _fold("What it printed", _fenced(output))
    if finding.consequences:
        listed = [f"- {_code(each.subject)}: {_prose(each.message)}" for each in finding.consequences]
        rest = len(listed) - ROWS_SHOWN
        shown = [*listed[:ROWS_SHOWN], *([f"- and {rest} more"] if rest > 0 else [])]
        yield _fold(f"Consequences: {len(listed)}", "\n".join(shown))


def _fix(fix: Fix) -> Iterator[str]:
    """The tasks to paste are in a block of their own, which GitHub has a button for to copy."""
    tasks, edits = parts.tasks(fix), parts.edits(fix)
    blocks = [_fenced(tasks, "yaml")] if tasks else []
    blocks += [_fenced(edits, "diff")] if edits else []
    blocks += [f"{label}: {_prose(said)}" for label, said in parts.remarks(fix)]
    if blocks:
        yield _fold("The fix", "\n\n".join(blocks))


def _asides(title: str, findings: list[Finding], *, folded: bool) -> str:
    rows = (
        (
            _code(finding.rule),
            _code(finding.subject),
            "<br>".join(
                (_prose(finding.message), *(f"{label}: {_prose(said)}" for label, said in parts.facts(finding)))
            ),
        )
        for finding in findings
    )
    table = _table(("rule", "about", "what"), rows)
    return _fold(f"{title}: {len(findings)}", table) if folded else f"### {title}\n\n{table}"


def _phases(phases: Iterable[PhaseSummary]) -> str:
    rows = (
        (
            phase.name,
            phase.tool,
            "cached" if phase.cached else f"{phase.seconds:.1f} s",
            _prose(_numbers(phase.counts)),
            "<br>".join(f"{_prose(name)}: {_prose(_numbers(numbers))}" for name, numbers in phase.witnesses.items()),
        )
        for phase in phases
    )
    return f"### Phases\n\n{_table(('phase', 'tool', 'time', 'counts', 'witnesses'), rows)}"


def _restarts(result: Result) -> str:
    counted = Counter((each.unit, each.phase, each.step, each.who) for each in result.restarts)
    rows = (
        (_code(unit), phase if step is None else f"{phase} step {step}", _prose(str(who)), str(times))
        for (unit, phase, step, who), times in counted.items()
    )
    return f"### Restarts\n\n{_table(('unit', 'phase', 'by', 'times'), rows)}"


def _fitted(blocks: tuple[Block, ...]) -> str:
    """As much as there is room for: everything in its brief form, then the whole text of as many as can be."""
    room, shown = LIMIT, dict[int, str]()
    for number, block in sorted(enumerate(blocks), key=lambda each: not each[1].first):
        brief = block.brief or block.text
        if len(brief) + 2 <= room:
            shown[number] = brief
            room -= len(brief) + 2
    for number, brief in sorted(shown.items()):
        more = len(blocks[number].text) - len(brief)
        if more <= room:
            shown[number] = blocks[number].text
            room -= more
    missing = [block.what for number, block in enumerate(blocks) if number not in shown]
    missing += [blocks[number].lacks for number, text in shown.items() if text != blocks[number].text]
    told = [shown[number] for number in sorted(shown)]
    if missing:
        named = ", ".join(f"{what} ({times})" for what, times in Counter(missing).items())
        told.append(f"Left out, as a comment on GitHub has no room for it: {named}. The JSON result has all of it.")
    return "\n\n".join(told) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [_row(head), _row(("---",) * len(head))]
    written = list(rows)
    lines += [_row(row) for row in written[:ROWS_SHOWN]]
    if written[ROWS_SHOWN:]:
        lines.append(_row((f"and {len(written) - ROWS_SHOWN} more", *("",) * (len(head) - 1))))
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _fold(summary: str, text: str) -> str:
    # Up to an empty line it is HTML, after it Markdown (GFM 4.6).
    return f"<details><summary>{escape(summary)}</summary>\n\n{text}\n\n</details>"


def _fenced(lines: tuple[str, ...], language: str = "") -> str:
    shown = [_cut(line) for line in lines[:LINES_SHOWN]]
    fence = "`" * max(3, _backticks("\n".join(shown)) + 1)
    more = [f"... {len(lines) - LINES_SHOWN} more line(s)"] if lines[LINES_SHOWN:] else []
    return "\n".join((fence + language, *shown, *more, fence))


def _numbers(numbers: Mapping[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items())


def _prose(text: str) -> str:
    """Text of a paragraph or a cell, in which nothing has a meaning of its own."""
    lines = _cut(text).splitlines()
    return "<br>".join(escaped for escaped in (_escaped(line) for line in lines) if escaped)


def _escaped(line: str) -> str:
    text = " ".join(line.split()).replace("&", "&amp;")
    return LINKED.sub(rf"\g<0>{NO_WIDTH}", PUNCTUATION.sub(r"\\\g<0>", text))


def _code(text: str) -> str:
    """A code span on one line (GFM 6.3), also in a cell of a table, where a bar needs a backslash (GFM 4.10)."""
    text = " ".join(_cut(text).split()).replace("|", r"\|")
    if not text:
        return ""
    fence = "`" * (_backticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _backticks(text: str) -> int:
    """The longest run of backticks; what fences the text must be longer."""
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _cut(text: str) -> str:
    text = parts.clean(text)
    rest = len(text) - LONGEST
    return text if rest <= 0 else f"{text[:LONGEST]}... ({rest} more characters)"


# For other documents in Markdown.
prose, code = _prose, _code
