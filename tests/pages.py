"""What a page of the documentation has its reader write and run."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tests.conftest import PROJECT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"^# (\S+)\n")


def blocks(page: str, *languages: str) -> list[str]:
    """The fenced blocks of a page below docs/."""
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    return [textwrap.dedent(block) for language, block in BLOCK.findall(text) if language in languages]


def scripts(page: str) -> list[str]:
    """What it has its reader run, in order."""
    return blocks(page, "sh")


def files(page: str) -> dict[str, str]:
    """What it has its reader write: blocks that begin with a comment that is a path."""
    found = {}
    for block in blocks(page, "yaml", "puppet"):
        named = NAMED.match(block)
        if named is not None:
            found[named[1]] = block[named.end() :]
    return found


def write(page: str, directory: Path) -> None:
    """Write all of them."""
    for name, text in files(page).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
