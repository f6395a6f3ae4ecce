"""From a result to text in one format. Pure: nothing is computed or looked up here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from validator.render import json, text
from validator.verdict import Result

RENDERERS: Mapping[str, Callable[[Result], str]] = {"text": text.render, "json": json.render}
