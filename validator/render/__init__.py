"""From a result to text in one format. Pure: nothing is computed or looked up here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from validator.render import github, html, json, junit, markdown, sarif, text
from validator.verdict import Result


class Renderer(Protocol):
    """A way to show a result. `details` asks for everything that witnesses saw, where that is not shown anyway."""

    def __call__(self, result: Result, *, details: bool = False) -> str:
        """The text."""


RENDERERS: Mapping[str, Renderer] = {
    "text": text.render,
    "json": json.render,
    "markdown": markdown.render,
    "junit": junit.render,
    "sarif": sarif.render,
    "github": github.render,
    "html": html.render,
}
