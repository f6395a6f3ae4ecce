"""The combined result of a matrix as one HTML page that needs nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from validator.matrix.result import MatrixResult, Outcome
from validator.render.matrix.parts import Links, causes, summary, took

STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --doubt: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #f85149; --doubt: #d29922; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
td p { margin: 0; font-size: .9em; }
.good { color: var(--good); } .bad { color: var(--bad); } .doubt { color: var(--doubt); }
.wide { overflow-x: auto; }
"""
CLASSES = {"as expected": "good", "unexpected": "bad", "not judged": "doubt", "not run": "doubt"}


def render(result: MatrixResult, links: Links) -> str:
    """The page: scenarios against images, then each cell with its causes and its reports."""
    said = escape(summary(result))
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{said}</title><style>{STYLE}</style></head><body>",
        f"<h1>Matrix</h1><p>{said}</p>",
        *_grid(result),
        *_cells(result, links),
        *_unchanged(result),
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"


def _grid(result: MatrixResult) -> Iterator[str]:
    """One row a scenario and variant, one column an image."""
    images = tuple(dict.fromkeys(outcome.cell.image for outcome in result.outcomes))
    rows: dict[tuple[str, str], dict[str, tuple[int, Outcome]]] = {}
    for number, outcome in enumerate(result.outcomes):
        row = rows.setdefault((outcome.cell.scenario, outcome.cell.variant), {})
        row[outcome.cell.image] = (number, outcome)
    if not rows:
        return
    yield '<div class="wide"><table><thead><tr><th>scenario</th><th>variant</th>'
    yield "".join(f"<th>{escape(image)}</th>" for image in images) + "</tr></thead><tbody>"
    for (scenario, variant), row in rows.items():
        yield f"<tr><th>{escape(scenario)}</th><td>{escape(variant)}</td>"
        for image in images:
            yield _square(*row[image]) if image in row else "<td></td>"
        yield "</tr>"
    yield "</tbody></table></div>"


def _square(number: int, outcome: Outcome) -> str:
    return f'<td><a class="{CLASSES[outcome.answer]}" href="#cell-{number}">{escape(outcome.said)}</a></td>'


def _cells(result: MatrixResult, links: Links) -> Iterator[str]:
    if not result.outcomes:
        return
    yield '<div class="wide"><table><thead><tr><th>cell</th><th>verdict</th><th>expected</th><th>took</th>'
    yield "<th>reports</th></tr></thead><tbody>"
    for number, outcome in enumerate(result.outcomes):
        reports = links.get(outcome.cell.name, {})
        # The page itself may lie anywhere: links are relative to it.
        shown = " ".join(f'<a href="{escape(quote(place))}">{escape(name)}</a>' for name, place in reports.items())
        yield f'<tr id="cell-{number}"><td>{escape(outcome.cell.name)}<p>{escape(outcome.title)}</p>'
        if outcome.answer != "as expected":
            yield "".join(f"<p>{escape(line)}</p>" for line in causes(outcome))
        yield f'</td><td class="{CLASSES[outcome.answer]}">{escape(outcome.said)}</td>'
        yield f"<td>{escape(outcome.cell.expect)}</td><td>{escape(took(outcome))}</td><td>{shown}</td></tr>"
    yield "</tbody></table></div>"


def _unchanged(result: MatrixResult) -> Iterator[str]:
    if result.unchanged:
        yield f"<h2>As they were at {escape(result.since)}, and left out</h2><ul>"
        yield "".join(f"<li>{escape(name)}</li>" for name in result.unchanged) + "</ul>"
