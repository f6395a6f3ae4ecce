"""From the paths a tool saw to the paths the author knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from validator.record import Place


@dataclass(frozen=True, kw_only=True)
class Places:
    """Pairs of (path inside, path of the author's file or directory), the longest inside path first.

    `origins` are, for files that were rendered from others, what each part comes from: its first line and the place.
    """

    pairs: Sequence[tuple[str, str]] = ()
    origins: Mapping[str, Sequence[tuple[int, Place]]] = field(default_factory=dict)

    def file(self, path: str) -> str:
        """The author's name for a path; paths of the image stay as they are."""
        for inside, written in sorted(self.pairs, key=lambda pair: -len(pair[0])):
            if path == inside or path.startswith(f"{inside}/"):
                return written + path[len(inside) :]
        return path

    def place(self, path: str | None, line: int | None) -> Place | None:
        """A place, or None where the tool named no file."""
        if not path:
            return None
        before = [place for first, place in self.origins.get(path, ()) if line is not None and first <= line]
        return before[-1] if before else Place(file=self.file(path), line=line)

    def text(self, text: str) -> str:
        """A message with the author's names for the paths in it."""
        for inside, written in sorted(self.pairs, key=lambda pair: -len(pair[0])):
            text = text.replace(inside, written)
        return text
