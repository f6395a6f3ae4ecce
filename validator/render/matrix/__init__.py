"""From the result of a matrix to text in one format. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from validator.matrix.result import MatrixResult
from validator.render.matrix import html, json, junit, text
from validator.render.matrix.parts import Links


class Renderer(Protocol):
    """A way to show a combined result; `links` lead to the reports of its cells."""

    def __call__(self, result: MatrixResult, links: Links) -> str:
        """The text."""


RENDERERS: Mapping[str, Renderer] = {
    "text": text.render,
    "json": json.render,
    "junit": junit.render,
    "html": html.render,
}
