"""What a watch waits for: a save, a key, the end of a run."""

from __future__ import annotations

import os
import selectors
from collections.abc import Iterable
from pathlib import Path

from validator import sources
from validator.sources import Files
from validator.watch.waker import Waker

LOOK = 5.0  # seconds after which files are looked at even if nothing was heard of them
MISSING = 0.5  # the same while one of them is not there
STDIN = 0


class Ears:
    """Waits, and knows what has happened since it was made: `changed` files, and whether somebody `asked` for a run.

    What was heard says only when to look: the files themselves say what has changed.
    """

    def __init__(self, waker: Waker, roots: Iterable[Path]) -> None:
        self._waker, self._roots = waker, tuple(roots)
        waker.watch(self._roots)
        self.files: Files = sources.look(self._roots)
        self.changed: frozenset[Path] = frozenset()
        self.asked = False
        self._keys = os.isatty(STDIN)

    @property
    def happened(self) -> bool:
        """Whether a run is due."""
        return self.asked or bool(self.changed)

    def wait(self, ended: int | None = None) -> bool:
        """Wait for something, and look; True when the descriptor `ended` can be read."""
        heard = {self._waker.woken} | ({STDIN} if self._keys else set()) | (set() if ended is None else {ended})
        with selectors.PollSelector() as selector:
            for descriptor in heard:
                selector.register(descriptor, selectors.EVENT_READ)
            ready = {key.fd for key, _ in selector.select(LOOK if all(map(Path.exists, self._roots)) else MISSING)}
        if self._waker.woken in ready:
            self._waker.calm()
        if STDIN in ready:
            self._keys = bool(os.read(STDIN, 4096))
            self.asked = self.asked or self._keys
        self.changed = sources.changed(self.files, sources.look(self._roots, self.files))
        return ended in ready
